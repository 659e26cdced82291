"""Simulated card transactions in the layout of the public ULB set.

The world (customer groups, fraud patterns, the map from behaviour to columns) is a constant of
this file; the seed of a table only chooses which of its transactions are seen. A model may
therefore be trained on one table and judged on another.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Integral

import numpy as np
import pandas as pd

N_COMPONENTS = 28
SECONDS_PER_DAY = 86_400.0
MAX_AMOUNT_EUR = 25_000.0

_WORLD_SEED = 20_130_901
_N_FACTORS = 10
_N_ATTRIBUTES = 28
_CHUNK_ROWS = 200_000  # bounds the memory of temporaries, not the result
_REFERENCE_ROWS = 60_000  # genuine rows whose principal components define V1..V28

# Relative activity in the hours 0..23.
_DAYTIME = (3, 2, 1, 1, 1, 2, 4, 8, 12, 16, 17, 17, 16, 16, 17, 16, 16, 15, 14, 12, 10, 8, 6, 4)
_EVENING = (6, 3, 2, 1, 1, 1, 2, 4, 6, 9, 10, 11, 12, 12, 12, 12, 13, 14, 16, 18, 20, 20, 16, 11)
_ALL_DAY = (8, 7, 7, 6, 6, 6, 7, 8, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9, 9)
_NIGHT = (12, 18, 22, 20, 16, 8, 3, 2, 2, 2, 2, 3, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 6, 9)


@dataclass(frozen=True)
class _Group:
    """A kind of genuine customer; amounts are log-normal around `median_eur`."""

    share: float
    share_at_full_drift: float
    hours: tuple[int, ...]
    median_eur: float
    log_sd: float
    spread: float  # deviation of its factors
    tail_freedom: float  # degrees of freedom of the Student t of its factors


@dataclass(frozen=True)
class _Pattern:
    """A kind of fraud: a genuine row pushed along a direction of its own.

    The push has a gamma-distributed length, so that each kind reaches from blatant to hidden.
    """

    share: float
    share_at_full_drift: float
    hours: tuple[int, ...]
    median_eur: float
    log_sd: float
    one_euro_share: float  # test purchases of exactly 1.00
    push: float  # mean length, in deviations of the pushed columns
    push_shape: float  # of the gamma distribution
    core: float  # weight of the columns in which most frauds are strange
    columns: tuple[int, ...]  # the pushed columns of its own, counted from V1 = 0


_GROUPS = (
    _Group(0.33, 0.23, _DAYTIME, 16.0, 1.3, 0.75, 5.0),  # errands
    _Group(0.24, 0.30, _EVENING, 33.0, 1.4, 0.85, 4.5),  # online shopping
    _Group(0.18, 0.14, _DAYTIME, 7.0, 1.2, 0.65, 5.0),  # commuting and coffee
    _Group(0.12, 0.18, _ALL_DAY, 70.0, 1.5, 1.10, 4.0),  # travel
    _Group(0.085, 0.085, _DAYTIME, 140.0, 1.4, 0.95, 4.0),  # business
    _Group(0.04, 0.05, _NIGHT, 12.0, 1.0, 0.80, 4.5),  # nightly subscriptions
    _Group(0.005, 0.015, _ALL_DAY, 90.0, 1.6, 2.50, 4.0),  # odd but honest
)

_CORE_COLUMNS = (9, 11, 13, 16)  # V10, V12, V14, V17

_PATTERNS = (
    _Pattern(0.30, 0.17, _ALL_DAY, 1.5, 1.2, 0.55, 8.5, 3.0, 1.0, (2, 8, 10, 15)),
    _Pattern(0.30, 0.17, _EVENING, 60.0, 1.8, 0.1, 9.0, 3.0, 0.8, (3, 6, 17)),
    _Pattern(0.18, 0.22, _NIGHT, 110.0, 1.2, 0.0, 7.0, 3.0, 0.6, (1, 3, 6, 10, 18)),
    _Pattern(0.10, 0.18, _DAYTIME, 420.0, 0.7, 0.0, 7.0, 3.0, -0.25, (2, 4, 8, 15, 20)),
    _Pattern(0.12, 0.26, _EVENING, 30.0, 1.7, 0.1, 2.8, 2.0, 0.3, (4, 7, 12, 14, 18, 21)),
)


@dataclass(frozen=True)
class _World:
    """The fixed population from which every table is drawn."""

    centres: np.ndarray  # (n_groups, n_factors)
    centre_drift: np.ndarray  # (n_groups, n_factors), movement over the table at drift 1
    loadings: np.ndarray  # (n_factors, n_attributes)
    bend: np.ndarray  # (n_factors, n_attributes), inside the tanh
    attribute_mean: np.ndarray  # (n_attributes,)
    rotation: np.ndarray  # (n_attributes, n_components), principal axes times scale
    component_sd: np.ndarray  # (n_components,)
    directions: np.ndarray  # (n_patterns, n_components), unit length in deviations
    drifted_directions: np.ndarray  # the same at full drift
    host_groups: np.ndarray  # (n_patterns, n_groups), whose cards a pattern strikes


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
    world = _world()

    is_fraud = np.zeros(n_rows, dtype=bool)
    is_fraud[:n_frauds] = True
    days = np.empty(n_rows)
    days[:n_frauds] = _draw_days(_PATTERNS, n_frauds, n_days, rng)
    days[n_frauds:] = _draw_days(_GROUPS, n_rows - n_frauds, n_days, rng)
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
    group = _draw_kinds(_GROUPS, days, progress, rng)
    fraud = np.flatnonzero(is_fraud)
    pattern = _draw_kinds(_PATTERNS, days[fraud], progress[fraud], rng)
    hosts = np.cumsum(world.host_groups, axis=1)[pattern, :-1]
    group[fraud] = (rng.random(len(fraud))[:, None] >= hosts).sum(axis=1)

    factors = _draw_factors(world, group, progress, rng)
    components = (_attributes(world, factors, rng) - world.attribute_mean) @ world.rotation
    amount = _draw_amounts(_GROUPS, group, components / world.component_sd, rng)
    components[fraud] += _draw_pushes(world, pattern, progress[fraud], rng)
    amount[fraud] = _draw_fraud_amounts(pattern, rng)
    return components, amount


def _draw_factors(world, group, progress, rng):
    """Behaviour of genuine customers, (n_rows, n_factors): one Student t per row and group."""
    spread = np.array([kind.spread for kind in _GROUPS])[group]
    freedom = np.array([kind.tail_freedom for kind in _GROUPS])[group]
    factors = rng.standard_normal((len(group), _N_FACTORS))
    factors *= (spread * np.sqrt(freedom / (2 * rng.standard_gamma(freedom / 2))))[:, None]
    factors += world.centres[group]
    if progress.any():
        factors += progress[:, None] * world.centre_drift[group]
    return factors


def _attributes(world, factors, rng):
    """Raw attributes (n_rows, n_attributes): a curved sheet over the factors, plus noise."""
    noise = rng.standard_normal((len(factors), _N_ATTRIBUTES))
    return factors @ world.loadings + 1.5 * np.tanh(factors @ world.bend) + 0.35 * noise


def _draw_pushes(world, pattern, progress, rng):
    """What frauds add to a genuine row, (n_frauds, n_components)."""
    shape = np.array([kind.push_shape for kind in _PATTERNS])[pattern]
    mean = np.array([kind.push for kind in _PATTERNS])[pattern]
    length = mean * rng.standard_gamma(shape) / shape
    before, after = world.directions[pattern], world.drifted_directions[pattern]
    direction = before + progress[:, None] * (after - before)
    jitter = 0.3 * (before != 0) * rng.standard_normal(direction.shape)
    return length[:, None] * (direction + jitter / 2) * world.component_sd


def _draw_amounts(kinds, kind, deviations, rng):
    """Genuine amounts in EUR, (n_rows,), leaning on two components as in the real set."""
    log_median = np.log([k.median_eur for k in kinds])[kind]
    log_sd = np.array([k.log_sd for k in kinds])[kind]
    lean = np.clip(0.5 * deviations[:, 6] - 0.5 * deviations[:, 1], -1.5, 1.5)
    amount = np.exp(log_median + log_sd * (0.75 * rng.standard_normal(len(kind)) + lean))
    return _as_prices(amount, rng)


def _draw_fraud_amounts(pattern, rng):
    """Fraudulent amounts in EUR, (n_frauds,)."""
    log_median = np.log([kind.median_eur for kind in _PATTERNS])[pattern]
    log_sd = np.array([kind.log_sd for kind in _PATTERNS])[pattern]
    one_euro = np.array([kind.one_euro_share for kind in _PATTERNS])[pattern]
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


@lru_cache(maxsize=1)
def _world():
    """Build the one world; its principal components come from genuine rows of its own."""
    rng = np.random.default_rng(_WORLD_SEED)
    n_groups = len(_GROUPS)
    centres = 1.1 * rng.standard_normal((n_groups, _N_FACTORS))
    centre_drift = 1.0 * rng.standard_normal((n_groups, _N_FACTORS))
    strength = np.linspace(1.5, 0.5, _N_FACTORS)[:, None]
    loadings = strength * rng.standard_normal((_N_FACTORS, _N_ATTRIBUTES)) / 2
    bend = rng.standard_normal((_N_FACTORS, _N_ATTRIBUTES)) / 2
    component_sd = np.geomspace(1.95, 0.33, N_COMPONENTS)
    signs = rng.choice([-1.0, 1.0], size=N_COMPONENTS)
    directions = _draw_directions(rng, signs)
    drifted_directions = _draw_directions(rng, rng.choice([-1.0, 1.0], size=N_COMPONENTS))
    host_groups = rng.dirichlet(np.full(n_groups, 1.5), size=len(_PATTERNS))
    world = _World(
        centres=centres,
        centre_drift=centre_drift,
        loadings=loadings,
        bend=bend,
        attribute_mean=np.zeros(_N_ATTRIBUTES),
        rotation=np.zeros((_N_ATTRIBUTES, N_COMPONENTS)),
        component_sd=component_sd,
        directions=directions,
        drifted_directions=drifted_directions,
        host_groups=host_groups,
    )
    mean, rotation = _principal_axes(world, rng)
    return replace(world, attribute_mean=mean, rotation=rotation * component_sd)


def _principal_axes(world, rng):
    """Mean (n_attributes,) of genuine rows and the axes (n_attributes, 28) that whiten them."""
    shares = np.array([kind.share for kind in _GROUPS])
    group = rng.choice(len(_GROUPS), size=_REFERENCE_ROWS, p=shares)
    factors = _draw_factors(world, group, np.zeros(len(group)), rng)
    attributes = _attributes(world, factors, rng)
    values, vectors = np.linalg.eigh(np.cov(attributes, rowvar=False))
    values, vectors = values[::-1], vectors[:, ::-1]
    # The sign of an eigenvector is arbitrary and may differ between linear-algebra libraries.
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))])
    return attributes.mean(axis=0), vectors / np.sqrt(values)


def _draw_directions(rng, signs):
    """Push of each pattern per component, in deviations, (n_patterns, n_components).

    Most frauds are strange in the same few columns and each pattern in some of its own; signs
    are shared, as in the real set.
    """
    directions = np.zeros((len(_PATTERNS), N_COMPONENTS))
    for row, kind in zip(directions, _PATTERNS, strict=True):
        columns = list(kind.columns)
        row[columns] = rng.choice([-1, 1], len(columns)) * rng.uniform(0.5, 1.0, len(columns))
        core = list(_CORE_COLUMNS)
        row[core] += kind.core * rng.uniform(0.7, 1.3, len(core))
    return directions * signs
