"""Computes everything that a comparison shows, ready for JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.calibration import calibration_slope
from evaluation.expected_frauds import expected_frauds
from evaluation.joint_bootstrap import Comparison, compare_models
from evaluation.metrics import brier_score, expected_calibration_error
from evaluation.slices import bands, categories, figures_by_group, time_blocks
from pipeline.compare.answer import answer
from pipeline.compare.differences import data_differences, drift, param_differences
from pipeline.compare.explaining import reasons
from pipeline.compare.exploring import Setting, explorer, operating_point, points_of
from pipeline.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.compare.candidates import Candidate
    from pipeline.compare.shared_rows import Judged, SharedRows

FORMAT_VERSION = 1
FALSE_POSITIVE_RATE = 0.001
HIGHEST = 1000
SHARE_FIGURES = (
    "average_precision", "f1", "precision", "recall", "recall_at_fpr", "precision_at_budget",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What a comparison is asked for.

    Attributes
    ----------
    setting : Setting
        Alert budget or costs at which operating points are given.
    by : tuple of str
        Columns by which results are shown, beside amount and time.
    with_reasons : bool
        Whether the reasons of alerts are given; the candidates then hold their models.
    n_resamples, seed : int
        Of the bootstrap.
    """

    setting: Setting
    by: tuple[str, ...] = ()
    with_reasons: bool = False
    n_resamples: int = 1000
    seed: int = 0


def compute(candidates: Sequence[Candidate], rows: SharedRows, options: Options) -> dict[str, Any]:
    """Return the content of a comparison.

    Parameters
    ----------
    candidates : sequence of Candidate
        The first is the one that the others are compared with.
    rows : SharedRows
        With one array of scores for each candidate.
    options : Options

    Raises
    ------
    UsageError
        If a column of `options.by` is not at hand.
    """
    budget = budget_of(options.setting, rows, candidates[0].threshold)
    compared = compare_models(
        rows.label,
        rows.scores,
        [candidate.threshold for candidate in candidates],
        rows.weight,
        amount=rows.amount,
        alert_budget=budget["alerts"],
        fpr=FALSE_POSITIVE_RATE,
        n_resamples=options.n_resamples,
        rng=np.random.default_rng(options.seed),
    )
    labels = [candidate.label for candidate in candidates]
    figures = {name: _figure(one, labels) for name, one in compared.items()}
    n_frauds = int(rows.label.sum())
    points = points_of(candidates, rows)
    with ThreadPoolExecutor() as pool:  # array functions let other threads work meanwhile
        calibration = dict(zip(labels, pool.map(_calibration, rows.by_falling_score), strict=True))
    return {
        "format_version": FORMAT_VERSION,
        "answer": answer(figures, budget, n_frauds),
        "runs": [_run(candidate) for candidate in candidates],
        "rows": {
            "n_rows": len(rows.label),
            "n_frauds": n_frauds,
            "n_transactions": float(rows.weight.sum()),
            "prevalence": float(np.average(rows.label, weights=rows.weight)),
            "is_weighted": rows.prevalence is not None,
            "data_sha256": rows.data_sha256,
            "row_ids_sha256": _sha256(rows.row_id),
            "rescored": rows.rescored,
            "transactions_per_day": rows.transactions_per_day,
        },
        "bootstrap": {"n_resamples": options.n_resamples, "seed": options.seed, "level": 0.95},
        "budget": budget,
        "figures": figures,
        "calibration": calibration,
        "operating_points": {
            candidate.label: operating_point(
                candidate, rows, points.get(candidate.label), options.setting
            )
            for candidate in candidates
        },
        "setting": options.setting.to_dict(),
        "slices": _slices(candidates, rows, options.by),
        "params": param_differences(candidates),
        "data": data_differences(candidates),
        "drift": drift(candidates, rows),
        "reasons": reasons(candidates, rows) if options.with_reasons else None,
        "explorer": explorer(candidates, rows, points),
    }


def budget_of(setting: Setting, rows: SharedRows, threshold: float) -> dict[str, Any]:
    """Return the alert budget of the headline, in words and in transactions of the rows.

    Parameters
    ----------
    setting : Setting
        Names the budget; without one it is as many alerts as the first model raises.
    rows : SharedRows
    threshold : float
        Of the first model.
    """
    total = float(rows.weight.sum())
    raised = float(rows.weight[rows.scores[0] >= threshold].sum())
    share = raised / total if raised else 1 / total
    per_day = rows.transactions_per_day
    if setting.alerts_per_day is not None and per_day is not None:
        share = setting.alerts_per_day / per_day
    elif setting.alerts_per_thousand is not None:
        share = setting.alerts_per_thousand / 1000
    words = (
        f"{share * 1000:.3g} alerts in 1,000 transactions"
        if per_day is None
        else f"{_rounded(share * per_day)} alerts a day"
    )
    return {"words": words, "share": share, "alerts": min(share * total, total)}


def _rounded(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:.1f}"


