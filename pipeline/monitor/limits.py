"""Which limits new data exceed, by more than chance explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.params.sections import MonitorParams

EXCEEDED, PERHAPS, WITHIN = "exceeded", "could be chance", "within"
NOT_MEASURED, NO_LIMIT = "not measured", "no limit"
TITLES = {
    "psi": "population stability index",
    "classifier_auc": "AUC of the two-sample classifier",
    "alert_share_ratio": "share of alerts, times the expected one",
    "f1_decay": "loss of F1",
}
MOST_NAMED = 3


def checks(content: Mapping[str, Any], params: MonitorParams) -> list[dict[str, Any]]:
    """Return one entry for each limit, and one for each column that is beyond it.

    A limit is exceeded where the whole interval lies beyond it; where only the value does, chance
    could be the reason.

    Returns
    -------
    list of dict
        `key` of params.yaml, what it is `of`, `bound`, `value`, `low`, `high`, `state`, and
        `missing` where it was not measured.
    """
    return [*_indices(content, params.psi), *_others(content, params)]


def exceeded(limits: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return every exceeded limit with both numbers."""
    return [
        f"{TITLES[one['key']]}{' of ' + one['of'] if one['of'] else ''} {one['value']:.3g} "
        f"(limit {one['bound']:.3g})"
        for one in limits
        if one["state"] == EXCEEDED
    ]


def answer(content: Mapping[str, Any]) -> str:
    """Return the sentence that opens a report."""
    found = content["exceeded"]
    missing = [
        "the classifier" if one["key"] == "classifier_auc" else "F1"
        for one in content["limits"]
        if one["state"] == NOT_MEASURED
    ]
    unknown = f" Not measured: {' and '.join(missing)}." if missing else ""
    if not found:
        measured = [one for one in content["limits"] if one["state"] != NOT_MEASURED]
        if all(one["state"] == NO_LIMIT for one in measured):
            return f"No limit is set for what was measured.{unknown}"
        return f"All measured limits are kept.{unknown}"
    more = len(found) - MOST_NAMED
    named = "; ".join(found[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
    verb = "limit is" if len(found) == 1 else "limits are"
    return f"{len(found)} {verb} exceeded: {named}.{unknown}"


def _indices(content: Mapping[str, Any], bound: float | None) -> Iterator[dict[str, Any]]:
    for position, one in enumerate([*content["inputs"], content["scores"] | {"name": "scores"}]):
        is_scores = position == len(content["inputs"])
        entry = _entry("psi", "the scores" if is_scores else one["name"], bound,
                       one["psi"], one["psi_low"], one["psi_high"])  # fmt: skip
        # The most drifted input stands for those within the limit.
        if position == 0 or is_scores or entry["state"] in (EXCEEDED, PERHAPS):
            yield entry


def _others(content: Mapping[str, Any], params: MonitorParams) -> Iterator[dict[str, Any]]:
    told = content["classifier"]
    if "missing" in told:
        yield _missing("classifier_auc", params.classifier_auc, told["missing"])
    else:
        yield _entry(
            "classifier_auc", "", params.classifier_auc, told["auc"], told["low"], told["high"]
        )
    alerts = content["alerts"]
    yield _ratio(
        params.alert_share_ratio, *(alerts[f"ratio{end}"] for end in ("", "_low", "_high"))
    )
    labels = content["labels"]
    if "missing" in labels:
        yield _missing("f1_decay", params.f1_decay, labels["missing"])
    else:
        f1 = labels["decay"]["f1"]
        yield _entry("f1_decay", "", params.f1_decay, f1["loss"], f1["low"], f1["high"])


def _ratio(
    bound: float | None, value: float | None, low: float, high: float | None
) -> dict[str, Any]:
    """Return the entry of a ratio, which may be too high or too low."""
    is_few = value is not None and value < 1
    if bound is not None and is_few:
        bound = 1 / bound
        # A value of 0 has no inverse; the comparisons are those of `_entry`, turned round.
        state = WITHIN if value is None or value >= bound else PERHAPS
        if high is not None and high < bound:
            state = EXCEEDED
    elif bound is not None:
        state = WITHIN if value is None or value <= bound else PERHAPS
        state = EXCEEDED if low > bound else state
    else:
        state = NO_LIMIT
    # No alert among test rows: what is known is that the ratio is at least `low`.
    shown = low if value is None else value
    return {"key": "alert_share_ratio", "of": "", "bound": bound, "value": shown,
            "low": low, "high": high, "state": state}  # fmt: skip


def _entry(
    key: str, of: str, bound: float | None, value: float, low: float, high: float
) -> dict[str, Any]:
    if bound is None:
        state = NO_LIMIT
    elif low > bound:
        state = EXCEEDED
    else:
        state = PERHAPS if value > bound else WITHIN
    return {"key": key, "of": of, "bound": bound, "value": value,
            "low": low, "high": high, "state": state}  # fmt: skip


def _missing(key: str, bound: float | None, why: str) -> dict[str, Any]:
    return {"key": key, "of": "", "bound": bound, "value": None, "low": None, "high": None,
            "state": NO_LIMIT if bound is None else NOT_MEASURED, "missing": why}  # fmt: skip
