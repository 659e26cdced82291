"""The latent pictures in words, for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.latent.content import most_frauds_first
from pipeline.latent.pictures import TITLES
from pipeline.pages.terminal_text import WIDTH, shortened, wrapped

SHOWN_CLUSTERS = 5
SHOWN_COLUMNS = 3


def as_text(content: Mapping[str, Any]) -> str:
    """Return the readable form of what `content.content_of` gives."""
    return "\n".join(line.rstrip() for line in _lines(content))


def _lines(content: Mapping[str, Any]) -> Iterator[str]:
    yield from wrapped(content["answer"])
    yield ""
    yield shortened(f"model      {content['model']['name']}", WIDTH)
    yield shortened(f"data       {pictured_in_words(content['data'])}", WIDTH)
    for picture in content["pictures"]:
        yield ""
        yield from wrapped(f"{TITLES[picture['encoder']]}: {picture_in_words(picture)}")
        for cluster in most_frauds_first(picture["clusters"])[:SHOWN_CLUSTERS]:
            yield from wrapped(cluster_in_words(cluster), "  ")
            for column in cluster["columns"][:SHOWN_COLUMNS]:
                yield shortened(f"    {column_in_words(column)}", WIDTH)
    yield ""
    for path in content["paths"]:
        yield from _path(path)
    if content["draws"] is not None and content["draws"]["n_rows"]:
        yield ""
        what = "frauds" if content["data"]["has_labels"] else "alerts"
        yield from wrapped(draws_in_words(content["draws"], what))


def pictured_in_words(data: Mapping[str, Any]) -> str:
    """Return which rows are drawn."""
    frauds = f"{data['n_frauds']:,} frauds" if data["has_labels"] else "no labels"
    words = f"{data['name']}, {data['n_rows']:,} rows, {frauds}"
    if data["n_pictured"] < data["n_rows"]:
        kept = f", {data['n_pictured_frauds']:,} frauds" if data["has_labels"] else ""
        words += f"; drawn: {data['n_pictured']:,}{kept}"
    return words


def picture_in_words(picture: Mapping[str, Any]) -> str:
    """Return how many clusters a picture has and how true it is to the codes."""
    kept = 100 * picture["neighbours_kept"]
    n = len(picture["clusters"])
    return (
        f"{n:,} cluster{'s' * (n != 1)} of {picture['latent_dim']}-dimensional codes; "
        f"{picture['n_rows_in_none']:,} rows with {picture['n_frauds_in_none']:,} frauds are in "
        f"none. Of a row's {picture['n_neighbours']} nearest rows by code the picture keeps "
        f"{kept:.0f} % as near."
    )


def cluster_in_words(cluster: Mapping[str, Any]) -> str:
    """Return size and frauds of a cluster."""
    words = f"cluster {cluster['cluster']}: {cluster['n_rows']:,} rows"
    if cluster["n_frauds"] is None:
        return words
    return f"{words}, {cluster['n_frauds']:,} frauds ({share_in_words(cluster)})"


def share_in_words(cluster: Mapping[str, Any]) -> str:
    """Return the share of frauds with its interval."""
    share, low, high = (100 * cluster[key] for key in ("fraud_share", "low", "high"))
    return f"{share:.1f} %, {low:.1f} to {high:.1f}"


def column_in_words(column: Mapping[str, Any]) -> str:
    """Return how a column sets a cluster apart, in the column's units."""
    effect = f"effect {column['effect']:+.2f}"
    if "category" in column:
        shares = f"{100 * column['share']:.0f} %, elsewhere {100 * column['others']:.0f} %"
        return f"{column['name']} is {column['category']}: {shares} ({effect})"
    return (
        f"{column['name']} {column['median']:.4g} ({column['low']:.4g} to {column['high']:.4g}), "
        f"elsewhere {column['others']:.4g} ({effect})"
    )


def draws_in_words(draws: Mapping[str, Any], what: str) -> str:
    """Return how frauds and their draws are scored."""
    share, share_of_rows = (
        100 * draws[alerts] / draws[n]
        for alerts, n in (("n_alerts", "n_draws"), ("n_rows_alerts", "n_rows"))
    )
    return (
        f"{draws['n_draws']:,} draws from the VAE's codes of {draws['n_rows']:,} {what}: the model "
        f"alerts on {share:.0f} % of the draws, and on {share_of_rows:.0f} % of the {what} "
        "themselves."
    )


def _path(path: Mapping[str, Any]) -> Iterator[str]:
    a, b = path["a"], path["b"]
    yield from wrapped(
        f"path through the {TITLES[path['encoder']]} from row {a['row']} ({end_in_words(a)}) to "
        f"row {b['row']} ({end_in_words(b)}), score by step:"
    )
    scores = " ".join(f"{step['score']:.3f}" for step in path["steps"])
    yield f"  {scores}"


def end_in_words(end: Mapping[str, Any]) -> str:
    """Return class and score of a transaction."""
    names = {None: "unlabelled", 0: "genuine", 1: "fraud"}
    return f"{names[end['label']]}, score {end['score']:.3f}"
