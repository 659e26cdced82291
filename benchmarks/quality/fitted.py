"""What every fit of the benchmark returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Fitted:
    """A fitted variant.

    Attributes
    ----------
    score : callable
        Maps raw rows (n, n_features) to scores (n,) in [0, 1]; higher is more suspicious.
    notes : dict
        What the results file should say of the fit: chosen tuning, epochs, collapses, curves.
    arrays : dict of str to ndarray
        What is too long for the results file.
    """

    score: Callable[[np.ndarray], np.ndarray]
    notes: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
