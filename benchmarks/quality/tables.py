"""Markdown tables of the studies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.quality.bootstrap import Difference, PooledBootstrap
from benchmarks.quality.expected import calibrations
from benchmarks.quality.outcomes import Outcome, Outcomes, from_scores, values, with_scores
from evaluation.expected_frauds import ExpectedFrauds

MISSING = "-"
XGBOOST = "xgboost"
CODE_OF_INTERVALS = ("benchmarks/quality/bootstrap.py",)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others are numbers."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def comparison(
    outcomes: Outcomes,
    study: str,
    setting: str | None,
    references: Sequence[str],
    bootstrap: PooledBootstrap,
) -> str:
    """Variants of a study with their paired differences to one or more of them."""
    gathered = outcomes.of(study, setting)
    has_f1 = any("f1" in o.line for cells in gathered.values() for o in cells.values())
    head = ["variant", "jobs", "average precision"]
    head += ["F1", "frauds caught", "false alarms"] if has_f1 else []
    head += ["recall in 100 alerts", "seconds a fit"]
    for reference in references:
        head += [f"AP minus {spell(reference)}"]
        head += [f"F1 minus {spell(reference)}"] if has_f1 else []
    rows = []
    for name, cells in gathered.items():
        done = cells.values()
        row = [
            spell(name),
            f"{len(cells)} of {outcomes.n_planned(study, name, setting)}",
            spread(values(done, "average_precision")),
        ]
        row += [spread(values(done, "f1")), *_counts(done)] if has_f1 else []
        row += [_mean(values(done, "recall_at_100_alerts"), 3), _mean(values(done, "seconds"), 0)]
        for reference in references:
            differences = difference(gathered, reference, name, bootstrap)
            row.append(interval(differences.get("average_precision")))
            row += [interval(differences.get("f1"))] if has_f1 else []
        rows.append(row)
    return markdown(head, rows)


def difference(
    gathered: dict[str, dict[str, Outcome]],
    reference: str,
    name: str,
    bootstrap: PooledBootstrap,
) -> dict[str, Difference]:
    """Paired differences of a variant to a reference; empty where they share no split.

    Where scores are missing, what an earlier report kept of the same fits; empty without.
    """
    a, b = gathered.get(reference, {}), gathered.get(name, {})
    cells = [cell for cell in a if cell in b]
    if name == reference or not cells:
        return {}
    found = from_scores(
        f"difference over {bootstrap.n_resamples} resamples",
        CODE_OF_INTERVALS,
        [[a[cell] for cell in cells], [b[cell] for cell in cells]],
        lambda: bootstrap.differences(with_scores(a), with_scores(b)),
    )
    return {figure: Difference(*numbers) for figure, numbers in (found or {}).items()}


def calibration_table(outcomes: Outcomes) -> str:
    """Calibration of every variant at full labels, one line a seed."""
    head = ["variant", "seed", "slope", "frauds predicted", "came",
            "predicted in the top 1,000", "came", "within both intervals"]  # fmt: skip
    rows = []
    for name, cells in outcomes.of("full_labels").items():
        for seed, one in calibrations(cells).items():
            rows.append(
                [
                    spell(name), str(seed), f"{one.slope:.2f}",
                    predicted(one.whole), str(one.whole.observed),
                    predicted(one.top), str(one.top.observed),
                    "yes" if one.holds else "**no**",
                ]
            )  # fmt: skip
    return markdown(head, rows)


def predicted(one: ExpectedFrauds) -> str:
    """Expected number of frauds with its interval."""
    return f"{one.expected:.0f} ({one.low} to {one.high})"


def steady_table(outcomes: Outcomes) -> str:
    """Seeds of the default ensemble, its members and the reference's members."""
    gathered = outcomes.of("steady")
    shipped = list(gathered.get("sgan", {}).values())
    rows = [
        _steady_row("default: ensembles", values(shipped, "best_f1"), values(shipped, "last_f1"),
                    shipped),
        _steady_row("default: single members", *_members(shipped), None),
        _steady_row("reference: single members",
                    *_members(gathered.get("reference", {}).values()), None),
    ]  # fmt: skip
    head = ["configuration", "curves", "best F1", "last F1", "lowest last / best",
            "last below 0.98 of best", "last F1 below 0.1", "AP on test rows"]  # fmt: skip
    return markdown(head, rows)


def pseudo_label_table(outcomes: Outcomes) -> str:
    """What unlabelled rows passed for before the last epoch of each variant's fits."""
    rows = [
        [
            spell(name),
            _mean(values(cells.values(), "n_pseudo_frauds"), 0),
            _percent(values(cells.values(), "unlabelled_fraud_rate")),
        ]
        for name, cells in outcomes.of("pseudo_labels").items()
    ]
    return markdown(["variant", "pseudo-frauds", "estimated fraud rate"], rows)


def _percent(rates):
    return f"{np.mean(rates):.2%}" if len(rates) else MISSING


def _steady_row(name, best, last, ensembles):
    if not len(best):
        return [name, "0"] + [MISSING] * 6
    ratio = last / np.maximum(best, 1e-9)
    precision = values(ensembles, "average_precision") if ensembles is not None else []
    return [name, str(len(best)), spread(best), spread(last), f"{ratio.min():.3f}",
            str(int(np.sum(ratio < 0.98))), str(int(np.sum(last < 0.1))),
            spread(precision, 4)]  # fmt: skip


def _members(outcomes: Iterable[Outcome]) -> tuple[np.ndarray, np.ndarray]:
    outcomes = list(outcomes)
    found = [
        np.concatenate([o.line.get(f"member_{which}_f1", []) for o in outcomes] or [[]])
        for which in ("best", "last")
    ]
    return found[0], found[1]


def spell(name: str) -> str:
    """`smote_xgboost` -> `SMOTE XGBoost`."""
    words = {"sgan": "SGAN", "gan": "GAN", "xgboost": "XGBoost", "smote": "SMOTE", "vae": "VAE",
             "adasyn": "ADASYN", "rmsprop": "RMSprop"}  # fmt: skip
    return " ".join(words.get(word, word) for word in name.split("_"))


def spread(numbers: Sequence[float], digits: int = 3) -> str:
    """Mean and standard deviation; of one number there is none."""
    if not len(numbers):
        return MISSING
    mean = f"{np.mean(numbers):.{digits}f}"
    return mean if len(numbers) == 1 else f"{mean} ± {np.std(numbers, ddof=1):.{digits}f}"


def interval(one: Difference | None) -> str:
    """Difference with its interval, bold where the interval leaves out zero."""
    if one is None:
        return MISSING
    text = f"{one.estimate:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
    return f"**{text}**" if one.low > 0 or one.high < 0 else text


def _mean(numbers, digits):
    return f"{np.mean(numbers):.{digits}f}" if len(numbers) else MISSING


def _counts(done):
    caught, false_alarms = values(done, "n_caught"), values(done, "n_false_alarms")
    judged = [o.line["frauds_came"] for o in done if "n_caught" in o.line]
    if not len(caught):
        return [MISSING, MISSING]
    return [f"{caught.sum():.0f} of {sum(judged)}", f"{false_alarms.sum():.0f}"]
