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
    low, high = round(one["difference_low"]), round(one["difference_high"])
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
    return f"{opening}{what}; {_verdict(one)}: 95 % interval {_signed(low)} to {_signed(high)}."


def _signed(count: int) -> str:
    return f"{count:+d}" if count else "0"


def _verdict(one: Mapping[str, Any]) -> str:
    if one["difference_low"] <= 0 <= one["difference_high"]:
        return "the difference could be chance"
    return "chance alone does not explain it"
