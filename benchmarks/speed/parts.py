"""The parts of the benchmark: which contenders meet on which cases."""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.speed import pipeline_runs, rounds

ROOT = Path(__file__).resolve().parents[2]
SCORED_ROWS = (1, 1_000, 1_000_000)
DEFAULT_MEMBERS = (1, 3, 8)  # of params.yaml's networks, which are larger
# How long a model was trained changes nothing in how fast it scores.
SCORING_RUN = (
    "data.simulated.n_rows=50000", "autoencoder.epochs=1", "vae.epochs=1", "sgan.epochs=2",
    "sgan.challenge_augmentation=false", "evaluate.n_resamples=100",
)  # fmt: skip


def measure_training(options, _former):
    """Steps a second of our SGAN and of others with the same networks."""
    entries = [_entry("reference loop (Keras)", "ReferenceTraining", members=1)]
    entries += [_entry("PyTorch eager loop", "TorchTraining", members=1)]
    for members in options.members:
        entries += _ours("ours", "reference", members)
        entries.append(_entry("JAX lax.scan", "JaxTraining", members=members))
    for members in DEFAULT_MEMBERS:
        entries += _ours("ours, params.yaml", "default", members)
    return {"figures": _measure(entries, options)}


def _ours(name, params, members):
    """Our training as it is, and compiled with XLA."""
    return [
        _entry(words, "OurTraining", members=members, params=params, jit_compile=jit_compile)
        for words, jit_compile in ((name, False), (f"{name}, `jit_compile`", True))
    ]


def measure_encoders(options, _former):
    """Rows a second of both encoders against `keras.Model.fit`."""
    entries = [
        _entry(name, kind, model=model)
        for model in ("autoencoder", "vae")
        for name, kind in (("ours", "OurEncoders"), ("keras.Model.fit", "KerasEncoders"))
    ]
    return {"figures": _measure(entries, options)}


def measure_scoring(options, _former):
    """Rows a second from raw table to probability, against XGBoost."""
    with tempfile.TemporaryDirectory(prefix="counterfoil-speed-") as workdir:
        assignments = [word for text in SCORING_RUN for word in ("-S", text)]
        subprocess.run(
            [sys.executable, "-m", "pipeline", "run", "--no-cache", "--no-tracking", "--quiet",
             "--workdir", workdir, *assignments],
            cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        model = {"model": str(Path(workdir) / "artifacts" / "evaluate" / "model")}
        entries = []
        for n_rows in SCORED_ROWS:
            entries.append({**_entry("ours", "OurScoring", rows=n_rows), "arguments": model})
            entries.append(_entry("XGBoost", "XGBoostScoring", rows=n_rows))
        return {"figures": _measure(entries, options)}


def measure_pipeline(options, former):
    """Time and memory of each stage; sizes that are not run again keep their figures."""
    runs = dict(former.get("runs", {}))
    for n_rows in sorted(options.sizes):
        options.say(f"pipeline on {n_rows:,} rows")
        measured = options.describe()
        run = pipeline_runs.run_pipeline(n_rows, ROOT)
        options.say(f"  {run['seconds']:.0f} s, {run['peak_mib']:,.0f} MiB")
        runs[str(n_rows)] = {**run, "measured": measured}
        options.keep({"runs": runs})
    return {"runs": runs}


PARTS = {
    "training": measure_training,
    "encoders": measure_encoders,
    "scoring": measure_scoring,
    "pipeline": measure_pipeline,
}


def _entry(name, kind, **case):
    return {"name": name, "kind": kind, "case": case}


def _measure(entries, options):
    """Measure entries in rounds; each becomes a row of figures."""
    results = rounds.measure(
        entries, ROOT, n_rounds=options.rounds, seconds=options.seconds, say=options.say
    )
    return [
        {"name": entry["name"], **entry["case"]}
        | ({"missing": result["missing"]} if "missing" in result else _figures(result["rates"]))
        for entry, result in zip(entries, results, strict=True)
    ]


def _figures(rates):
    return {**rounds.summarise(rates), "rates": rates}
