"""Makes the training table of all deliveries: labels that are ripe, within a window of days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.labelling.table import GivenLabel
from pipeline.params import DataParams, RetrainParams

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Window:
    """What a challenger is trained and judged on.

    Attributes
    ----------
    rows : DataFrame
        In order of time. The label is missing where only people gave one.
    given : mapping of str to GivenLabel
        Those labels, by the key of their transaction.
    """

    rows: pd.DataFrame
    given: Mapping[str, GivenLabel] = field(default_factory=dict)


def labelled_window(
    table: pd.DataFrame,
    data: DataParams,
    limits: RetrainParams,
    given: Mapping[str, GivenLabel] | None = None,
) -> Window:
    """Return the rows that a challenger is trained and judged on, in order of time.

    A transaction may come in several deliveries, first without and later with its label; it
    counts once, and if labels contradict each other it is a fraud: a chargeback comes after the
    all-clear, never the other way round. Neither depends on the order of the deliveries. Rows of
    the newest `label_delay_days` are left out even where they have a label: frauds among them
    that nobody has noticed yet would count as genuine.

    Parameters
    ----------
    table : DataFrame
        All deliveries; the label may be missing in rows.
    data : DataParams
        Names label and time.
    limits : RetrainParams
        `label_delay_days` and `window_days`.
    given : mapping of str to GivenLabel, optional
        What people said, by key. It brings the rows that it is about into the window where no
        delivery has labelled them.
    """
    time, label = str(data.time), data.label
    identity = [str(name) for name in table if name != label]
    # The greatest label wins; missing ones come last.
    ordered = table.sort_values(label, ascending=False, kind="stable", na_position="last")
    rows = ordered.drop_duplicates(subset=identity)
    newest = float(rows[time].max()) - limits.label_delay_days * SECONDS_PER_DAY
    inside = rows[time] <= newest
    if limits.window_days is not None:
        inside &= rows[time] > newest - limits.window_days * SECONDS_PER_DAY
    kept = inside & rows[label].notna()
    used: dict[str, GivenLabel] = {}
    if given:
        is_open = (inside & ~kept).to_numpy()
        keys = _keys(rows, is_open, data)
        used = {key: given[key] for key in keys if key in given}
        kept |= _placed([key in used for key in keys], is_open)
    window = rows[kept].sort_values([time, *identity], kind="stable", ignore_index=True)
    if not used:
        window = window.astype({label: "int8"})
    return Window(window, used)


def _placed(values: list[bool], where: np.ndarray) -> np.ndarray:
    """Return a mask that is true where the values of the marked places are."""
    mask = where.copy()
    mask[where] = values
    return mask


def _keys(rows: pd.DataFrame, wanted: np.ndarray, data: DataParams) -> list[str]:
    """Return the keys of the wanted rows, as `counterfoil label suggest` made them."""
    from features.row_checks import check_rows
    from features.schema import resolve_schema
    from features.transaction_keys import transaction_keys

    filled = rows.assign(**{data.label: rows[data.label].fillna(0)})
    schema = resolve_schema(
        filled, label=data.label, time=data.time, amount=data.amount, features=data.features,
        ignored=data.ignored,
    )  # fmt: skip
    checked, _ = check_rows(filled[wanted], schema)
    keys: list[str] = transaction_keys(checked, schema).tolist()
    return keys
