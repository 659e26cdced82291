"""Division of transactions into training, validation and test part, and the label budget."""

import numpy as np
import pandas as pd

TRAINING, VALIDATION, TEST, EXCLUDED = "train", "validation", "test", "excluded"
PARTS = (TRAINING, VALIDATION, TEST, EXCLUDED)
SECONDS_PER_DAY = 86_400.0
# At least so many rows of either class: a sampler needs two neighbours, a curve one fraud.
MIN_ROWS = {TRAINING: 2, VALIDATION: 1, TEST: 1}


def group_identical(inputs: pd.DataFrame) -> np.ndarray:
    """Number of the group of identical rows that each row belongs to.

    Parameters
    ----------
    inputs : DataFrame of shape (n_rows, n_inputs)
        What a model sees; without time and label.

    Returns
    -------
    ndarray of shape (n_rows,), int64
        Groups are numbered as they first appear. Rows are compared by a 64-bit hash: a collision
        would only keep two different rows together.

    Examples
    --------
    >>> group_identical(pd.DataFrame({"V1": [1.0, 2.0, 1.0], "V2": [5.0, 5.0, 5.0]})).tolist()
    [0, 1, 0]
    """
    hashes = pd.util.hash_pandas_object(inputs, index=False).to_numpy()
    return pd.factorize(hashes)[0].astype(np.int64)


def split_stratified(y, groups, *, validation_fraction, test_fraction, rng):
    """Part of each row, drawn at random with the same fraud rate in all parts.

    Parameters
    ----------
    y : ndarray of shape (n_rows,), values in {0, 1}
        1 marks fraud.
    groups : ndarray of shape (n_rows,)
        Rows of one group stay together, see `group_identical`; a group with any fraud counts
        as fraud.
    validation_fraction, test_fraction : float in (0, 1), sum below 1
        Shares of the rows; at least one group of either class each.
    rng : numpy.random.Generator
        Source of the draw.

    Returns
    -------
    ndarray of shape (n_rows,), str
        "train", "validation" or "test".

    Raises
    ------
    ValueError
        If a part gets too few rows of a class (`MIN_ROWS`).
    """
    y, groups = np.asarray(y), np.asarray(groups)
    first_row, group_of_row, sizes = _renumber(groups)
    is_fraud_group = np.zeros(len(sizes), dtype=bool)
    is_fraud_group[group_of_row[y == 1]] = True
    part_of_group = np.full(len(sizes), TRAINING, dtype="U10")
    for is_fraud in (False, True):
        members = np.flatnonzero(is_fraud_group == is_fraud)
        # Groups are put in order of their first row, so that their numbering is irrelevant.
        members = rng.permutation(members[np.argsort(first_row[members])])
        n_rows = sizes[members].sum()
        n_test = max(round(n_rows * test_fraction), 1)
        n_validation = max(round(n_rows * validation_fraction), 1)
        # A group belongs where its middle row falls when the shuffled groups are laid in line.
        middle = np.cumsum(sizes[members]) - sizes[members] / 2
        part_of_group[members[middle < n_test + n_validation]] = VALIDATION
        part_of_group[members[middle < n_test]] = TEST
    part = part_of_group[group_of_row]
    _check_parts(
        y, part, "lower split.validation_fraction or split.test_fraction, or use more data"
    )
    return part


def split_by_time(time, y, groups, *, validation_fraction, test_fraction, delay_days):
    """Part of each row by time: training, a gap, validation, test.

    The test part is the last `test_fraction` of the rows, validation the `validation_fraction`
    right before it. Rows in the `delay_days` before validation are excluded, as their labels would
    not be known yet when a model is trained. No moment is divided between two parts. A row whose
    identical copy (same group) lies in an earlier part is excluded.

    Parameters
    ----------
    time : ndarray of shape (n_rows,), seconds
        In any order.
    y : ndarray of shape (n_rows,), values in {0, 1}
        1 marks fraud.
    groups : ndarray of shape (n_rows,)
        See `group_identical`.
    validation_fraction, test_fraction : float in (0, 1), sum below 1
        Shares of the rows.
    delay_days : float, >= 0
        How long it takes until a label is known.

    Returns
    -------
    ndarray of shape (n_rows,), str
        "train", "validation", "test" or "excluded".

    Raises
    ------
    ValueError
        If a part gets too few rows of a class (`MIN_ROWS`).

    Examples
    --------
    >>> part = split_by_time(
    ...     np.arange(10.0), np.tile([0, 1], 5), np.arange(10),
    ...     validation_fraction=0.2, test_fraction=0.3, delay_days=1 / 86_400,
    ... )
    >>> [int((part == name).sum()) for name in PARTS]
    [4, 2, 3, 1]
    """
    time, y, groups = np.asarray(time, dtype=float), np.asarray(y), np.asarray(groups)
    gap_start, validation_start, test_start = starts_by_time(
        time,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        delay_days=delay_days,
    )
    # The stages in order of time; each later one overwrites.
    stage = np.zeros(len(time), dtype=int)
    stage[time >= gap_start] = 3
    stage[time >= validation_start] = 1
    stage[time >= test_start] = 2
    stage[_has_earlier_copy(stage, groups)] = 3
    part = np.array(PARTS)[stage]
    _check_parts(
        y,
        part,
        "lower split.delay_days, change split.validation_fraction or split.test_fraction, "
        "or use split.method: stratified",
    )
    return part


