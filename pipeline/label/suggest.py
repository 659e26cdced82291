"""Writes the unlabelled transactions whose label would teach the model most."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.files.atomic import atomic_path, naming_the_file
from pipeline.files.given_labels import KEY, read_given_labels
from pipeline.label.pool import Pool, delivered_pool, project_pool
from pipeline.label.sheet import OUR_COLUMNS, Sheet

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.model.folder import FraudModel

logger = logging.getLogger(__name__)

N_REASONS = 3


@dataclass(frozen=True)
class SuggestRequest:
    """What the command was asked for.

    Attributes
    ----------
    out : Path
        The CSV file to write.
    budget : int
        How many transactions.
    model : str
        As of `pipeline.score.command.score`.
    labels : Path
        Folder of the labels that are known already.
    data : Path or None
        New transactions; None takes the training rows of the project.
    strategy : str
        See `models.active_learning.choose_queries`.
    seed : int
        Of the strategy "random".
    folder : Path
        The project's.
    """

    out: Path
    budget: int
    model: str
    labels: Path
    data: Path | None = None
    strategy: str = "mixed"
    seed: int = 0
    folder: Path = Path()


def suggest(request: SuggestRequest) -> int:
    """Write the suggestions; return how many there are.

    Raises
    ------
    InputError
        If model or data cannot be used, nothing is unlabelled, or `out` holds answers.
    """
    _check_out(request.out, request.data)
    given = read_given_labels(request.labels)
    from pipeline.tracking.opening import open_model

    model = open_model(request.model, request.folder)
    if request.data is None:
        pool = project_pool(request.folder, model.schema, given)
    else:
        pool = delivered_pool(request.data, model, given)
    table = _suggestions(model, pool, request)
    with naming_the_file(request.out), atomic_path(request.out) as fresh:
        table.to_csv(fresh, index=False)
    logger.info(
        "%d of %d unlabelled transactions: %s", len(table), len(pool.transactions), request.out
    )
    return len(table)


def _check_out(out: Path, data: Path | None) -> None:
    if out.suffix.lower() != ".csv":
        raise InputError(f"{out}: expected a name that ends in .csv")
    if not out.parent.is_dir():
        raise InputError(f"the folder {out.parent} does not exist; make it first")
    if data is not None and out.exists() and data.exists() and out.samefile(data):
        raise InputError(f"{out} is the input itself, which would be lost; give --out another name")
    if not out.exists():
        return
    answered = Sheet.read(out).n_answered
    if answered:
        raise InputError(
            f"{out} holds {answered} answers, which would be lost; take them in with `counterfoil "
            f"label import {out}`, or give --out another name"
        )


def _suggestions(model: FraudModel, pool: Pool, request: SuggestRequest) -> pd.DataFrame:
    """Return the chosen rows as the table of a `Sheet`, the most useful first."""
    import numpy as np
    import pandas as pd

    from models.active_learning import choose_queries, disagreement

    members, score = _scores(model, pool.transactions)
    known = pool.labelled
    chosen = choose_queries(
        request.strategy, request.budget, model.scaled(pool.transactions), members, score=score,
        threshold=model.threshold, known=None if known.empty else model.scaled(known),
        rng=np.random.default_rng(request.seed),
    )  # fmt: skip
    rows = pool.transactions.iloc[chosen].reset_index(drop=True)
    guess = (score[chosen] >= model.threshold).astype(int)
    found = pd.DataFrame(
        {
            KEY: pool.keys[chosen], "label": "", "labelled_by": "", "labelled_at": "",
            "guess": guess, "score": _rounded(score[chosen]),
            "disagreement": _rounded(disagreement(members[chosen])),
            "strategy": request.strategy,
        }
    )  # fmt: skip
    table = pd.concat([found, _reasons(model, rows)], axis=1)
    _check_names(list(rows.columns), list(table.columns))
    return pd.concat([table, rows], axis=1)


def _scores(model: FraudModel, transactions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated probabilities of fraud by each member, and by all together."""
    import numpy as np
    from scipy.special import expit

    from pipeline.model.folder import ROWS_PER_PASS

    passes = [
        model.classifier.decision_function_members(
            model.scaled(transactions.iloc[start : start + ROWS_PER_PASS])
        )
        for start in range(0, len(transactions), ROWS_PER_PASS)
    ]
    log_odds = np.concatenate(passes)
    members = model.calibration.apply(expit(log_odds))
    return members, model.calibration.apply(expit(log_odds.mean(axis=1)))


def _reasons(model: FraudModel, rows: pd.DataFrame) -> pd.DataFrame:
    from pipeline.model.reasons import explain, no_reasons, reason_columns

    if model.manifest["baseline"] is None:
        logger.warning("the model was packaged without a baseline and gives no reasons")
        return no_reasons(rows.index, N_REASONS)
    reasons = explain(model, rows, n_reasons=N_REASONS)
    amounts = reason_columns(N_REASONS)[1]
    return reasons.assign(**{name: _rounded(reasons[name].to_numpy()) for name in amounts})


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


def _check_names(theirs: list[str], ours: list[str]) -> None:
    taken = [name for name in theirs if name in {*ours, *OUR_COLUMNS}]
    if taken:
        raise InputError(
            f"the transactions have a column {' and '.join(taken)}, and the suggestions are "
            "written under that name; rename it"
        )
