"""The one sentence that opens a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def answer(
    figures: Mapping[str, Mapping[str, Any]], budget: Mapping[str, Any], n_frauds: int
) -> str:
    """Return what the best of the other models catches beside the first, and whether by chance.

    Parameters
    ----------
    figures : mapping
        `caught_at_budget` by label, the first label being the one compared with.
    budget : mapping
        `words` says how many alerts there are.
    n_frauds : int
        Among the rows.
    """
    caught = figures["caught_at_budget"]
    first, *others = caught
    # Of equal catches the better order counts.
    best = max(
        others,
        key=lambda label: (
            caught[label]["difference"],
            figures["average_precision"][label]["difference"],
        ),
    )
    one = caught[best]
    more = round(one["difference"])
    opening = ""
    if len(others) > 1:
        beside = f"the {len(others)} models beside {first}"
        opening = (
            f"Of {beside}, {best} does best: " if more > 0 else f"None of {beside} is better: "
        )
    where = f"at the same {budget['words']}"
    if more == 0:
        caught_by_both = round(one["value"])
        what = f"{best} and {first} catch the same {caught_by_both} of {n_frauds} frauds {where}"
    else:
        word = "more" if more > 0 else "fewer"
        what = f"{best} catches {abs(more)} {word} of {n_frauds} frauds than {first} {where}"
    return f"{opening}{what}; {_by_chance(one, more, len(others))}."


def _by_chance(one: Mapping[str, Any], more: int, n_others: int) -> str:
    """Return what chance may have to do with it, by the interval that holds for all models."""
    low, high = one["family_low"], one["family_high"]
    if low == high == 0:
        return "so they do in every resample"
    interval = f"95 % interval {_signed(low, high)}"
    if n_others > 1:
        interval += f" (for {n_others} models together)"
    if not low <= 0 <= high:
        return f"chance alone does not explain it: {interval}"
    if more == 0:
        return f"a difference could be hidden by chance: {interval}"
    return f"the difference could be chance: {interval}"


def _signed(*ends: float) -> str:
    """Return an interval of counts, with a digit where whole numbers would hide its sign.

    Frauds within a budget are no whole numbers where rows of equal score share the last alerts.
    """
    digits = 0 if all(round(end) or not end for end in ends) or ends[0] <= 0 <= ends[1] else 1
    return " to ".join(_number(end, digits) for end in ends)


def _number(end: float, digits: int) -> str:
    text = f"{end:+.{digits}f}"
    return text if float(text) else "0"
