"""What differs between models beside their results: parameters, data, distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evaluation.drift import psi_of_counts, psi_of_quantiles, psi_of_samples
from pipeline.params.reading import flatten

if TYPE_CHECKING:
    from pipeline.compare.candidates import Candidate
    from pipeline.compare.shared_rows import SharedRows

MOST_DRIFTED = 10


def param_differences(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return the parameters that are not equal in all models, by key, with every value."""
    known = {
        candidate.label: dict(flatten(candidate.evidence.run["params"]))
        for candidate in candidates
        if candidate.evidence is not None
    }
    keys = sorted({key for values in known.values() for key in values})
    return [
        {"key": key, "values": {label: values.get(key) for label, values in known.items()}}
        for key in keys
        if any(values.get(key) != next(iter(known.values())).get(key) for values in known.values())
    ]


def data_differences(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return facts of the data that the models were made from."""
    return [
        {
            "label": candidate.label,
            "sha256": candidate.data_sha256,
            "source": run.get("source"),
            "files": [file["name"] for file in run.get("files", [])],
            "n_rows": run.get("n_rows"),
            "n_frauds": run.get("n_frauds"),
            "n_days": (run.get("time") or {}).get("n_days"),
        }
        for candidate in candidates
        for run in [{} if candidate.evidence is None else candidate.evidence.run["data"]]
    ]


def drift(candidates: Sequence[Candidate], rows: SharedRows) -> list[dict[str, Any]]:
    """Return how far data moved, by the population stability index, for each model.

    `inputs`: from the training rows of the first model to its own. `scores`: from its own test
    rows to the rows of a table that was scored anew; None without one.
    """
    found = []
    first = candidates[0].evidence
    for candidate, score in zip(candidates, rows.scores, strict=True):
        own = candidate.evidence
        scores = inputs = None
        if own is not None and rows.rescored is not None:
            scores = psi_of_samples(own.part("test")["score"].to_numpy(), score)
        if own is not None and first is not None:
            inputs = _input_drift(first.inputs, own.inputs)
        found.append({"label": candidate.label, "scores": scores, "inputs": inputs})
    return found


def most_drifted(inputs: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the inputs that moved most, with their index."""
    return sorted(inputs.items(), key=lambda item: (-item[1], item[0]))[:MOST_DRIFTED]


def _input_drift(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for name in first:
        kinds = [next(iter(of[name])) for of in (first, other) if name in of]
        if kinds == ["quantiles", "quantiles"]:
            found[name] = psi_of_quantiles(first[name]["quantiles"], other[name]["quantiles"])
        elif kinds == ["counts", "counts"]:
            found[name] = psi_of_counts(first[name]["counts"], other[name]["counts"])
    return found
