"""What issue 3 asks for, what was measured, and whether it is met."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.quality.bootstrap import PooledBootstrap
from benchmarks.quality.expected import calibrations
from benchmarks.quality.outcomes import Outcomes, common_mean, values
from benchmarks.quality.studies import CONFIRMING
from benchmarks.quality.tables import (
    XGBOOST,
    difference,
    interval,
    markdown,
    predicted,
    spell,
)

SGAN = "sgan"
MARGIN = 0.02
FEW_LABELS = {"20 + 480": 0.80, "50 + 450": 0.82, "all + 500": 0.84}
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Target:
    """One line of the table; `met` is None where nothing was measured."""

    name: str
    demanded: str
    measured: str = NOT_MEASURED
    met: bool | None = None
    n_done: int = 0
    n_planned: int = 0


def targets(outcomes: Outcomes, bootstrap: PooledBootstrap) -> list[Target]:
    """Every target of issue 3, lines 1 to 5, that this benchmark measures."""
    return [
        *_full_labels(outcomes, bootstrap),
        _out_of_time(outcomes, bootstrap),
        *_few_labels(outcomes, bootstrap),
        *_steady(outcomes),
        _augmentation(outcomes, bootstrap),
        *_calibration(outcomes),
    ]


def targets_table(found: list[Target]) -> str:
    """Return the table; a target that is missed or not measured stands out."""
    words = {True: "yes", False: "**no**", None: "**not measured**"}
    rows = []
    for one in found:
        met = words[one.met]
        if one.met is not None and one.n_done < one.n_planned:
            met += f" ({one.n_done} of {one.n_planned} jobs)"
        rows.append([one.name, one.demanded, one.measured, met])
    return markdown(["target", "demanded", "measured", "met"], rows)


def _full_labels(outcomes, bootstrap):
    gathered = outcomes.of("full_labels")
    name, demanded = "full labels, average precision", f"XGBoost + {MARGIN}"
    f1_name, f1_demanded = "full labels, F1 at the validation threshold", "at least 0.86"
    means = common_mean(gathered[XGBOOST], gathered[SGAN], "average_precision")
    counts = _progress(outcomes, "full_labels", SGAN)
    if means is None:
        f1 = values(gathered[SGAN].values(), "f1")
        return [Target(name, demanded), _f1_target(f1_name, f1_demanded, f1, counts)]
    gap = means[1] - means[0]
    shown = difference(gathered, XGBOOST, SGAN, bootstrap)
    text = f"{means[1]:.3f} against {means[0]:.3f}: " + (
        interval(shown["average_precision"]) if shown else f"{gap:+.3f}"
    )
    f1 = values(gathered[SGAN].values(), "f1")
    return [
        Target(name, demanded, text, gap >= MARGIN, *counts),
        _f1_target(f1_name, f1_demanded, f1, counts),
    ]


def _f1_target(name, demanded, f1, counts):
    if not len(f1):
        return Target(name, demanded)
    return Target(name, demanded, f"{f1.mean():.3f}", bool(f1.mean() >= 0.86), *counts)


def _out_of_time(outcomes, bootstrap):
    gathered = outcomes.of("out_of_time")
    name, demanded = "out of time, average precision", "at least XGBoost's"
    means = common_mean(gathered[XGBOOST], gathered[SGAN], "average_precision")
    if means is None:
        return Target(name, demanded)
    shown = difference(gathered, XGBOOST, SGAN, bootstrap).get("average_precision")
    text = f"{means[1]:.3f} against {means[0]:.3f}: {interval(shown)}"
    counts = _progress(outcomes, "out_of_time", SGAN)
    return Target(name, demanded, text, means[1] >= means[0], *counts)


def _few_labels(outcomes, bootstrap):
    found = []
    for setting in outcomes.settings("few_labels"):
        gathered = outcomes.of("few_labels", setting)
        own = values(gathered[SGAN].values(), "average_precision")
        floor = FEW_LABELS[setting]
        first = (f"few labels, {setting}: average precision", f"at least {floor:.2f}")
        second = (f"few labels, {setting}: gap to the best peer", f"at least {MARGIN}")
        if not len(own):
            found += [Target(*first), Target(*second)]
            continue
        counts = (len(own), outcomes.n_planned("few_labels", SGAN) // len(FEW_LABELS))
        met = bool(own.mean() >= floor)
        found += [Target(*first, f"{own.mean():.3f}", met, *counts),
                  _gap_to_best_peer(second, gathered, bootstrap, counts)]  # fmt: skip
    return found


def _gap_to_best_peer(words, gathered, bootstrap, counts):
    means = {
        name: common_mean(cells, gathered[SGAN], "average_precision")
        for name, cells in gathered.items()
        if name != SGAN
    }
    means = {name: pair for name, pair in means.items() if pair is not None}
    if not means:
        return Target(*words)
    best = max(means, key=lambda name: means[name][0])
    peer, own = means[best]
    shown = difference(gathered, best, SGAN, bootstrap).get("average_precision")
    text = f"{own - peer:+.3f} to {spell(best)} ({peer:.3f}): {interval(shown)}"
    return Target(*words, text, own - peer >= MARGIN, *counts)


def _steady(outcomes):
    done = list(outcomes.of("steady").get(SGAN, {}).values())
    words = [
        ("steady: collapses", "none in 50 seeds"),
        ("steady: last epoch's F1 over the best epoch's", "at least 0.98 in every seed"),
        ("steady: standard deviation of average precision over seeds", "at most 0.01"),
    ]
    if len(done) < 2:
        return [Target(*pair) for pair in words]
    counts = (len(done), outcomes.n_planned("steady", SGAN))
    collapses = int(values(done, "n_collapses").sum())
    ratio = values(done, "last_f1") / np.maximum(values(done, "best_f1"), 1e-9)
    deviation = float(np.std(values(done, "average_precision"), ddof=1))
    return [
        Target(*words[0], f"{collapses} in {len(done)} seeds", collapses == 0, *counts),
        Target(*words[1], f"lowest {ratio.min():.3f}, {int(np.sum(ratio < 0.98))} seeds below",
               bool(ratio.min() >= 0.98), *counts),
        Target(*words[2], f"{deviation:.4f}", deviation <= 0.01, *counts),
    ]  # fmt: skip


def _augmentation(outcomes, bootstrap):
    words = (
        "augmentation: gain of generated frauds in average precision",
        "an interval above zero in some regime, against the same SGAN without them",
    )
    # Rows that had no part in the choice are comparisons of their own.
    groups = [
        [s for s in outcomes.settings("augmentation") if (s == CONFIRMING) == is_confirming]
        for is_confirming in (False, True)
    ]
    best = [_best_gain(outcomes, settings, bootstrap) for settings in groups]
    texts = [
        f"best of {n} comparisons{where}: {title}: {interval(gain)}"
        for (title, gain, n), where in zip(best, ("", " tried again on other rows"), strict=True)
        if gain is not None
    ]
    if not texts:
        return Target(*words)
    text = "; ".join(texts) + "; intervals widened for the number of comparisons (Bonferroni)"
    counts = (outcomes.n_done("augmentation"), outcomes.n_planned("augmentation"))
    met = any(gain is not None and gain.low > 0 for _, gain, _ in best)
    return Target(*words, text, met, *counts)


def _best_gain(outcomes, settings, bootstrap):
    """Name, widened difference to "none" and number of comparisons of the best; or Nones."""
    found = {
        f"{spell(name)}, {setting}": difference(gathered, "none", name, bootstrap)
        for setting in settings
        for gathered in [outcomes.of("augmentation", setting)]
        for name in gathered
        if name not in ("none", "class_weight")
    }
    measured = {title: one["average_precision"] for title, one in found.items() if one}
    if not measured:
        return None, None, 0
    widened = {title: one.widened(len(measured)) for title, one in measured.items()}
    return *max(widened.items(), key=lambda one: one[1].low), len(measured)


def _calibration(outcomes):
    done = outcomes.of("full_labels")[SGAN]
    found = list(calibrations(done).values())
    words = [
        ("calibration slope on test rows", "0.8 to 1.25 in every seed"),
        ("frauds predicted, in the whole and in the top 1,000",
         "what came lies in the 95 % interval, in every seed"),
    ]  # fmt: skip
    if not found or len(found) < len({one.job.split["seed"] for one in done.values()}):
        return [Target(*pair) for pair in words]
    counts = _progress(outcomes, "full_labels", SGAN)
    slopes = [one.slope for one in found]
    numbers = "; ".join(
        f"{predicted(one.whole)}, came {one.whole.observed}, top {predicted(one.top)}, "
        f"came {one.top.observed}"
        for one in found
    )
    return [
        Target(*words[0], ", ".join(f"{slope:.2f}" for slope in slopes),
               all(0.8 <= slope <= 1.25 for slope in slopes), *counts),
        Target(*words[1], numbers, all(one.holds for one in found), *counts),
    ]  # fmt: skip


def _progress(outcomes, study, variant):
    return len(outcomes.of(study)[variant]), outcomes.n_planned(study, variant)
