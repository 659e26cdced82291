"""Writes docs/RESULTS.md from the results file."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.quality.bootstrap import PooledBootstrap
from benchmarks.quality.confirming import BITS, FIGURES
from benchmarks.quality.jobs import SMALL_MARK, Job, figures_version
from benchmarks.quality.kept import SCORES
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.outcomes import Outcomes
from benchmarks.quality.pictures import draw_all
from benchmarks.quality.tables import (
    XGBOOST,
    calibration_table,
    comparison,
    pseudo_label_table,
    steady_table,
)
from benchmarks.quality.targets import targets, targets_table

N_RESAMPLES = 1000
PICTURES = Path("images/results")
CONFIRMED = {BITS: "to the last bit", FIGURES: "in every figure, to four decimals"}
SPEED = Path("benchmarks/speed.md")

PROTOCOL = """\
49,104 real card transactions (355 frauds) of the public ULB set. Features are `V1..V28` and \
`Amount`. A genuine row weighs as much as 4.353 frauds in every figure, about as many as it \
stands for in the full set, so that figures hold at a fraud rate of 0.00167.

A fifth of each training part is validation: it chooses tuning, epoch, calibration and threshold. \
The test part is scored once. Peers are tuned over 4 or 5 candidates by average precision on \
validation rows (10 for logistic regression; 2 for the dense net, the autoencoder, and XGBoost \
with unlabelled rows). \
Logistic regression, SMOTE + XGBoost, the dense net and the autoencoder choose between standard \
and arcsinh scaling. Trees get the rows as they are, since monotone maps of a column change no \
tree. The SGAN has the values of `params.yaml` with `presets/creditcard.yaml`, the synthetic \
frauds of its `augment` section included. Those values were chosen on other random splits of these \
same rows, so that rows judged here had a say in them; peers choose among their candidates within \
each fold, but the candidates were chosen on these rows too. Nothing is refitted on validation \
rows.

"±" is the standard deviation over folds and seeds. Intervals are 95 % of a paired bootstrap: \
each resample draws rows of the file (frauds and genuine rows separately) and counts a row equally \
often for every model and in every split in which it is a test row, so that a row scored under \
three seeds is one row. Differences are means over splits; bold ones have an interval without \
zero. Intervals speak of the choice of test rows; what retraining adds is in the mean over seeds."""

NOTES = {
    "full_labels": """\
Five stratified folds for each of three seeds. The dense net is the SGAN's class head alone \
(`unsupervised_weight: 0`, no encoders, no synthetic frauds). The autoencoder's error is the \
unsupervised line: it has seen genuine training rows only.""",
    "out_of_time": """\
Trained on the first 60, 70 and 80 % of the rows by `Time` (the last fifth of them is \
validation), tested on all later rows; three seeds of each model.""",
    "new_patterns": """\
