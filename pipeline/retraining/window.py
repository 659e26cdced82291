"""Makes the training table of all deliveries: labels that are ripe, within a window of days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.params import DataParams, RetrainParams

if TYPE_CHECKING:
    import pandas as pd

SECONDS_PER_DAY = 86_400


def labelled_window(table: pd.DataFrame, data: DataParams, limits: RetrainParams) -> pd.DataFrame:
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
    """
    time, label = str(data.time), data.label
    identity = [str(name) for name in table if name != label]
    # The greatest label wins; missing ones come last.
    ordered = table.sort_values(label, ascending=False, kind="stable", na_position="last")
    rows = ordered.drop_duplicates(subset=identity)
    newest = float(rows[time].max()) - limits.label_delay_days * SECONDS_PER_DAY
    kept = rows[label].notna() & (rows[time] <= newest)
    if limits.window_days is not None:
        kept &= rows[time] > newest - limits.window_days * SECONDS_PER_DAY
    window = rows[kept].sort_values([time, *identity], kind="stable", ignore_index=True)
    return window.astype({label: "int8"})
