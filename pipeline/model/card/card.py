"""Makes the model card, a plain dict, from what a packaged model carries.

The manifest and the evidence are all that it needs, so the card of a stored model can be made
again at any time, and equal models have equal cards. What is missing says so and why, as
``{"not_available": why}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.files.atomic import read_json
from pipeline.model.card import words
from pipeline.model.card.figures import (
    WITHOUT_AUGMENTATION,
    challengers,
    differences,
    figures_at,
    figures_of,
    member_spread,
)
from pipeline.model.evidence import FOLDER as EVIDENCE
from pipeline.model.evidence import ROWS, RUN, SGAN
from pipeline.model.folder import read_manifest

CARD_VERSION = 1
CARD_FOLDER = "card"


def card_of(folder: Path, mlflow: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the model card of a packaged model as it is now.

    Parameters
    ----------
    folder : Path
        The packaged model.
    mlflow : mapping, optional
        What MLflow knows of it (`pipeline.tracking.card.mlflow_facts`).

    Raises
    ------
    InputError
        If there is no packaged model, it was changed, or it carries no evidence.
    """
    manifest = read_manifest(folder)
    path = folder / EVIDENCE / RUN
    if not path.is_file():
        raise InputError(
            f"{folder} was packaged without evidence, which a model card is made from: run the "
            "stage evaluate again"
        )
    run = read_json(path)
    threshold = manifest["threshold"]["value"]
    if threshold == run["metrics"][SGAN]["threshold"]:
        return build_card(manifest, run, mlflow=mlflow)
    import pandas as pd

    rows = pd.read_parquet(folder / EVIDENCE / ROWS)
    judged = figures_at(rows, threshold, run["params"]["evaluate"])
    return build_card(manifest, run, judged, mlflow=mlflow)


