"""Makes the training table of all deliveries: labels that are ripe, within a window of days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.files.given_labels import GivenLabel
from pipeline.params.sections import DataParams, Params
from pipeline.retrain.given_labels import labelled_by_people

if TYPE_CHECKING:
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
    table: pd.DataFrame, params: Params, given: Mapping[str, GivenLabel] | None = None
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
    params : Params
        `data` names label and time, `retrain` the window, `split` who trains and who judges.
    given : mapping of str to GivenLabel, optional
        What people said, by key. Rows that it is about train, where no delivery has labelled them
        and they are older than all rows that judge.

    Raises
    ------
    InputError
        If the columns cannot be used.
    """
    from pandas.api import types

    from features.row_checks import seconds_of

    time, label = str(params.data.time), params.data.label
    # Columns that nothing uses may be spelled otherwise in another delivery.
    identity = [str(name) for name in table if name not in (label, *params.data.ignored)]
    # The greatest label wins; missing ones come last.
    ordered = table.sort_values(label, ascending=False, kind="stable", na_position="last")
    rows = ordered.drop_duplicates(subset=identity)
    seconds = seconds_of(rows[time])
    if not types.is_numeric_dtype(seconds):
        raise InputError(
            f"column {time} (data.time) of the deliveries holds neither numbers nor times"
        )
    rows = with_codes(rows, params.data)
    newest = float(seconds.max()) - params.retrain.label_delay_days * SECONDS_PER_DAY
    inside = seconds <= newest
    if params.retrain.window_days is not None:
        inside &= seconds > newest - params.retrain.window_days * SECONDS_PER_DAY
    rows, seconds = rows[inside], seconds[inside]
    kept = rows[label].notna()
    used: dict[str, GivenLabel] = {}
    if given and kept.any():
        may_train = (seconds < _end_of_training(seconds[kept], params)).to_numpy()
        is_used, used = labelled_by_people(rows, may_train, params.data, given)
        kept |= is_used
    window = rows[kept].sort_values([time, *identity], kind="stable", ignore_index=True)
    return Window(window.astype({label: "float64" if used else "int8"}), used)


def with_codes(rows: pd.DataFrame, data: DataParams) -> pd.DataFrame:
    """Mark text that a model uses as categories: codes may read as numbers, and are none."""
    from pandas.api import types

    texts = [name for name in rows if not types.is_numeric_dtype(rows[name])]
    return rows.astype(
        {name: "category" for name in texts if name not in (data.time, *data.ignored)}
    )


def _end_of_training(seconds: pd.Series, params: Params) -> float:
    """Return when the rows begin that judge, or the gap before them."""
    from features.splitting import starts_by_time

    return starts_by_time(
        seconds.to_numpy(),
        validation_fraction=params.split.validation_fraction,
        test_fraction=params.split.test_fraction,
        delay_days=params.split.delay_days,
    )[0]
