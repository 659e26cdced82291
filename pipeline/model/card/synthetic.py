"""Lays out what a model card says of synthetic frauds: fidelity, privacy, and what they changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.model.card.blocks import Block, absence, bullets, table, text
from pipeline.pages.numbers import ABSENT, count, number, percent_of, signed_interval

DISTANCES = {
    "synthetic_to_real": "Synthetic to the nearest real training fraud",
    "holdout_to_real": "Validation fraud, never seen by the generator, to the nearest of them",
    "real_to_real": "Real training fraud to the nearest other",
}


def augmentation(found: Mapping[str, Any]) -> list[Block]:
    """Return method, fidelity and privacy of the synthetic frauds, and what they changed."""
    fidelity, ablation = found["fidelity"], found["ablation"]
    settings = ", ".join(
        f"{name} {value}" for name, value in sorted(found["parameters"].items()) if name != "method"
    )
    blocks = [text(f"Method “{found['method']}” ({settings}).")]
    why = absence(fidelity)
    blocks += [text(f"Fidelity and privacy: {why}")] if why else _fidelity(fidelity)
    why = absence(ablation)
    if why:
        return [*blocks, text(f"Ablation: {why}")]
    rows = [
        [
            one["label"],
            signed_interval(one),
            percent_of(one["probability_sgan_better"]),
            one["reading"],
        ]
        for one in ablation
    ]
    return [
        *blocks,
        table(
            "Ablation: this model minus the same SGAN without synthetic frauds",
            ["Figure", "Difference (95 % interval)", "SGAN better, of resamples", "Reading"],
            rows,
            "12",
        ),
    ]


def _fidelity(found: Mapping[str, Any]) -> list[Block]:
    blocks = [
        text(
            f"{count(found['n_synthetic'])} synthetic frauds beside {count(found['n_real'])} real "
            f"training frauds; {count(found['n_holdout'])} validation frauds, which the generator "
            "never saw, say what is possible."
        )
    ]
    header = ["Figure", "Synthetic frauds", "Validation frauds"]
    blocks.append(table("Fidelity and privacy", header, _figures(found), "12"))
    distances = {**found["holdout"], **found["privacy"]}
    far = [
        [label, number(distances[name]["median"]), number(distances[name]["quantile_05"])]
        for name, label in DISTANCES.items()
    ]
    caption = "Distance to the nearest real fraud, in standard deviations of each column"
    blocks.append(table(caption, ["From and to", "Median", "5 % quantile"], far, "12"))
    missing = [f"{name} not available: {why}" for name, why in found["unavailable"].items()]
    return [*blocks, bullets(missing)] if missing else blocks


def _figures(found: Mapping[str, Any]) -> list[list[str]]:
    """Return name, figure of the synthetic and of the validation frauds."""
    two, privacy, held = (found[key] for key in ("two_sample", "privacy", "holdout"))
    ks, correlation = found["ks"], found["correlation"]
    return [
        [
            "Kolmogorov-Smirnov distance, mean over columns",
            number(ks["mean"]),
            number(held["ks"]["mean"]),
        ],
        ["The same, largest", number(ks["max"]), number(held["ks"]["max"])],
        [
            "Difference of correlations, mean",
            number(correlation["mean_absolute_difference"]),
            number(held["correlation"]["mean_absolute_difference"]),
        ],
        ["Told from real by logistic regression, ROC AUC", number(two["logistic_auc"]), ABSENT],
        ["Told from real by a random forest, ROC AUC", number(two["forest_auc"]), ABSENT],
        ["Exact copies of real frauds", count(privacy["n_exact_copies"]), ABSENT],
        [
            "Share nearer to a real fraud than 95 % of real frauds are to each other",
            number(privacy["share_nearer_than_real"]),
            ABSENT,
        ],
    ]