def build_card(
    manifest: Mapping[str, Any],
    run: Mapping[str, Any],
    judged: Mapping[str, Any] | None = None,
    *,
    mlflow: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the model card.

    Parameters
    ----------
    manifest : mapping
        Content of model.json.
    run : mapping
        Content of evidence/run.json.
    judged : mapping, optional
        Figures on test rows at the manifest's threshold, where that was changed since.
    mlflow : mapping, optional
        See `card_of`.
    """
    metrics, schema = run["metrics"], manifest["schema"]
    return {
        "card_version": CARD_VERSION,
        "model": _model(manifest, run),
        "approvals": _approvals(manifest, mlflow),
        "use": {"intended": list(words.INTENDED), "misuse": list(words.MISUSE)},
        "data": _data(run),
        "split": _split(run),
        "results": figures_of(judged or metrics[SGAN]),
        "challengers": challengers(metrics),
        "threshold": _threshold(manifest, run),
        "calibration": _calibration(manifest, metrics[SGAN]),
        "stability": {
            **member_spread(metrics[SGAN]["members"]),
            "collapses": metrics[SGAN]["collapses"],
            "pseudo_labels": _pseudo_labels(run),
            "note": words.STABILITY_NOTE,
        },
        "augmentation": _augmentation(run),
        "inputs": {
            "columns": [{"name": name, "kind": _kind(name, schema)} for name in manifest["inputs"]],
            "label": schema["label"],
            "time": schema["time"],
        },
        "limits": words.limits(run),
        "guidance": {"texts": [dict(text) for text in words.GUIDANCE], "note": words.GUIDANCE_NOTE},
        "versions": run["versions"],
        "mlflow": dict(mlflow) if mlflow else absent("the card was made from a folder alone"),
        "parameters": run["params"],
    }


def absent(why: str) -> dict[str, str]:
    """Return what stands in the place of what is missing."""
    return {"not_available": why}


def state_sha256(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 that an approval names: of all files and settings of the model.

    Approvals themselves and the card, which shows them, are left out; the threshold is not.
    """
    state = {name: manifest[name] for name in manifest if name != "approvals"}
    state["files"] = {
        name: digest
        for name, digest in manifest["files"].items()
        if not name.startswith(f"{CARD_FOLDER}/")
    }
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _model(manifest: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    judged = run["metrics"][SGAN]
    return {
        "sha256": state_sha256(manifest),
        "counterfoil_version": manifest["counterfoil_version"],
        "format_version": manifest["format_version"],
        "kind": "semi-supervised GAN (SGAN): the mean of its members' log odds, calibrated",
        "n_members": judged["n_members"],
        "n_active_members": judged["n_active_members"],
        "chosen_epoch": judged["chosen_epoch"],
        "chosen_by": run["chosen"]["chosen_by"],
    }


def _approvals(
    manifest: Mapping[str, Any], mlflow: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    state = state_sha256(manifest)
    here = [{**one, "kept_in": "model.json"} for one in manifest.get("approvals", [])]
    there = [{**one, "kept_in": "MLflow"} for one in (mlflow or {}).get("approvals", [])]
    return [
        {**one, "is_of_this_state": one.get("approved_sha256") == state}
        for one in sorted([*here, *there], key=lambda one: str(one.get("at")))
    ]


def _data(run: Mapping[str, Any]) -> dict[str, Any]:
    data, judged = run["data"], run["metrics"]["data"]
    return {
        **{name: data[name] for name in ("source", "sha256", "n_rows", "n_frauds", "fraud_rate")},
        **{name: data[name] for name in ("n_rows_read", "dropped", "files")},
        "time": data["time"] or absent("the data have no time"),
        "prevalence_of_figures": judged["prevalence"],
        "licence": words.LICENCE_UNKNOWN,
    }


def _split(run: Mapping[str, Any]) -> dict[str, Any]:
    params = run["params"]["split"]
    budget = {name: params[name] for name in ("n_labelled_frauds", "n_labelled_genuine")}
    return {
        "method": params["method"],
        "seed": params["seed"],
        "delay_days": params["delay_days"],
        "parts": run["split"]["parts"],
        "label_budget": budget if any(n is not None for n in budget.values()) else None,
    }


def _pseudo_labels(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what unlabelled rows passed for in the chosen epoch, and what looked biased."""
    metrics, figures = run["metrics"][SGAN], run["chosen"]["figures"]
    if "pseudo_fraud_share" not in figures:
        return absent("no unlabelled rows took part as pseudo-labels in the chosen epoch")
    # What came after the chosen epoch did not teach this model.
    warnings = [
        warning
        for warning in metrics["pseudo_label_warnings"]
        if warning["epoch"] <= metrics["chosen_epoch"]
    ]
    names = ("n_pseudo_frauds", "n_pseudo_genuine", "pseudo_fraud_share", "uses_pseudo_labels")
    return {**{name: figures[name] for name in names}, "warnings": warnings}


def _threshold(manifest: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the threshold with whatever the manifest says of it, its history for one."""
    threshold = manifest["threshold"]
    return {
        **threshold,
        "reason": words.threshold_reason(threshold["rule"], threshold["values"]),
        "when_packaged": run["metrics"][SGAN]["threshold"],
    }


def _calibration(manifest: Mapping[str, Any], judged: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "fitted": manifest["calibration"],
        "slope_on_test_rows": judged["calibration_slope"],
        "intercept_on_test_rows": judged["calibration_intercept"],
        "expected_frauds": judged["expected_frauds"],
    }


def _augmentation(run: Mapping[str, Any]) -> dict[str, Any]:
    params = run["params"]["augment"]
    off = params["method"] == "none"
    ablation = differences(run["metrics"], WITHOUT_AUGMENTATION)
    why = "no synthetic frauds were made (augment.method: none)"
    return {
        "method": params["method"],
        "parameters": params,
        "fidelity": absent(why) if off else run["fidelity"],
        "ablation": ablation
        or absent(why if off else "the SGAN was not trained without (sgan.challenge_augmentation)"),
    }


def _kind(name: str, schema: Mapping[str, Any]) -> str:
    if name == schema["amount"]:
        return "amount"
    return "category" if name in schema["categorical"] else "number"
