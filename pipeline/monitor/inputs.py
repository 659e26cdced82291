"""Drift of a model's inputs: column by column, and of all columns together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.drift import (
    Index,
    counts_beside_quantiles,
    counts_beside_samples,
    index_of_counts,
)
from evaluation.two_sample_classifier import MIN_ROWS, separation_auc
from evaluation.two_samples import (
    Test,
    chi_squared_of_counts,
    holm,
    ks_of_quantiles,
    ks_of_samples,
)

if TYPE_CHECKING:
    import pandas as pd

    from features.schema import TransactionSchema
    from pipeline.model.evidence import Evidence
    from pipeline.score.delivery import Delivery, Reference

LEVEL = 0.95


def input_drift(
    evidence: Evidence, delivery: Delivery, reference: Reference | None
) -> list[dict[str, Any]]:
    """Return the drift of each input, the most drifted first.

    From the reference where there is one, or else from the training rows as the evidence
    describes them: by 101 quantiles of a number, by counts of categories. Intervals of the index
    hold together for all columns (Bonferroni), p-values are corrected for their number (Holm).
    """
    level = 1 - (1 - LEVEL) / len(evidence.inputs)
    n_training = evidence.run["split"]["parts"]["train"]["n_rows"]
    rows = []
    for name, described in evidence.inputs.items():
        new = delivery.inputs[name]
        if "counts" in described:
            old_counts = described["counts"] if reference is None else _counts(reference, name)
            index, test = _category(old_counts, _counts(delivery, name), level)
        elif reference is not None:
            old = reference.inputs[name].to_numpy()
            index = index_of_counts(*counts_beside_samples(old, new), level=level)
            test = ks_of_samples(old, new)
        else:
            quantiles = described["quantiles"]
            index = index_of_counts(
                *counts_beside_quantiles(quantiles, new), n_expected=n_training, level=level
            )
            test = ks_of_quantiles(quantiles, n_training, new)
        rows.append(
            {
                "name": name,
                "kind": "category" if "counts" in described else "number",
                "psi": index.value,
                "psi_low": index.low,
                "psi_high": index.high,
                "statistic": test.statistic,
                "is_lower_bound": reference is None and "quantiles" in described,
                "p_value": test.p_value,
            }
        )
    for row, corrected in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_corrected"] = float(corrected)
    return sorted(rows, key=lambda row: (-row["psi"], row["name"]))


def classifier(
    schema: TransactionSchema,
    delivery: Delivery,
    reference: Reference | None,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return how well a small model tells new rows from old ones, or why that is not known."""
    if reference is None:
        return {
            "missing": "needs the old rows: --reference artifacts/ingest/transactions.parquet "
            "of the model's run"
        }
    n_rows = min(len(reference.inputs), len(delivery.inputs))
    if n_rows < MIN_ROWS:
        return {"missing": f"needs {MIN_ROWS} rows on each side, got {n_rows}"}
    found = separation_auc(
        *_codes(schema, reference.inputs, delivery.inputs),
        is_categorical=[name in schema.categorical for name in schema.inputs],
        level=LEVEL,
        rng=rng,
    )
    return {"auc": found.value, "low": found.low, "high": found.high,
            "n_old": found.n_old, "n_new": found.n_new}  # fmt: skip


def _category(old: dict[str, int], new: dict[str, int], level: float) -> tuple[Index, Test]:
    names = sorted({*old, *new})
    counts = ([of.get(name, 0) for name in names] for of in (old, new))
    return index_of_counts(*counts, level=level), chi_squared_of_counts(old, new)


def _counts(rows: Delivery | Reference, name: str) -> dict[str, int]:
    return {str(key): int(n) for key, n in rows.inputs[name].value_counts().items()}


def _codes(
    schema: TransactionSchema, old: pd.DataFrame, new: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Return both tables as numbers: categories as codes, the most frequent first."""
    import pandas as pd

    columns = []
    for name in schema.inputs:
        both = pd.concat([old[name], new[name]], ignore_index=True)
        if name in schema.categorical:
            both = both.map({key: i for i, key in enumerate(both.value_counts().index)})
        columns.append(both.to_numpy(dtype=np.float64))
    rows = np.column_stack(columns)
    return rows[: len(old)], rows[len(old) :]
