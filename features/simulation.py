"""Simulated card transactions in the layout of the public ULB set.

The population is fixed (`features.simulated_world`); the seed of a table only chooses which of
its transactions are seen, so a model may be trained on one table and judged on another.
"""

from numbers import Integral

import numpy as np
import pandas as pd

from features.simulated_world import (
    GROUPS,
    N_COMPONENTS,
    PATTERNS,
    build_world,
    draw_attributes,
    draw_factors,
)

SECONDS_PER_DAY = 86_400.0
MAX_AMOUNT_EUR = 25_000.0

_CHUNK_ROWS = 200_000  # bounds the memory of temporaries, not the result


def simulate_transactions(
    n_rows: int,
    *,
    fraud_rate: float = 0.00167,
    drift: float = 0.0,
    n_days: float = 2.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Return simulated card transactions, ordered by time.

    Genuine rows come from seven customer groups with their own hours, amounts and centres in a
    10-dimensional behaviour space with Student-t tails; a fixed curved map and a rotation to
    principal components turn behaviour into `V1..V28`. Frauds are rows of such customers, pushed
    along one of five directions by a gamma-distributed length, with their own hours and amounts.

    Parameters
    ----------
    n_rows : int, n_rows >= 1
        Transactions to make.
    fraud_rate : float in [0, 1], default=0.00167
        Share of frauds. The count is exact: ``round(n_rows * fraud_rate)``, at least 1 if the
        rate is above 0.
    drift : float in [0, 1], default=0.0
        How far customers and fraudsters have changed by the last row. The first row is always
        of the undrifted world.
    n_days : float, n_days > 0, default=2.0
        Time that the table covers, from midnight.
    seed : int, seed >= 0, default=0
        Chooses the rows. Every seed draws from the same population.

    Returns
    -------
    DataFrame of shape (n_rows, 31)
        `Time` (float64, seconds since the start, ascending), `V1` to `V28` (float64, mean 0,
        uncorrelated and of falling deviation over genuine rows without drift), `Amount`
        (float64, EUR, >= 0, whole cents), `Class` (int8, 1 = fraud).

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Examples
    --------
    >>> transactions = simulate_transactions(2_000, seed=7)
    >>> transactions.shape, int(transactions["Class"].sum())
    ((2000, 31), 3)
    """
    _check_arguments(n_rows, fraud_rate, drift, n_days, seed)
    n_frauds = round(n_rows * fraud_rate)
    if fraud_rate > 0:
        n_frauds = max(n_frauds, 1)
    rng = np.random.default_rng(seed)
    world = build_world()

    is_fraud = np.zeros(n_rows, dtype=bool)
    is_fraud[:n_frauds] = True
    days = np.empty(n_rows)
    days[:n_frauds] = _draw_days(PATTERNS, n_frauds, n_days, rng)
    days[n_frauds:] = _draw_days(GROUPS, n_rows - n_frauds, n_days, rng)
    order = np.argsort(days, kind="stable")
    days, is_fraud = days[order], is_fraud[order]

    components = np.empty((n_rows, N_COMPONENTS))
    amount = np.empty(n_rows)
    for start in range(0, n_rows, _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        progress = drift * days[rows] / n_days
        components[rows], amount[rows] = _draw_rows(
            world, days[rows], progress, is_fraud[rows], rng
        )

    transactions = pd.DataFrame(
        components, columns=[f"V{i}" for i in range(1, N_COMPONENTS + 1)], copy=False
    )
    transactions.insert(0, "Time", days * SECONDS_PER_DAY)
    transactions["Amount"] = amount
    transactions["Class"] = is_fraud.astype(np.int8)
    return transactions


def _check_arguments(n_rows, fraud_rate, drift, n_days, seed):
    checks = {
        "n_rows": (n_rows, isinstance(n_rows, Integral) and n_rows >= 1, "whole and at least 1"),
        "fraud_rate": (fraud_rate, 0 <= fraud_rate <= 1, "from 0 to 1"),
        "drift": (drift, 0 <= drift <= 1, "from 0 to 1"),
        "n_days": (n_days, 0 < n_days < np.inf, "finite and above 0"),
        "seed": (seed, isinstance(seed, Integral) and seed >= 0, "whole and at least 0"),
    }
    for name, (value, is_valid, expected) in checks.items():
        if not is_valid:
            raise ValueError(f"simulate_transactions needs {name} {expected}, got {value!r}")


def _hourly(kinds):
    """Hourly activity of each kind, (n_kinds, 24), each row summing to 1."""
    hours = np.array([kind.hours for kind in kinds], dtype=float)
    return hours / hours.sum(axis=1, keepdims=True)


def _draw_days(kinds, n_rows, n_days, rng):
    """Moments in days from the joint rhythm of all kinds, (n_rows,) in [0, n_days)."""
    shares = np.array([kind.share for kind in kinds])
    edges = np.append(np.arange(np.ceil(n_days * 24)) / 24, n_days)
    activity = (shares @ _hourly(kinds))[np.arange(len(edges) - 1) % 24] * np.diff(edges)
    cumulative = np.append(0.0, np.cumsum(activity))
    return np.interp(rng.random(n_rows) * cumulative[-1], cumulative, edges)


def _draw_kinds(kinds, days, progress, rng):
    """Kind of each row given its hour and how far the world has drifted, (n_rows,) of int."""
    hour = (days * 24).astype(int) % 24
    before = np.array([kind.share for kind in kinds])
    after = np.array([kind.share_at_full_drift for kind in kinds])
    shares = before + progress[:, None] * (after - before)
    cumulative = np.cumsum(shares * _hourly(kinds).T[hour], axis=1)
    drawn = rng.random(len(days)) * cumulative[:, -1]
    return (drawn[:, None] >= cumulative[:, :-1]).sum(axis=1)


def _draw_rows(world, days, progress, is_fraud, rng):
    """Components (n_rows, 28) and amounts in EUR (n_rows,) of rows at given moments."""
    group = _draw_kinds(GROUPS, days, progress, rng)
    fraud = np.flatnonzero(is_fraud)
    pattern = _draw_kinds(PATTERNS, days[fraud], progress[fraud], rng)
    hosts = np.cumsum(world.host_groups, axis=1)[pattern, :-1]
    group[fraud] = (rng.random(len(fraud))[:, None] >= hosts).sum(axis=1)

    factors = draw_factors(world, group, progress, rng)
    components = (draw_attributes(world, factors, rng) - world.attribute_mean) @ world.rotation
    amount = _draw_amounts(group, components / world.component_sd, rng)
    components[fraud] += _draw_pushes(world, pattern, progress[fraud], rng)
    amount[fraud] = _draw_fraud_amounts(pattern, rng)
    return components, amount


def _draw_pushes(world, pattern, progress, rng):
    """What frauds add to a genuine row, (n_frauds, n_components)."""
    shape = np.array([kind.push_shape for kind in PATTERNS])[pattern]
    mean = np.array([kind.push for kind in PATTERNS])[pattern]
    length = mean * rng.standard_gamma(shape) / shape
    before, after = world.directions[pattern], world.drifted_directions[pattern]
    direction = before + progress[:, None] * (after - before)
    jitter = 0.15 * (before != 0) * rng.standard_normal(direction.shape)
    return length[:, None] * (direction + jitter) * world.component_sd


def _draw_amounts(group, deviations, rng):
    """Genuine amounts in EUR, (n_rows,), leaning on two components as in the real set."""
    log_median = np.log([kind.median_eur for kind in GROUPS])[group]
    log_sd = np.array([kind.log_sd for kind in GROUPS])[group]
    lean = np.clip(0.5 * deviations[:, 6] - 0.5 * deviations[:, 1], -1.5, 1.5)
    amount = np.exp(log_median + log_sd * (0.75 * rng.standard_normal(len(group)) + lean))
    return _as_prices(amount, rng)


def _draw_fraud_amounts(pattern, rng):
    """Fraudulent amounts in EUR, (n_frauds,)."""
    log_median = np.log([kind.median_eur for kind in PATTERNS])[pattern]
    log_sd = np.array([kind.log_sd for kind in PATTERNS])[pattern]
    one_euro = np.array([kind.one_euro_share for kind in PATTERNS])[pattern]
    amount = np.exp(log_median + log_sd * rng.standard_normal(len(pattern)))
    amount = _as_prices(np.minimum(amount, 2_500.0), rng)
    return np.where(rng.random(len(pattern)) < one_euro, 1.0, amount)


def _as_prices(amount, rng):
    """Amounts as people meet them: a quarter whole euros, some x.99, a few zero (card checks)."""
    habit = rng.random(len(amount))
    whole = np.ceil(amount)
    amount = np.where(habit < 0.25, whole, amount)
    amount = np.where((habit >= 0.25) & (habit < 0.37), whole - 0.01, amount)
    amount = np.where(habit > 0.994, 0.0, amount)
    return np.round(np.minimum(amount, MAX_AMOUNT_EUR), 2)
