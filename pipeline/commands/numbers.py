"""The kinds of numbers that options take."""

from __future__ import annotations

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A range of numbers without nan and inf, which click lets through."""

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the number of a command line."""
        number = float(super().convert(value, param, context))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, context)
        return number


POSITIVE = FiniteRange(min=0, min_open=True)
NOT_NEGATIVE = FiniteRange(min=0)
SHARE = FiniteRange(0, 1, min_open=True)