def _figure(one: Comparison, labels: Sequence[str]) -> dict[str, Any]:
    return {
        label: {
            "value": float(one.estimate[i]),
            "low": float(one.low[i]),
            "high": float(one.high[i]),
            **(
                {
                    "difference": float(one.difference[i]),
                    "difference_low": float(one.difference_low[i]),
                    "difference_high": float(one.difference_high[i]),
                    "family_low": float(one.family_low[i]),
                    "family_high": float(one.family_high[i]),
                    "probability_better": float(one.probability_better[i]),
                }
                if i
                else {}
            ),
        }
        for i, label in enumerate(labels)
    }


def _run(candidate: Candidate) -> dict[str, Any]:
    evidence = candidate.evidence
    run = {} if evidence is None else dict(evidence.run)
    sgan = run.get("metrics", {}).get("sgan", {})
    params = run.get("params", {})
    data = run.get("data", {})
    return {
        "label": candidate.label,
        "name": candidate.name,
        "threshold": candidate.threshold,
        "rule": candidate.rule,
        "counterfoil_version": candidate.manifest["counterfoil_version"],
        "data_sha256": candidate.data_sha256,
        "n_rows": data.get("n_rows"),
        "n_frauds": data.get("n_frauds"),
        "seeds": {name: of["seed"] for name, of in params.items() if isinstance(of, dict)
                  and "seed" in of},
        "n_members": sgan.get("n_members"),
        "n_active_members": sgan.get("n_active_members"),
        "chosen_epoch": sgan.get("chosen_epoch"),
        "member_average_precision": [
            member["test_average_precision"] for member in sgan.get("members", []) if member
        ],
        "augmentation": _augmentation(params.get("augment"), run.get("fidelity")),
        "epochs": None if evidence is None else _epochs(evidence.epochs),
    }  # fmt: skip


def _epochs(epochs: pd.DataFrame) -> dict[str, list[float | None]]:
    """Return the columns of the curves; an epoch without a sound member has no figures."""
    known = epochs.astype(object).where(epochs.notna(), None)
    return {str(name): list(values) for name, values in known.items()}


def _augmentation(params: Any, fidelity: Any) -> dict[str, Any] | None:
    """Return how frauds were multiplied, how faithful and how private the synthetic ones are."""
    if params is None:
        return None
    found: dict[str, Any] = {"method": params["method"], "fidelity": None}
    if params["method"] == "vae":
        found["generation"] = params["generation"]
    if fidelity["n_synthetic"]:
        privacy = fidelity["privacy"]
        found["fidelity"] = {
            "n_synthetic": fidelity["n_synthetic"],
            "mean_ks": fidelity["ks"]["mean"],
            "holdout_mean_ks": fidelity["holdout"]["ks"]["mean"],
            "nearest_real_median": privacy["synthetic_to_real"]["median"],
            "real_to_real_median": privacy["real_to_real"]["median"],
            "n_exact_copies": privacy["n_exact_copies"],
        }
    return found


def _calibration(judged: Judged) -> dict[str, Any]:
    rows = judged[:3]
    return {
        "slope": calibration_slope(*rows),
        "brier_score": brier_score(*rows),
        "expected_calibration_error": expected_calibration_error(*rows),
        "expected_frauds": expected_frauds(*rows)._asdict(),
        f"expected_frauds_in_highest_{HIGHEST}": expected_frauds(*rows, k=HIGHEST)._asdict(),
    }


def _slices(
    candidates: Sequence[Candidate], rows: SharedRows, by: Sequence[str]
) -> list[dict[str, Any]]:
    """Return results by band of amount, by time block and by the columns asked for."""
    wanted = []
    if rows.amount is not None:
        wanted.append(("amount", *bands(rows.amount)))
    if rows.time is not None:
        wanted.append(("time", *time_blocks(rows.time)))
    for name in by:
        wanted.append((name, *_group(rows, name)))
    return [
        {
            "by": name,
            "is_asked_for": position >= len(wanted) - len(by),
            "groups": names,
            "figures": {
                candidate.label: figures_by_group(
                    rows.label, score, candidate.threshold, group, len(names), rows.weight,
                    rows.amount,
                )
                for candidate, score in zip(candidates, rows.scores, strict=True)
            },
        }
        for position, (name, group, names) in enumerate(wanted)
    ]  # fmt: skip


def _group(rows: SharedRows, name: str) -> tuple[np.ndarray, list[str]]:
    import pandas as pd

    if rows.table is None:
        raise UsageError(
            f"--by {name} needs the columns of the rows: add --data "
            "artifacts/ingest/transactions.parquet of one of the runs"
        )
    if name not in rows.table:
        raise UsageError(
            f"--by {name}: the data have no such column; they have "
            f"{', '.join(map(str, rows.table.columns[:40]))}"
        )
    values = rows.table[name]
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if is_number:
        return bands(values.to_numpy(dtype=float, na_value=np.nan))
    return categories(values.to_numpy(dtype=object))


def _sha256(row_id: np.ndarray) -> str:
    return hashlib.sha256(row_id.astype("<i8").tobytes()).hexdigest()
