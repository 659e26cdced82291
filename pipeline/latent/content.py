"""All figures of the latent pictures, ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.latent.pictures import TITLES

if TYPE_CHECKING:
    import numpy as np

    from pipeline.latent.pictures import Picture
    from pipeline.latent.rows import LatentRows
    from pipeline.model.folder import FraudModel


def describe_pictures(
    pictures: Sequence[Picture], rows: LatentRows, *, seed: int
) -> list[dict[str, Any]]:
    """Return what each picture shows: its clusters, their columns and frauds, and its truth."""
    import numpy as np

    from evaluation.clusters import describe_clusters
    from evaluation.embedding import N_NEIGHBOURS, neighbour_agreement

    described = []
    for picture in pictures:
        clusters = describe_clusters(picture.cluster, rows.inputs, is_fraud=rows.label)
        outside = picture.cluster < 0
        described.append(
            {
                "encoder": picture.encoder,
                "latent_dim": int(picture.codes.shape[1]),
                "clusters": clusters,
                "n_rows_in_none": int(outside.sum()),
                "n_frauds_in_none": int(rows.is_fraud[outside].sum()),
                "n_neighbours": N_NEIGHBOURS,
                "neighbours_kept": neighbour_agreement(
                    picture.codes, picture.embedding, rng=np.random.default_rng(seed)
                ),
            }
        )
    return described


def answer(pictures: Sequence[dict[str, Any]], rows: LatentRows) -> str:
    """Return what the pictures say of frauds, in a sentence."""
    n_frauds = int(rows.is_fraud.sum())
    counts = " and ".join(
        f"{len(one['clusters'])} in that of the {TITLES[one['encoder']]}" for one in pictures
    )
    if not n_frauds:
        return f"{len(rows.row_id):,} transactions without known frauds form clusters: {counts}."
    densest = [
        (max(one["clusters"], key=lambda found: found["n_frauds"] or 0), one["encoder"])
        for one in pictures
        if one["clusters"]
    ]
    if not densest:
        return f"No clusters among {len(rows.row_id):,} transactions with {n_frauds:,} frauds."
    cluster, encoder = max(densest, key=lambda found: found[0]["n_frauds"] or 0)
    return (
        f"{cluster['n_frauds'] or 0:,} of {n_frauds:,} frauds lie in one cluster of "
        f"{cluster['n_rows']:,} transactions in the picture of the {TITLES[encoder]}'s codes."
    )


def most_frauds_first(clusters: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return clusters with the most frauds first, larger ones before smaller ones."""
    return sorted(clusters, key=lambda one: (-(one["n_frauds"] or 0), -one["n_rows"]))


def content_of(
    name: str,
    model: FraudModel,
    rows: LatentRows,
    pictures: Sequence[dict[str, Any]],
    paths: Sequence[dict[str, Any]],
    draws: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the content of text, page and JSON file."""
    return {
        "answer": answer(pictures, rows),
        "model": {
            "name": name,
            "threshold": model.threshold,
            "data_sha256": str(model.manifest["trained_on"]["data_sha256"]),
        },
        "data": {
            "name": rows.name,
            "n_rows": rows.n_all,
            "n_frauds": rows.n_all_frauds,
            "n_pictured": len(rows.row_id),
            "n_pictured_frauds": int(rows.is_fraud.sum()),
            "has_labels": rows.label is not None,
            "parts": _counts(rows.part),
        },
        "pictures": list(pictures),
        "paths": list(paths),
        "draws": draws,
    }


def _counts(part: np.ndarray) -> dict[str, int]:
    import numpy as np

    names, counts = np.unique(part.astype(str), return_counts=True)
    return {str(name): int(n) for name, n in zip(names, counts, strict=True)}
