"""The simulated world: customer groups, fraud patterns and the map from behaviour to columns.

Everything here is fixed by constants; `features.simulation` draws the rows of a table from it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

N_COMPONENTS = 28

_WORLD_SEED = 20_130_901
_N_FACTORS = 10
_N_ATTRIBUTES = 28
_REFERENCE_ROWS = 60_000  # genuine rows whose principal components define V1..V28

# Relative activity in the hours 0..23.
_DAYTIME = (3, 2, 1, 1, 1, 2, 4, 8, 12, 16, 17, 17, 16, 16, 17, 16, 16, 15, 14, 12, 10, 8, 6, 4)
_EVENING = (6, 3, 2, 1, 1, 1, 2, 4, 6, 9, 10, 11, 12, 12, 12, 12, 13, 14, 16, 18, 20, 20, 16, 11)
_ALL_DAY = (8, 7, 7, 6, 6, 6, 7, 8, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9, 9)
_NIGHT = (12, 18, 22, 20, 16, 8, 3, 2, 2, 2, 2, 3, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 6, 9)


@dataclass(frozen=True)
class Group:
    """A kind of genuine customer; amounts are log-normal around `median_eur`."""

    share: float
    share_at_full_drift: float
    hours: tuple[int, ...]
    median_eur: float
    log_sd: float
    spread: float  # deviation of its factors
    tail_freedom: float  # degrees of freedom of the Student t of its factors


@dataclass(frozen=True)
class Pattern:
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


GROUPS = (
    Group(0.33, 0.23, _DAYTIME, 16.0, 1.3, 0.75, 5.0),  # errands
    Group(0.24, 0.30, _EVENING, 33.0, 1.4, 0.85, 4.5),  # online shopping
    Group(0.18, 0.14, _DAYTIME, 7.0, 1.2, 0.65, 5.0),  # commuting and coffee
    Group(0.12, 0.18, _ALL_DAY, 70.0, 1.5, 1.10, 4.0),  # travel
    Group(0.085, 0.085, _DAYTIME, 140.0, 1.4, 0.95, 4.0),  # business
    Group(0.04, 0.05, _NIGHT, 12.0, 1.0, 0.80, 4.5),  # nightly subscriptions
    Group(0.005, 0.015, _ALL_DAY, 90.0, 1.6, 2.50, 4.0),  # odd but honest
)

_CORE_COLUMNS = (3, 9, 11, 13, 15, 16)  # V4, V10, V12, V14, V16, V17

PATTERNS = (
    Pattern(0.30, 0.17, _ALL_DAY, 1.5, 1.2, 0.55, 8.5, 3.0, 0.9, (2, 8, 10, 19)),
    Pattern(0.31, 0.17, _EVENING, 60.0, 1.8, 0.1, 9.0, 3.0, 0.8, (6, 10, 17)),
    Pattern(0.185, 0.22, _NIGHT, 110.0, 1.2, 0.0, 7.5, 3.0, 0.2, (1, 3, 6, 10, 18)),
    Pattern(0.10, 0.18, _DAYTIME, 420.0, 0.7, 0.0, 7.5, 3.0, -0.5, (2, 4, 8, 15, 20)),
    Pattern(0.105, 0.26, _EVENING, 30.0, 1.7, 0.1, 2.8, 2.0, 0.3, (4, 7, 12, 14, 18, 21)),
)


@dataclass(frozen=True)
class World:
    """The fixed population from which every table is drawn."""

    centres: np.ndarray  # (n_groups, n_factors)
    centre_drift: np.ndarray  # (n_groups, n_factors), movement over the table at drift 1
    loadings: np.ndarray  # (n_factors, n_attributes)
    bend: np.ndarray  # (n_factors, n_attributes), inside the tanh
    attribute_mean: np.ndarray  # (n_attributes,)
    rotation: np.ndarray  # (n_attributes, n_components), principal axes times scale
    component_sd: np.ndarray  # (n_components,)
    directions: np.ndarray  # (n_patterns, n_components), push per unit length, in deviations
    drifted_directions: np.ndarray  # the same at full drift
    host_groups: np.ndarray  # (n_patterns, n_groups), whose cards a pattern strikes


@lru_cache(maxsize=1)
def build_world():
    """Build the one world; its principal components come from genuine rows of its own."""
    rng = np.random.default_rng(_WORLD_SEED)
    n_groups = len(GROUPS)
    centres = 1.1 * rng.standard_normal((n_groups, _N_FACTORS))
    centre_drift = rng.standard_normal((n_groups, _N_FACTORS))
    strength = np.linspace(1.5, 0.5, _N_FACTORS)[:, None]
    loadings = strength * rng.standard_normal((_N_FACTORS, _N_ATTRIBUTES)) / 2
    bend = rng.standard_normal((_N_FACTORS, _N_ATTRIBUTES)) / 2
    component_sd = np.geomspace(1.95, 0.33, N_COMPONENTS)
    signs = rng.choice([-1.0, 1.0], size=N_COMPONENTS)
    directions = _draw_directions(rng, signs)
    drifted_directions = _draw_directions(rng, rng.choice([-1.0, 1.0], size=N_COMPONENTS))
    host_groups = rng.dirichlet(np.full(n_groups, 1.5), size=len(PATTERNS))
    world = World(
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
    shares = np.array([kind.share for kind in GROUPS])
    group = rng.choice(len(GROUPS), size=_REFERENCE_ROWS, p=shares)
    factors = draw_factors(world, group, np.zeros(len(group)), rng)
    attributes = draw_attributes(world, factors, rng)
    values, vectors = np.linalg.eigh(np.cov(attributes, rowvar=False))
    values, vectors = values[::-1], vectors[:, ::-1]
    # The sign of an eigenvector is arbitrary and may differ between linear-algebra libraries.
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))])
    return attributes.mean(axis=0), vectors / np.sqrt(values)


def _draw_directions(rng, signs):
    """Push of each pattern per component, in deviations, (n_patterns, n_components).

    Most frauds are strange in the same few columns, with the same sign, and each pattern in
    some of its own, as in the real set.
    """
    directions = np.zeros((len(PATTERNS), N_COMPONENTS))
    for row, kind in zip(directions, PATTERNS, strict=True):
        columns = list(kind.columns)
        row[columns] = rng.choice([-1, 1], len(columns)) * rng.uniform(0.5, 1.0, len(columns))
        core = list(_CORE_COLUMNS)
        row[core] += kind.core * rng.uniform(0.5, 1.1, len(core))
    return directions * signs


def draw_factors(world, group, progress, rng):
    """Behaviour of genuine customers, (n_rows, n_factors): one Student t per row and group."""
    spread = np.array([kind.spread for kind in GROUPS])[group]
    freedom = np.array([kind.tail_freedom for kind in GROUPS])[group]
    factors = rng.standard_normal((len(group), _N_FACTORS))
    factors *= (spread * np.sqrt(freedom / (2 * rng.standard_gamma(freedom / 2))))[:, None]
    factors += world.centres[group]
    if progress.any():
        factors += progress[:, None] * world.centre_drift[group]
    return factors


def draw_attributes(world, factors, rng):
    """Raw attributes (n_rows, n_attributes): a curved sheet over the factors, plus noise."""
    noise = rng.standard_normal((len(factors), _N_ATTRIBUTES))
    return factors @ world.loadings + 1.5 * np.tanh(factors @ world.bend) + 0.35 * noise