K-means on their columns parts the frauds of the file into five clusters of 129, 96, 70, 43 and \
17. Each is withheld once: training and validation rows are those of a stratified fold without \
its frauds, test rows the fold's genuine rows and all frauds of the cluster; three seeds. Weights \
are those of the other studies, so that the fraud rate of the test rows is 0.0004 to 0.003. The \
clusters overlap: the second and the fifth lie in much the same direction from the genuine rows \
as the first, but farther out, and the third lies among the genuine rows. The means over all five \
stand for these clusters only, each of them counting alike; intervals speak of the choice of test \
rows, not of the clusters.""",
    "few_labels": """\
Four fifths of the rows, of which only the stated frauds and genuine rows keep their label; the \
SGAN gets the others as unlabelled rows. Five draws, one for each fold. There are no validation \
rows: peers are tuned by five-fold cross-validation within the labelled rows, and there is no \
threshold, so no F1. So few labels do not tell how much to regularise; "shrunken" logistic \
regression has a strong regularisation (C = 0.001), the best of five on these rows, draws judged \
here included. Peers "unlabelled as genuine" learn from the unlabelled rows as genuine ones. \
Six genuine rows that look like frauds keep the better of them from the targets \
([limits](benchmarks/limits.md)); in the SGAN's pseudo-labels it is nine such rows a draw \
([errors of pseudo-labels](benchmarks/pseudo_label_errors.md)).""",
    "steady": """\
One split. Seeds of the default SGAN differ in the networks and their training, not in the \
encoders and the synthetic frauds. The reference configuration (`presets/reference.yaml`) \
is trained ten GANs to a fit, each with a generator and discriminator of its own.""",
    "inputs": "What the discriminator sees beside the scaled columns, against the columns alone.",
    "augmentation": """\
"none" is the default without synthetic frauds: frauds are drawn as they come. "Class weight" \
draws them more often, a tenth of each batch (`fraud_share: 0.1`). The others are "none" with \
synthetic frauds: one for each real fraud, or ten where only 20 frauds are left (the other \
training frauds are left out, and the validation rows are those of the whole fold). "New \
patterns" and "out of time" are the splits above of these names, the former with one seed, the \
latter with three. "Against time" \
trains on the last 60, 70 and 80 % of the rows and tests on the earlier ones, which are test rows \
of no other split by time: there the two that were ahead out of time are tried again. New \
patterns were looked at beforehand with another seed; so were five frauds, and 20 + 480 labels \
with unlabelled rows, where generated frauds were behind "none" in most of the few fits made.""",
    "habits": """\
Each habit of GAN training that is a parameter of `SGANClassifier`, switched off where the \
default has it and on where it has not.""",
    "training_length": """\
The default of twenty epochs against shorter trainings, whose learning rates go down to zero as \
well: on five stratified folds, and on the splits of "Out of time", three seeds.""",
    "pseudo_labels": """\
The rows of "few labels" at 20 + 480 and the preset `few_labels`, five draws. "Weight" is \
`sgan.pseudo_label_weight` at the shipped confidence of 0.5 (a row passes for the class that is \
the likelier one); "confidence" and "all members agree" ask more of a row at the shipped weight. \
Where so few rows pass for frauds that they are not believed, all unlabelled rows count as \
genuine ([How the classifier works](classifier.md#unlabelled-rows)).""",
}
TITLES = {
    "full_labels": "Full labels",
    "out_of_time": "Out of time",
    "new_patterns": "New patterns",
    "few_labels": "Few labels",
    "steady": "Steadiness",
    "inputs": "Inputs of the discriminator",
    "augmentation": "Augmentation",
    "habits": "Habits of GAN training",
    "training_length": "Length of the training",
    "pseudo_labels": "Pseudo-labels",
}
TOGETHER = {"out_of_time": "All three", "new_patterns": "All five"}  # of a study's settings
REFERENCES = {
    "full_labels": (XGBOOST,),
    "out_of_time": (XGBOOST,),
    "new_patterns": (XGBOOST,),
    "few_labels": (XGBOOST,),
    "inputs": ("raw",),
    "augmentation": ("none", "class_weight"),
    "habits": ("default",),
    "training_length": ("default",),
    "pseudo_labels": ("no_pseudo_labels",),
}


