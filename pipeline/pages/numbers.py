"""Writes the numbers of a model card, the same way in every format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ABSENT = "-"
DECIMALS = {"brier_score": 5, "expected_calibration_error": 5, "amount_saved": 2}
USUAL_DECIMALS = 3
NEGLIGIBLE = 1e-9  # rounding errors of a difference


def count(value: Any) -> str:
    """Return a whole number with its thousands marked; "-" for None.

    Examples
    --------
    >>> count(49104)
    '49,104'
    """
    return ABSENT if value is None else f"{value:,.0f}"


def percent(rate: float) -> str:
    """Return a share, e.g. ``"0.167 %"``."""
    return f"{100 * rate:.3f} %"


def percent_of(share: float) -> str:
    """Return the share of resamples, e.g. ``95.6 %``."""
    return f"{100 * share:.1f} %"


def number(value: float | None, decimals: int = USUAL_DECIMALS) -> str:
    """Return a figure; "-" for None."""
    return ABSENT if value is None else f"{value:,.{decimals}f}"


def interval(figure: Mapping[str, Any]) -> str:
    """Return a figure and its 95 % interval in words: a sentence has no column for it.

    Examples
    --------
    >>> interval({"name": "f1", "value": 0.88, "low": 0.8, "high": 0.93})
    '0.880 (95 % interval 0.800 to 0.930)'
    """
    return f"{number(figure['value'], _decimals(figure))} (95 % interval {low_to_high(figure)})"


def low_to_high(figure: Mapping[str, Any]) -> str:
    """Return the ends of an interval; says so where there is none."""
    if figure["low"] is None:
        return "not available: computed for the SGAN only"
    decimals = _decimals(figure)
    return f"{number(figure['low'], decimals)} to {number(figure['high'], decimals)}"


def value_of(figure: Mapping[str, Any]) -> str:
    """Return the figure alone, in the decimals of its kind."""
    return number(figure["value"], _decimals(figure))


def short_interval(figure: Mapping[str, Any]) -> str:
    """Return a figure with its interval for a table, e.g. ``0.880 (0.800 to 0.930)``."""
    return f"{value_of(figure)} ({low_to_high(figure)})"


def signed_interval(figure: Mapping[str, Any]) -> str:
    """Return a difference with its interval.

    Examples
    --------
    >>> signed_interval({"value": 0.01, "low": -0.02, "high": 0.04})
    '+0.010 (-0.020 to +0.040)'
    """
    return "{} ({} to {})".format(*(signed(figure[key]) for key in ("value", "low", "high")))


def signed(value: float) -> str:
    """Return a difference with its sign, in as many decimals as keep it from looking like zero.

    Examples
    --------
    >>> signed(-0.0002), signed(0.5), signed(0.0)
    ('-0.0002', '+0.500', '0.000')
    """
    if abs(value) < NEGLIGIBLE:
        return f"{0:.{USUAL_DECIMALS}f}"
    decimals = USUAL_DECIMALS
    while not float(f"{value:.{decimals}f}"):
        decimals += 1
    return f"{value:+.{decimals}f}"


def moment(at: Any) -> str:
    """Return a moment in UTC as people read it; "-" for None.

    Examples
    --------
    >>> moment("2026-11-21T10:00:00Z")
    '2026-11-21 10:00:00 UTC'
    """
    if at is None:
        return ABSENT
    return re.sub(r"^(\d{4}-\d\d-\d\d)T([\d:.]+)(Z|\+00:00)$", r"\1 \2 UTC", str(at))


def _decimals(figure: Mapping[str, Any]) -> int:
    return DECIMALS.get(str(figure.get("name")), USUAL_DECIMALS)
