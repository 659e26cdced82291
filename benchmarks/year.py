"""A year of weekly deliveries through `counterfoil retrain`, against two simpler policies.

Run from the repository root: ``python -m benchmarks.year``. Customers and frauds drift through
the year, a new kind of fraud appears in week 20, labels come a week late, the label feed of one
delivery says fraud to two whole days, one delivery is empty and one comes twice. Each model is
judged on the transactions of the week after it was made, with their true labels.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.decisions import f1_at
from evaluation.ranking import average_precision
from features.simulation import simulate_transactions

logger = logging.getLogger("benchmarks.year")

SECONDS_PER_DAY = 86_400
WEEK = 7 * SECONDS_PER_DAY
NEW_PATTERN_WEEK, POISONED_WEEK, EMPTY_WEEK, DOUBLE_WEEK = 20, 30, 35, 40
POISONED_DAYS = 2
ROWS_A_WEEK, FRAUD_RATE, DRIFT = 2500, 0.012, 0.6
NEW_DIRECTION = {"V20": 4.0, "V23": -4.0, "V26": 3.0}  # of the frauds of the new kind
SETTINGS = (
    "tracking.system_metrics=false", "sgan.challenge_augmentation=false", "sgan.n_members=3",
    "sgan.epochs=6", "sgan.steps_per_epoch=40", "autoencoder.epochs=5", "vae.epochs=5",
    "vae.beta_warmup_epochs=2", "evaluate.n_resamples=100", "augment.sampling_strategy=0.02",
    "retrain.window_days=112.0", "retrain.label_delay_days=0.0", "retrain.max_psi=1.0",
)  # fmt: skip
GATED, NEVER, BLIND = "gated", "never retrained", "retrained blindly"
OUT = Path("docs/benchmarks")


@dataclass
class Serving:
    """What one policy has in service."""

    folder: Path | None = None


def main(arguments: list[str] | None = None) -> int:
    """Run the year, or what is left of it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.year", description=__doc__)
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--folder", type=Path, help="keep everything here, and go on from it")
    parser.add_argument("--out", type=Path, default=OUT, help="where page and picture go")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for noisy in ("pipeline", "tensorflow"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    if options.folder is not None:
        return _run(options.folder, options.weeks, options.out)
    with tempfile.TemporaryDirectory() as folder:
        return _run(Path(folder), options.weeks, options.out)


def world(weeks: int) -> list[pd.DataFrame]:
    """Return the transactions of every week with their true labels."""
    table = simulate_transactions(
        ROWS_A_WEEK * weeks, fraud_rate=FRAUD_RATE, drift=DRIFT, n_days=7.0 * weeks, seed=1
    )
    rng = np.random.default_rng(2)
    week = np.minimum(table["Time"] // WEEK, weeks - 1).astype(int)
    new = (table["Class"] == 1) & (week >= NEW_PATTERN_WEEK) & (rng.random(len(table)) < 0.5)
    # Frauds of the new kind look like customers but for one direction.
    genuine = table[table["Class"] == 0].sample(int(new.sum()), random_state=3)
    columns = [name for name in table if name not in ("Time", "Class")]
    table.loc[new, columns] = genuine[columns].to_numpy()
    for name, shift in NEW_DIRECTION.items():
        table.loc[new, name] += shift * table[name].std() + rng.normal(0, 0.3, int(new.sum()))
    return [part.reset_index(drop=True) for _, part in table.groupby(week)]


def delivery(weeks: list[pd.DataFrame], number: int) -> pd.DataFrame:
    """Return what arrives at the end of a week: its rows, and the labels of the week before."""
    now = weeks[number].assign(Class=np.nan)
    if number == EMPTY_WEEK:
        return now.iloc[:0]
    # A week after the poisoned delivery its labels come again, right this time.
    back = 3 if number in (POISONED_WEEK + 1, EMPTY_WEEK + 1) else 1
    before = pd.concat([weeks[max(number - i, 0)] for i in range(back, 0, -1)]).drop_duplicates()
    if number == POISONED_WEEK:
        day = before["Time"] // SECONDS_PER_DAY % 7
        before = before.assign(Class=before["Class"].mask(day < POISONED_DAYS, 1))
    return pd.concat([before, now], ignore_index=True) if number else now


def _run(folder: Path, n_weeks: int, out: Path) -> int:
    from pipeline.retrain.retrain import RetrainRequest, retrain

    weeks = world(n_weeks)
    project = folder / "project"
    if not project.exists():
        (project / "in").mkdir(parents=True)
        shutil.copy("params.yaml", project)
        shutil.copytree("presets", project / "presets")
    state = project / "retraining"
    lines = folder / "weeks.jsonl"
    done = len(lines.read_text().splitlines()) if lines.exists() else 0
    models = {name: Serving() for name in (GATED, NEVER, BLIND)}
    _restore(models, folder)
    for number in range(done, n_weeks - 1):
        started = time.monotonic()
        table = delivery(weeks, number)
        table.to_parquet(project / "in" / f"week{number:02}.parquet", index=False)
        if number == DOUBLE_WEEK:
            shutil.copy(
                project / "in" / f"week{number:02}.parquet", project / "in" / "copy.parquet"
            )
        request = RetrainRequest(project / "in", state, project, assignments=SETTINGS)
        result = retrain(request)
        _serve(models, result, number, project, folder)
        line = {
            "week": number, "outcome": result.outcome, "reason": result.reason,
            "seconds": round(time.monotonic() - started, 1),
            **{name: _judge(serving, weeks[number + 1]) for name, serving in models.items()},
        }  # fmt: skip
        with lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        logger.info("week %d: %s, %s", number, result.outcome, {n: line[n] for n in models})
    _report([json.loads(line) for line in lines.read_text().splitlines()], out)
    return 0


def _serve(models, result, number, project, folder):
    """Give every policy the model that it would serve after this week."""
    from pipeline.tracking.registry import Registry
    from pipeline.tracking.server import tracking_uri

    registry = Registry("counterfoil", tracking_uri(project))
    if result.outcome == "promoted":
        version = result.facts["challenger"]
        models[GATED].folder = _downloaded(registry, version, project, folder / "gated")
        if models[NEVER].folder is None:
            models[NEVER].folder = _copied(models[GATED].folder, folder / "never")
    if result.outcome in ("promoted", "rejected") and number < POISONED_WEEK:
        # On the same data blind retraining makes the challenger, and ships it.
        version = result.facts["challenger"]
        models[BLIND].folder = _downloaded(registry, version, project, folder / "blind")
    elif number >= POISONED_WEEK:
        blind = _train_blindly(project / "in", project, folder)
        models[BLIND].folder = blind or models[BLIND].folder


def _train_blindly(place: Path, project: Path, folder: Path) -> Path | None:
    """Train on every delivery, without a check and without a gate."""
    from pipeline.errors import CounterfoilError
    from pipeline.params.sections import check_params
    from pipeline.retrain.challenge import train
    from pipeline.retrain.window import labelled_window
    from pipeline.run.request import RunRequest
    from pipeline.run.running import resolve_params

    content = resolve_params(RunRequest(folder=project, assignments=SETTINGS))
    params = check_params(content)
    tables = [pd.read_parquet(path) for path in sorted(place.glob("*.parquet"))]
    table = pd.concat([one for one in tables if len(one)], ignore_index=True)
    window = labelled_window(table, params)
    work = folder / "blind_work"
    shutil.rmtree(work, ignore_errors=True)
    try:
        trained = train(window, content, work, project)
    except CounterfoilError as error:
        logger.warning("blind retraining: %s", error)
        return None
    return _copied(trained.model, folder / "blind")


def _downloaded(registry, version: str, project: Path, place: Path) -> Path:
    from pipeline.tracking.names import packaged_model

    with packaged_model(registry.model_uri(version), project) as model:
        return _copied(model, place)


def _copied(model: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(model, place)
    return place


def _restore(models, folder):
    for name, place in ((GATED, "gated"), (NEVER, "never"), (BLIND, "blind")):
        if (folder / place).is_dir():
            models[name].folder = folder / place


def _judge(serving: Serving, week: pd.DataFrame) -> dict[str, float] | None:
    from pipeline.tracking.opening import open_model

    if serving.folder is None:
        return None
    model = open_model(str(serving.folder), serving.folder)
    score = model.predict(week)["score"].to_numpy()
    y = week["Class"].to_numpy()
    return {
        "average_precision": round(average_precision(y, score), 4),
        "f1": round(f1_at(y, score, model.threshold), 4),
    }


def _report(lines: list[dict], out: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    from evaluation.plots.style import REFERENCE, add_grid, method_colour

    (out / "images").mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    means = {}
    for axis, metric, label in zip(
        axes, ("average_precision", "f1"), ("Average precision", "F1"), strict=True
    ):
        for index, name in enumerate((GATED, NEVER, BLIND)):
            known = [(line["week"] + 1, line[name][metric]) for line in lines if line[name]]
            axis.plot(*zip(*known, strict=True), color=method_colour(index), label=name,
                      linewidth=1.6, marker="os^"[index], markersize=3)  # fmt: skip
            means[name, metric] = float(np.mean([value for _, value in known]))
        for week, text in ((NEW_PATTERN_WEEK, "new frauds"), (POISONED_WEEK, "wrong labels")):
            axis.axvline(week, color=REFERENCE, linestyle=":", linewidth=1)
            axis.text(week + 0.2, 0.02, text, fontsize=8, color=REFERENCE)
        axis.set(ylabel=f"{label} of the week", ylim=(0, 1.02))
        add_grid(axis)
    axes[1].set_xlabel("Week")
    axes[0].legend(loc="lower left", ncols=3, frameon=False, bbox_to_anchor=(0, 1))
    figure.savefig(out / "images" / "year.png", dpi=120, metadata={"Software": None})
    (out / "year.md").write_text(_page(lines, means), encoding="utf-8")


def _behind(lines: list[dict], name: str, metric: str) -> str:
    """Mean lead of the gated policy, resampled by weeks."""
    if name == GATED:
        return "-"
    lead = np.array([line[GATED][metric] - line[name][metric] for line in lines if line[name]])
    drawn = np.random.default_rng(0).choice(lead, (10_000, len(lead))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{lead.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def _page(lines: list[dict], means: dict[tuple[str, str], float]) -> str:
    counts = pd.Series([line["outcome"] for line in lines]).value_counts()
    refused = [f"week {line['week']}: {line['reason']}" for line in lines
               if line["outcome"] == "refused"]  # fmt: skip
    rows = "\n".join(
        f"| {name} | {means[name, 'average_precision']:.3f} | {means[name, 'f1']:.3f} | "
        f"{_behind(lines, name, 'average_precision')} | {_behind(lines, name, 'f1')} |"
        for name in (GATED, NEVER, BLIND)
    )
    listed = "\n".join(f"- {reason}" for reason in refused) or "- none"
    outcomes = ", ".join(f"{name} {count}" for name, count in counts.items())
    return f"""# A year of retraining

Made by `python -m benchmarks.year`; do not edit. {len(lines)} weekly deliveries of \
{ROWS_A_WEEK:,} simulated transactions, {FRAUD_RATE:.1%} frauds, drift {DRIFT:g} over the year; \
half of the frauds are of a new kind from week {NEW_PATTERN_WEEK} on; labels come a week late; \
in week {POISONED_WEEK} the feed says fraud to all transactions of {POISONED_DAYS} days, week \
{EMPTY_WEEK} is empty, week {DOUBLE_WEEK} comes twice. Small networks (3 members, 6 epochs of 40 \
steps). A model is judged on the week after it was made, with the true labels.

Means over weeks, and how far a policy is behind the gated one, with a 95 % bootstrap interval \
over weeks:

| policy | average precision | F1 | average precision behind | F1 behind |
| --- | --: | --: | --: | --: |
{rows}

Outcomes of `counterfoil retrain`: {outcomes}. Seconds a call: median \
{np.median([line["seconds"] for line in lines]):.0f}. Refused:

{listed}

![Average precision and F1 of each week](images/year.png)
"""


if __name__ == "__main__":
    sys.exit(main())
