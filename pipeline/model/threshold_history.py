"""The thresholds that a packaged model has had, as model.json keeps them.

``model.json`` has under ``threshold`` the present `value`, `rule` and `values` of the rule. Once
the threshold was changed, `history` lists every one that the model had, oldest first and the
present one last, each with `since` (UTC; None: as it was packaged), `by` and `reason`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import InputError
from pipeline.model.folder import MANIFEST
from pipeline.model.threshold_rule import ThresholdRule, rule_text

Entry = dict[str, Any]


def history(manifest: Mapping[str, Any]) -> list[Entry]:
    """Return every threshold of a model, the present one last.

    Raises
    ------
    InputError
        If the present threshold is not that of the last entry.
    """
    threshold = manifest["threshold"]
    entries: list[Entry] = [dict(entry) for entry in threshold.get("history", ())]
    present = _entry(threshold["value"], threshold["rule"], threshold["values"])
    if not entries:
        return [present]
    if entries[-1]["value"] != present["value"]:
        raise InputError(
            f"the threshold {present['value']} in {MANIFEST} is not the last one of its history "
            f"({entries[-1]['value']}): the file was edited; restore it, and change thresholds "
            "with `counterfoil threshold`"
        )
    return entries


def changed(
    manifest: Mapping[str, Any],
    rule: ThresholdRule,
    value: float,
    since: str,
    by: str,
    reason: str | None,
) -> dict[str, Any]:
    """Return the content of model.json with another threshold and its history.

    Parameters
    ----------
    manifest : mapping
        Content of model.json; is left as it is.
    rule : ThresholdRule
        How the threshold was chosen.
    value : float in [0, 1]
        The new threshold.
    since : str
        Now, ISO 8601 in UTC.
    by, reason : str
        Who changed it, and why (None: no reason was given).
    """
    entry = _entry(value, rule.name, rule.values) | {"since": since, "by": by, "reason": reason}
    threshold = {
        "value": float(value),
        "rule": rule.name,
        "values": dict(rule.values),
        "history": [*history(manifest), entry],
    }
    return {**manifest, "threshold": threshold}


def is_new(manifest: Mapping[str, Any], rule: ThresholdRule, value: float) -> bool:
    """Return whether a threshold or its rule differs from the present one."""
    present = history(manifest)[-1]
    new = _entry(value, rule.name, rule.values)
    return any(present[name] != new[name] for name in ("value", "rule", "values"))


def present_rule(manifest: Mapping[str, Any]) -> ThresholdRule:
    """Return the rule of the present threshold."""
    present = history(manifest)[-1]
    return ThresholdRule(present["rule"], present["values"])


def entry_text(entry: Entry) -> str:
    """Return the rule of an entry in words."""
    return rule_text(entry["rule"], entry["values"])


def _entry(value: float, rule: str, values: Mapping[str, float]) -> Entry:
    return {
        "value": float(value),
        "rule": rule,
        "values": dict(values),
        "since": None,
        "by": None,
        "reason": None,
    }