def write_report(
    plan: list[Job],
    ledger: Ledger,
    data: str,
    page: Path,
    *,
    command: str,
    accept_stale: bool = False,
) -> None:
    """Write the page and its pictures.

    Parameters
    ----------
    plan : list of Job
        All jobs of the benchmark.
    ledger : Ledger
        Results.
    data : str
        Version of the data.
    page : Path
        Where the page goes; pictures go to ``images/results`` beside it.
    command : str
        What made the page.
    accept_stale : bool
        See `Outcomes`.
    """
    outcomes = Outcomes(plan, ledger, data, accept_stale=accept_stale)
    bootstrap = PooledBootstrap(N_RESAMPLES)
    pictures = draw_all(outcomes, bootstrap, page.parent / PICTURES)
    body = [targets_table(targets(outcomes, bootstrap)), "## Protocol", PROTOCOL, _speed(page)]
    for study in TITLES:
        body += _study(outcomes, study, bootstrap, pictures)
    sections = [
        "# Results",
        _origin(outcomes, ledger, command),  # after the rest, which asks for what is kept
        "**A smoke test on few rows and short fits: its figures mean nothing.**"
        if data.endswith(SMALL_MARK)
        else "",
        "## Targets",
        *body,
    ]
    text = "\n\n".join(section for section in sections if section) + "\n"
    page.parent.mkdir(parents=True, exist_ok=True)
    fresh = page.with_name(f".{page.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(page)
    ledger.kept.save()


def _origin(outcomes: Outcomes, ledger: Ledger, command: str) -> str:
    is_whole = len(outcomes.found) == len(outcomes.plan)
    lines = [
        f"Made by `{command}` on {datetime.now(UTC):%d %B %Y}; do not edit. "
        f"{len(outcomes.found)} of {len(outcomes.plan)} jobs are done"
        + ("." if is_whole else "; the others are missing from the tables."),
    ]
    found = sorted({_versions(outcome.line) for outcome in outcomes.found})
    if found:
        lines.append("Versions: " + "; or ".join(found) + ".")
    seeds = sorted({o.job.split["seed"] for o in outcomes.found if "seed" in o.job.split})
    if seeds:
        lines.append(
            f"Seeds of the splits: {', '.join(map(str, seeds))}; the results file has those of "
            "every fit."
        )
    if outcomes.n_stale:
        lines.append(
            f"**{outcomes.n_stale} results come from earlier code, settings or data** "
            "(`--accept-stale`)."
        )
    confirmed = [o.line for o in outcomes.found if "confirmed_by" in o.line]
    for proof, words in CONFIRMED.items():
        lines_of = [line for line in confirmed if line.get("confirmed_to", BITS) == proof]
        names = {name for line in lines_of for name in line["confirmed_by"]}
        if names:
            lines.append(
                f"{len(lines_of)} results were made before code that they depend on was changed; "
                f"{len(names)} refits with the present code came out equal {words} (`--confirm`)."
            )
    lines += [
        f"{count} of the intervals and calibrations below were made elsewhere ({origin})."
        for origin, count in sorted(Counter(ledger.kept.used.values()).items())
        if origin != SCORES
    ]
    n_old_figures = sum(o.line["judged_by"] != figures_version() for o in outcomes.found)
    if n_old_figures:
        lines.append(f"**The figures of {n_old_figures} results were made by earlier code.**")
    return " ".join(lines)


def _versions(line: dict) -> str:
    return ", ".join(f"{name} {number}" for name, number in line.get("versions", {}).items())


def _speed(page: Path) -> str:
    if not (page.parent / SPEED).exists():
        return ""
    return f"## Speed\n\nSpeed and memory have [a page of their own]({SPEED.as_posix()})."


def _study(
    outcomes: Outcomes, study: str, bootstrap: PooledBootstrap, pictures: dict[str, str]
) -> list[str]:
    sections = [
        f"## {TITLES[study]}",
        NOTES[study],
        f"{outcomes.n_done(study)} of {outcomes.n_planned(study)} jobs are done.",
    ]
    if not outcomes.n_done(study):
        return [*sections[:2], "**Not measured yet.**"]
    if study == "steady":
        return [*sections, steady_table(outcomes), _picture("steady.png", pictures)]
    settings = outcomes.settings(study)
    for setting in settings:
        title = f"### {setting[:1].upper()}{setting[1:]}" if len(settings) > 1 else ""
        sections += [title, comparison(outcomes, study, setting, REFERENCES[study], bootstrap)]
    if study in TOGETHER and len(settings) > 1:
        together = comparison(outcomes, study, None, REFERENCES[study], bootstrap)
        sections += [f"### {TOGETHER[study]}", together]
    if study == "pseudo_labels":
        sections += [
            "Before the last epoch, as means over the draws; of the 38,783 unlabelled rows 264 "
            "(0.68 %) are frauds.",
            pseudo_label_table(outcomes),
        ]
    if study == "full_labels":
        sections += [
            _picture("full_labels.png", pictures),
            "### Calibration",
            "Test rows of all folds of a seed together, with the 95 % interval of the number of "
            "frauds under the scores. The top 1,000 are the highest scores that stand for 1,000 "
            "transactions.",
            calibration_table(outcomes),
            _picture("reliability.png", pictures),
        ]
    return sections


def _picture(name: str, pictures: dict[str, str]) -> str:
    if name not in pictures:
        return ""
    return f"![{pictures[name]}]({(PICTURES / name).as_posix()})\n\n{pictures[name]}"
