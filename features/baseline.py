"""A made-up typical genuine transaction, with which suspicious ones are compared."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

N_CANDIDATES = 10_000
MOST_ROWS = 50_000  # genuine rows that are looked at; of more, evenly spread ones
MIDDLE = (0.25, 0.75)  # levels of the quantiles between which each number is drawn


def typical_row(
    genuine: pd.DataFrame,
    log_odds: Callable[[pd.DataFrame], np.ndarray],
    *,
    categorical: Sequence[str] = (),
    rng: np.random.Generator,
) -> pd.DataFrame:
    """One row that looks genuine column by column, and as a whole to the model.

    The medians of all columns at once are no such row: no transaction is average in everything,
    and a model that watches how well a row is reconstructed notices that. So rows are made up, each
    number drawn from the middle half of its column and each category the commonest, and of those
    that score at most the median of the genuine rows the one nearest to the medians is taken (by
    quantile levels). If none scores that low, it is the one that scores lowest.

    **Fitted on:** the rows of `genuine`; give labelled training rows.

    Parameters
    ----------
    genuine : DataFrame of shape (n_rows, n_inputs)
        Inputs of genuine transactions, as they come. No row of it is returned: values of
        different rows are mixed.
    log_odds : callable
        DataFrame of inputs to scores of shape (n_rows,); higher is more suspicious.
    categorical : sequence of str
        Columns that hold categories.
    rng : numpy.random.Generator
        Draws the candidates.

    Returns
    -------
    DataFrame of shape (1, n_inputs)

    Examples
    --------
    >>> genuine = pd.DataFrame({"V1": np.arange(9.0), "shop": list("aaaaaabbb")})
    >>> def suspicion(rows):
    ...     return np.abs(rows["V1"].to_numpy() - 5.0)
    >>> rng = np.random.default_rng(0)
    >>> typical_row(genuine, suspicion, categorical=["shop"], rng=rng).to_dict("records")
    [{'V1': 4.0, 'shop': 'a'}]
    """
    genuine = genuine.iloc[:: max(1, -(-len(genuine) // MOST_ROWS))]
    levels = rng.uniform(*MIDDLE, (N_CANDIDATES, genuine.shape[1]))
    columns = {}
    for name, level in zip(genuine, levels.T, strict=True):
        if name in categorical:
            columns[name] = np.full(N_CANDIDATES, genuine[name].mode()[0], dtype=object)
            level[:] = 0.5
        else:
            values = np.sort(genuine[name].to_numpy())
            columns[name] = values[(level * len(values)).astype(int)]
    candidates = pd.DataFrame(columns)
    score = np.asarray(log_odds(candidates))
    is_low = score <= np.median(log_odds(genuine))
    distance = np.where(is_low, ((levels - 0.5) ** 2).sum(axis=1), np.inf)
    best = int(np.argmin(distance) if is_low.any() else np.argmin(score))
    return candidates.iloc[[best]].reset_index(drop=True)
