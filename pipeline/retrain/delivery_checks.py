"""What a delivery must be like, beside those before it, to be learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation.drift import counts_beside_samples, index_of_counts
from pipeline.files.categories import SPELLINGS
from pipeline.params.sections import DataParams, RetrainParams
from pipeline.retrain.deliveries import joined

if TYPE_CHECKING:
    import pandas as pd

    from features.schema import TransactionSchema

FEWEST_TO_COMPARE = 200  # rows; fewer say nothing about drift
LARGEST_FIRST_RATE = 0.5  # share of frauds where none were known
MAX_NAMED = 3
SECONDS_PER_DAY = 86_400


class RefusedError(ValueError):
    """A delivery that cannot be learnt from; the message says why."""


def checked(
    table: pd.DataFrame, before: pd.DataFrame | None, data: DataParams, limits: RetrainParams
) -> pd.DataFrame:
    """Return a delivery in the types in which deliveries are kept.

    Time in seconds, numbers float64, categories and other text str, the label float64 and missing
    where it has not arrived. Whatever wrote the files, rows of two deliveries can so be put
    together and compared.

    Parameters
    ----------
    table : DataFrame
        As read.
    before : DataFrame or None
        The rows of all deliveries before it, or None.
    data : DataParams
        Names the columns.
    limits : RetrainParams
        How far a delivery may be from those before it.

    Raises
    ------
    RefusedError
        If columns are missing, new or of another kind than before, values cannot be used, times
        lie too far ahead, or inputs or labels are too far from those before.
    """
    _check_names(table, before, data)
    if not len(table):
        return table  # it says that nothing happened
    if before is not None and data.label not in before:
        before = before.assign(**{data.label: np.nan})
    kept = _in_kept_types(table, before, data)
    _check_times(kept, before, data, limits)
    if before is not None:
        _check_beside(kept, before, data, limits)
    # Another column may turn out to be the label; an empty one of this name would stay.
    return kept if data.label in table else kept.drop(columns=data.label)


def text_columns(before: pd.DataFrame | None) -> list[str]:
    """Columns that held text so far, and are to be read as text again."""
    import pandas as pd

    if before is None:
        return []
    return [str(name) for name in before if not pd.api.types.is_numeric_dtype(before[name])]


def _check_names(table: pd.DataFrame, before: pd.DataFrame | None, data: DataParams) -> None:
    if data.time is None:
        raise RefusedError("retraining needs data.time in params.yaml: the newest rows judge")
    wanted = [data.time] if before is None else [name for name in before if name != data.label]
    missing = [str(name) for name in wanted if name not in table]
    if missing:
        raise RefusedError(f"columns are missing: {', '.join(missing[:10])}")
    if before is not None:
        extra = [str(name) for name in table if name not in before and name != data.label]
        if extra:
            raise RefusedError(f"columns are new: {', '.join(extra[:10])}")


def _in_kept_types(
    table: pd.DataFrame, before: pd.DataFrame | None, data: DataParams
) -> pd.DataFrame:
    import pandas as pd

    from features.row_checks import check_rows
    from features.schema import SchemaError, resolve_schema

    label = data.label
    # A label that has not arrived yet is no mistake.
    labels = pd.Series(np.nan, table.index) if label not in table else table[label]
    known = labels.dropna()
    if not set(known.unique().tolist()) <= {0, 1}:
        raise RefusedError(f"column {label} must hold 0, 1 or nothing")
    labels = pd.Series(labels.to_numpy(dtype=np.float64, na_value=np.nan), table.index)
    filled = table.assign(**{label: labels.fillna(0)})
    filled = _text_as_before(filled, before, data)
    try:
        schema = resolve_schema(
            filled, label=label, time=data.time, amount=data.amount, features=data.features,
            ignored=data.ignored,
        )  # fmt: skip
    except SchemaError as error:
        raise RefusedError("; ".join(error.problems)) from error
    _check_kinds(schema, before)
    rows, problems = check_rows(filled, schema)
    if problems:
        raise RefusedError(
            "; ".join(
                f"column {problem.column}: {problem.reason} in {len(problem.rows)} rows"
                for problem in problems[:MAX_NAMED]
            )
        )
    for name in set(table) - set(schema.columns):
        rows[name] = _plain(table[name])
    rows[label] = labels.to_numpy()
    names = [name for name in table if name != label] if before is None else list(before)
    return rows[[*(name for name in names if name != label), label]]


def _text_as_before(
    table: pd.DataFrame, before: pd.DataFrame | None, data: DataParams
) -> pd.DataFrame:
    """Mark columns that held text before, lest text that reads as numbers passes for numbers."""
    import pandas as pd

    if before is None:
        return table
    marked = {}
    for name in set(text_columns(before)) - set(data.ignored):
        was_boolean = set(before[name].unique()) <= set(SPELLINGS.values())
        is_boolean = pd.api.types.is_bool_dtype(table[name])
        if (was_boolean and is_boolean) or not pd.api.types.is_numeric_dtype(table[name]):
            text = table[name].map(str, na_action="ignore")
            marked[name] = (text.replace(SPELLINGS) if was_boolean else text).astype("category")
    return table.assign(**marked)


def _check_kinds(schema: TransactionSchema, before: pd.DataFrame | None) -> None:
    """Refuse numbers where text was before, and the other way round."""
    if before is None:
        return
    texts = set(text_columns(before))
    for name in schema.inputs:
        now, then = name in schema.categorical, name in texts
        if now != then:
            kinds = {True: "text", False: "numbers"}
            raise RefusedError(
                f"column {name} holds {kinds[now]}, in the deliveries before it held {kinds[then]}"
            )


def _plain(column: pd.Series) -> pd.Series:
    """Return a column that nothing uses, as numbers or as text."""
    import pandas as pd

    column = column.reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype(np.float64)
    return column.map(str, na_action="ignore")


def _check_times(
    table: pd.DataFrame, before: pd.DataFrame | None, data: DataParams, limits: RetrainParams
) -> None:
    """Refuse rows that lie far after all others.

    The newest row says how old the others are: one with a wrong date would push them out of the
    window, or let labels pass for ripe.
    """
    if limits.max_days_ahead is None:
        return
    seconds = np.sort(table[data.time].to_numpy())
    newest = seconds[0] if before is None else _newest(before, str(data.time))
    later = np.concatenate([[newest], seconds[seconds > newest]])
    gaps = np.flatnonzero(np.diff(later) > limits.max_days_ahead * SECONDS_PER_DAY)
    if not len(gaps):
        return
    # Nothing tells whether the first delivery has its smaller part too late or too early.
    gap = gaps[0] if before is not None else gaps[-1]
    n_ahead = len(later) - 1 - gap
    if before is None and n_ahead > len(seconds) / 2:
        return
    days = (later[gap + 1] - later[gap]) / SECONDS_PER_DAY
    raise RefusedError(
        f"column {data.time}: {n_ahead:,} rows come {days:,.0f} days after all others; more than "
        f"{limits.max_days_ahead:g} are refused (retrain.max_days_ahead)"
    )


def _newest(before: pd.DataFrame, time: str) -> float:
    import pandas as pd

    from features.row_checks import seconds_of

    seconds = seconds_of(before[time])
    if not pd.api.types.is_numeric_dtype(seconds):
        raise RefusedError(
            f"column {time} (data.time) holds text in the deliveries before: was data.time another "
            "column when they were taken in?"
        )
    return float(seconds.max())


def _check_beside(
    table: pd.DataFrame, before: pd.DataFrame, data: DataParams, limits: RetrainParams
) -> None:
    """Refuse inputs or labels that are too far from those before.

    Transactions that are known already tell nothing about drift: a delivery that completes labels
    may well be nothing but chargebacks.
    """
    import pandas as pd

    both = joined([before, table[list(before)]])
    used = [name for name in both if name != data.label and name not in data.ignored]
    _check_categories(both[used])
    identity = pd.util.hash_pandas_object(both[used], index=False).to_numpy()
    is_first = ~pd.Series(identity).duplicated().to_numpy()
    is_of_table = np.arange(len(both)) >= len(before)
    is_old, is_fresh = is_first & ~is_of_table, is_first & is_of_table
    # Fraud wins where labels contradict each other, as in the window.
    label = both[data.label].groupby(identity).transform("max").to_numpy()
    if min(is_old.sum(), is_fresh.sum()) >= FEWEST_TO_COMPARE:
        _check_drift(both[is_old], both[is_fresh], data, limits)
        _check_fraud_rate(label[is_fresh], label[is_old], limits)
    is_completed = np.isin(identity, identity[is_of_table & both[data.label].notna().to_numpy()])
    times = both[data.time][is_old & is_completed]
    if len(times):
        inside = is_old & both[data.time].between(times.min(), times.max()).to_numpy()
        # Rows without a label count as well: their frauds may be known before their all-clear.
        _check_fraud_rate(np.nan_to_num(label[inside]), label[is_old & ~inside], limits)


def _check_categories(used: pd.DataFrame) -> None:
    from features.schema import MAX_CATEGORIES

    for name in text_columns(used):
        n_values = used[name].nunique()
        if n_values > MAX_CATEGORIES:
            raise RefusedError(
                f"column {name} would hold {n_values} different texts with the deliveries before; "
                f"at most {MAX_CATEGORIES} categories can be used"
            )


def _check_drift(
    old: pd.DataFrame, new: pd.DataFrame, data: DataParams, limits: RetrainParams
) -> None:
    moved = {}
    for name in old:
        if name in {data.label, data.time, *data.ignored}:
            continue
        index = index_of_counts(*_counts(old[name], new[name]))
        # Many rare categories have a high index by chance alone.
        if index.low > limits.max_psi:
            moved[str(name)] = index.value
    if moved:
        far = sorted((-index, name) for name, index in moved.items())[:MAX_NAMED]
        named = ", ".join(f"{name} {-index:.2f}" for index, name in far)
        raise RefusedError(
            f"{len(moved)} inputs have moved too far (population stability index {named}; at most "
            f"{limits.max_psi:g}, retrain.max_psi)"
        )


def _counts(old: pd.Series, new: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(old):
        counts: tuple[np.ndarray, np.ndarray] = counts_beside_samples(old, new)
        return counts
    rows = pd.concat([old.value_counts(), new.value_counts()], axis=1).fillna(0).to_numpy()
    return rows[:, 0], rows[:, 1]


def _check_fraud_rate(now: np.ndarray, then: np.ndarray, limits: RetrainParams) -> None:
    now, then = (labels[~np.isnan(labels)] for labels in (now, then))
    if len(now) < FEWEST_TO_COMPARE:
        return
    rate, usual = float(now.mean()), float(then.mean()) if len(then) else 0.0
    # Some frauds more or less are chance: three standard deviations of their number.
    allowed = limits.max_fraud_rate_ratio * usual + 3 * np.sqrt(usual / len(now))
    if not usual:  # nothing to compare with
        allowed = LARGEST_FIRST_RATE
    if rate > allowed:
        raise RefusedError(
            f"the fraud rate of its labels is {rate:.3%}, before it was {usual:.3%}; more than "
            f"{limits.max_fraud_rate_ratio:g} times is refused (retrain.max_fraud_rate_ratio)"
        )