def starts_by_time(time, *, validation_fraction, test_fraction, delay_days):
    """When the gap, the validation part and the test part of `split_by_time` begin, in seconds.

    Parameters
    ----------
    time : ndarray of shape (n_rows,), seconds
        In any order; at least one.
    validation_fraction, test_fraction, delay_days
        As of `split_by_time`.

    Returns
    -------
    tuple of three floats

    Examples
    --------
    >>> [float(start) for start in starts_by_time(
    ...     np.arange(10.0), validation_fraction=0.2, test_fraction=0.3, delay_days=1 / 86_400
    ... )]
    [4.0, 5.0, 7.0]
    """
    ordered = np.sort(time)
    n_rows = len(ordered)
    n_test = max(round(n_rows * test_fraction), 1)
    n_validation = max(round(n_rows * validation_fraction), 1)
    validation_start = ordered[max(n_rows - n_test - n_validation, 0)]
    gap_start = validation_start - delay_days * SECONDS_PER_DAY
    return gap_start, validation_start, ordered[n_rows - n_test]


def place_unlabelled(part, is_known, groups, time=None, *, delay_days=0.0):
    """Part of each row once those of unknown label are put beside the others.

    They train, and judge nothing. One whose identical copy (same group) lies in another part is
    excluded. In a split by time so is one that is not older than the gap before validation.

    Parameters
    ----------
    part : ndarray of shape (n_known,), str
        Of the rows whose label is known, from `split_stratified` or `split_by_time`.
    is_known : ndarray of shape (n_rows,), bool
        Whether the label of each row is known.
    groups : ndarray of shape (n_rows,)
        See `group_identical`.
    time : ndarray of shape (n_rows,), seconds, optional
        Given for a split by time.
    delay_days : float, >= 0
        As of `split_by_time`.

    Returns
    -------
    ndarray of shape (n_rows,), str

    Examples
    --------
    >>> known = np.array([True, False, True, False])
    >>> place_unlabelled(np.array(["train", "test"]), known, np.array([0, 1, 2, 2])).tolist()
    ['train', 'train', 'test', 'excluded']
    """
    part, is_known, groups = np.asarray(part), np.asarray(is_known), np.asarray(groups)
    whole = np.full(len(is_known), TRAINING, dtype="U10")
    whole[is_known] = part
    judging = is_known & (whole != TRAINING)
    late = np.isin(groups, groups[judging])
    if time is not None:
        time = np.asarray(time, dtype=float)
        first_judged = time[is_known][part == VALIDATION].min() - delay_days * SECONDS_PER_DAY
        late |= time >= min(first_judged, time[judging].min())
    whole[~is_known & late] = EXCLUDED
    return whole


def choose_labelled(y, part, *, n_labelled_frauds, n_labelled_genuine, rng):
    """Whether the label of each row may be used: the label budget.

    Parameters
    ----------
    y : ndarray of shape (n_rows,), values in {-1, 0, 1}
        1 marks fraud, -1 a row of unknown label.
    part : ndarray of shape (n_rows,), str
        From `split_stratified` or `split_by_time`.
    n_labelled_frauds, n_labelled_genuine : int or None
        How many training rows of each class keep their label; None keeps all.
    rng : numpy.random.Generator
        Source of the draw.

    Returns
    -------
    ndarray of shape (n_rows,), bool
        False for training rows outside the budget or of unknown label, and for excluded rows;
        validation and test rows are always labelled.

    Raises
    ------
    ValueError
        If the budget is larger than the training part or leaves fewer than two rows of a class.
    """
    y, part = np.asarray(y), np.asarray(part)
    is_labelled = (part != EXCLUDED) & (y >= 0)
    budgets = {"n_labelled_genuine": n_labelled_genuine, "n_labelled_frauds": n_labelled_frauds}
    for label, (name, budget) in enumerate(budgets.items()):
        # Drawn in any case, so that one budget does not change the draw of the other.
        candidates = rng.permutation(np.flatnonzero((part == TRAINING) & (y == label)))
        if budget is None:
            continue
        kind = ("genuine rows", "frauds")[label]
        if not MIN_ROWS[TRAINING] <= budget <= len(candidates):
            raise ValueError(
                f"split.{name} must be from {MIN_ROWS[TRAINING]} to {len(candidates)}, the "
                f"{kind} of the training part, got {budget}; correct split.{name} in params.yaml "
                "(null keeps every label)"
            )
        is_labelled[candidates[budget:]] = False
    return is_labelled


def _renumber(groups):
    """First row of each group, group of each row counted from 0, and sizes."""
    _, first_row, group_of_row, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    return first_row, group_of_row, sizes


def _has_earlier_copy(stage, groups):
    """Rows of a part (stages 0 to 2) whose group also has a row in an earlier part."""
    _, group_of_row, sizes = _renumber(groups)
    earliest = np.full(len(sizes), 3)
    np.minimum.at(earliest, group_of_row, stage)
    return (stage < 3) & (stage > earliest[group_of_row])


def _check_parts(y, part, cure):
    """Raise if a part has too few rows of a class; the message has all counts."""
    frauds = {name: int(((part == name) & (y == 1)).sum()) for name in MIN_ROWS}
    genuine = {name: int(((part == name) & (y == 0)).sum()) for name in MIN_ROWS}
    for kind, counts in (("frauds", frauds), ("genuine rows", genuine)):
        short = [name for name, least in MIN_ROWS.items() if counts[name] < least]
        if short:
            got = ", ".join(f"{name} {count}" for name, count in counts.items())
            needed = ", ".join(f"{name} {least}" for name, least in MIN_ROWS.items())
            raise ValueError(
                f"too few {kind} in the {' and '.join(short)} part: the table has "
                f"{int((y == (kind == 'frauds')).sum())} {kind}, the split gives {got}, "
                f"expected at least {needed}; {cure}"
            )
