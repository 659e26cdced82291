"""Predicted numbers of frauds against those that came, pooled over the folds of a seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.quality.bootstrap import Scored
from benchmarks.quality.outcomes import Outcome, from_scores
from evaluation.calibration import calibration_slope
from evaluation.expected_frauds import ExpectedFrauds, expected_frauds

N_TOP = 1000
CODE = ("benchmarks/quality/expected.py", "evaluation/calibration.py",
        "evaluation/expected_frauds.py")  # fmt: skip


@dataclass(frozen=True)
class Calibration:
    """What the scores of one seed's test rows say, and what came.

    Attributes
    ----------
    slope : float
        1 is calibrated.
    whole, top : ExpectedFrauds
        Of all rows, and of the highest scores that stand for 1,000 transactions.
    """

    slope: float
    whole: ExpectedFrauds
    top: ExpectedFrauds

    @property
    def holds(self) -> bool:
        """Whether what came lies within both intervals."""
        return all(one.low <= one.observed <= one.high for one in (self.whole, self.top))


def calibration_of(scored: Iterable[Scored]) -> Calibration:
    """Calibration of the pooled rows of several disjoint test parts."""
    parts = list(scored)
    y, score, weight = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("y", "score", "weight")
    )
    return Calibration(
        slope=calibration_slope(y, score, weight),
        whole=expected_frauds(y, score, weight),
        top=expected_frauds(y, score, weight, k=min(N_TOP, weight.sum())),
    )


def calibrations(cells: dict[str, Outcome]) -> dict[int, Calibration]:
    """Calibrations by seed of a stratified study, from the folds that are done.

    Where scores are missing, what an earlier report kept of the same fits; a seed of which
    nothing is known is left out.
    """
    by_seed: dict[int, list[Outcome]] = {}
    for outcome in cells.values():
        # Without a threshold there were no validation rows to calibrate on.
        if outcome.line.get("threshold") is not None:
            by_seed.setdefault(outcome.job.split["seed"], []).append(outcome)
    found = {}
    for seed, done in sorted(by_seed.items()):
        numbers = from_scores("calibration", CODE, [done], lambda done=done: _numbers(done))
        if numbers is not None:
            slope, whole, top = numbers
            found[seed] = Calibration(slope, ExpectedFrauds(*whole), ExpectedFrauds(*top))
    return found


def _numbers(done: list[Outcome]) -> list[Any]:
    """Return a calibration as JSON can hold it."""
    one = calibration_of(scored for outcome in done if (scored := outcome.scored) is not None)
    return [one.slope, *([number.item() if hasattr(number, "item") else number for number in part]
                         for part in (one.whole, one.top))]  # fmt: skip
