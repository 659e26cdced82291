"""Windows of a series: cut from a table per card, put into one array, brought back to rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

NO_ROW = -1


@dataclass(frozen=True)
class CardWindows:
    """Windows of consecutive transactions of one card each.

    Attributes
    ----------
    values : float32 ndarray of shape (n_windows, length, n_features)
        In the order of time, padded at the end with NaN; what `SequenceAnomalyDetector` takes.
    rows : int ndarray of shape (n_windows, length)
        Position in the table of each step, -1 at padding.
    features : tuple of str
        Names of the features.
    n_rows : int
        Rows of the table.
    """

    values: np.ndarray
    rows: np.ndarray
    features: tuple[str, ...]
    n_rows: int

    @property
    def last_rows(self):
        """Position in the table of the last transaction of each window: (n_windows,)."""
        n_steps = np.sum(self.rows != NO_ROW, axis=1)
        return self.rows[np.arange(len(self.rows)), n_steps - 1]

    def to_rows(self, of_windows):
        """Bring a figure of each window, or of each of its steps, to the rows of the table.

        A row takes the figure of the first window that it is in, so that nothing later than
        needed has a say; with ``stride=1`` that is the window that ends with it.

        Parameters
        ----------
        of_windows : array-like of shape (n_windows,) or (n_windows, length)
            One figure for a window, or one for each step.

        Returns
        -------
        ndarray of shape (n_rows,)

        Raises
        ------
        ValueError
            If the shape is another one.
        """
        figures = np.asarray(of_windows, dtype=np.float64)
        if figures.ndim == 1:
            figures = np.repeat(figures[:, None], self.rows.shape[1], axis=1)
        if figures.shape != self.rows.shape:
            raise ValueError(
                f"expected figures of shape ({len(self.rows)},) or {self.rows.shape}, got "
                f"{np.shape(of_windows)}"
            )
        placed = np.full(self.n_rows, np.nan)
        # The windows of a card stand in the order of time: written last to first, the first stays.
        rows, figures = self.rows[::-1], figures[::-1]
        is_real = rows != NO_ROW
        placed[rows[is_real]] = figures[is_real]
        return placed


def card_windows(transactions, *, card, time, columns, length, stride=1, with_gaps=False):
    """Windows of the transactions of each card.

    A window holds a transaction and those of the same card before it, up to `length` in all,
    never another card's and never a later one. Nothing is learnt from the table, so windows may
    be cut before rows are split; those that end in the test part look back into the training
    part, as they would in use. Scale with what was fitted on training rows.

    Parameters
    ----------
    transactions : DataFrame of shape (n_rows, n_columns)
        In any order; transactions of one card at one time keep the table's order.
    card, time : str
        Columns with the card (any value but missing) and the time (numbers or dates).
    columns : sequence of str
        Numeric columns that become features; finite.
    length : int
        Transactions of a window, at least 1.
    stride : int, default=1
        A window ends at every `stride`-th transaction of a card, and at its last; at most
        `length`, so that every transaction is in a window. 1 gives each its own window, which
        is what scoring needs; `length` hardly repeats any, which is enough for training.
    with_gaps : bool, default=False
        Add the feature ``log_gap``: ``log(1 + time since the card's previous transaction)``, in
        seconds for dates and in the column's unit otherwise; 0 for a card's first.

    Returns
    -------
    CardWindows

    Raises
    ------
    ValueError
        If a column is missing, not numeric or has missing or infinite values, or `length` or
        `stride` is out of range.

    Examples
    --------
    >>> table = pd.DataFrame({"card": ["a", "b", "a"], "t": [2, 1, 1], "amount": [20.0, 5.0, 10.0]})
    >>> windows = card_windows(table, card="card", time="t", columns=["amount"], length=2)
    >>> windows.rows.tolist()
    [[2, -1], [2, 0], [1, -1]]
    >>> windows.values[:, :, 0].tolist()
    [[10.0, nan], [10.0, 20.0], [5.0, nan]]
    """
    if length < 1 or not 1 <= stride <= length:
        raise ValueError(
            f"expected length >= 1 and 1 <= stride <= length, got length={length}, stride={stride}"
        )
    seconds = _checked(transactions, card, time, columns)
    codes = pd.factorize(transactions[card])[0]
    # lexsort is stable, so that equal times keep the order of the table.
    order = np.lexsort((seconds, codes))
    starts, first, last = _windows(codes[order], length, stride)
    steps = starts[:, None] + np.arange(length)
    is_real = steps <= last[:, None]
    rows = np.where(is_real, order[np.minimum(steps, max(len(order) - 1, 0))], NO_ROW)
    features = transactions[list(columns)].to_numpy(dtype=np.float32)
    names = tuple(columns)
    if with_gaps:
        features = np.column_stack([features, _log_gaps(seconds, order, first)])
        names = (*names, "log_gap")
    values = np.where(is_real[:, :, None], features[rows], np.float32(np.nan))
    return CardWindows(values.astype(np.float32), rows, names, len(transactions))


def _windows(codes, length, stride):
    """First and last place of each window among rows ordered by card and time.

    Also returns whether each row is its card's first.
    """
    place = np.arange(len(codes))
    first = np.r_[True, codes[1:] != codes[:-1]][: len(codes)]
    is_last = np.r_[codes[1:] != codes[:-1], True][: len(codes)]
    card_start = np.maximum.accumulate(np.where(first, place, 0))
    ends = np.flatnonzero(((place - card_start + 1) % stride == 0) | is_last)
    return np.maximum(ends - length + 1, card_start[ends]), first, ends


def _log_gaps(seconds, order, first):
    gaps = np.empty(len(order), dtype=np.float32)
    since = np.diff(seconds[order], prepend=0.0)
    gaps[order] = np.log1p(np.where(first, 0.0, since))
    return gaps


def _checked(transactions, card, time, columns):
    """Times as numbers, after a look at everything that windows are made of."""
    wanted = [card, time, *columns]
    missing = [name for name in wanted if name not in transactions]
    if missing:
        raise ValueError(f"the table lacks {missing}, expected the columns {wanted}")
    for name in (card, time):
        if transactions[name].isna().any():
            where = int(np.argmax(transactions[name].isna().to_numpy()))
            raise ValueError(f"column {name!r} has missing values, the first at row {where}")
    times = transactions[time]
    if pd.api.types.is_datetime64_any_dtype(times):
        times = (times - times.min()) / pd.Timedelta(seconds=1)
    numbers = {time: times, **{name: transactions[name] for name in columns}}
    for name, column in numbers.items():
        if not pd.api.types.is_numeric_dtype(column):
            raise ValueError(f"column {name!r} must hold numbers, got {column.dtype}")
        is_bad = ~np.isfinite(column.to_numpy(dtype=np.float64))
        if is_bad.any():
            raise ValueError(
                f"column {name!r} must be finite, got {int(is_bad.sum())} other values, the "
                f"first at row {int(np.argmax(is_bad))}"
            )
    return times.to_numpy(dtype=np.float64)


def padded(windows):
    """One array of windows of unequal length, NaN behind the shorter ones.

    Parameters
    ----------
    windows : sequence of array-like of shape (n_steps, n_features)
        At least one.

    Returns
    -------
    ndarray of shape (n_windows, n_most_steps, n_features)

    Raises
    ------
    ValueError
        If windows differ in their number of features.

    Examples
    --------
    >>> padded([[[1.0], [2.0]], [[3.0]]])[:, :, 0].tolist()
    [[1.0, 2.0], [3.0, nan]]
    """
    arrays = [np.asarray(window, dtype=np.float64) for window in windows]
    widths = sorted({array.shape[1] if array.ndim == 2 else None for array in arrays}, key=str)
    if len(widths) != 1 or widths[0] is None:
        raise ValueError(
            f"every window must have shape (n_steps, n_features) with the same features, got "
            f"the shapes {sorted({array.shape for array in arrays})[:5]}"
        )
    result = np.full((len(arrays), max(map(len, arrays)), widths[0]), np.nan)
    for window, array in zip(result, arrays, strict=True):
        window[: len(array)] = array
    return result
