"""The real command line over quick stand-ins for the stages, for tests of running itself.

A stand-in writes what it read: its section of params.yaml and the outputs before it. Its name is
added to ``ran.txt``. Where ``FAKE_PAUSE`` names it, it first writes half of its output, makes the
file ``paused`` and waits to be killed; where ``FAKE_BAD`` names it, it refuses its input.
"""

import hashlib
import os
import time

import pipeline.run.session
from pipeline.errors import InputError
from pipeline.files.atomic import write_json
from pipeline.run.request import UPSTREAM
from pipeline.stages.context import StageResult


def find_fake_stage(name):
    def stage(context):
        (context.output / "half.json").write_text("{")
        with (context.root / "ran.txt").open("a") as ran:
            ran.write(f"{name} {os.getpid()}\n")
        if os.environ.get("FAKE_BAD") == name:
            raise InputError(f"{name}: row 3 of data has no amount")
        if os.environ.get("FAKE_PAUSE") == name:
            (context.root / "paused").touch()
            time.sleep(60)
        (context.output / "half.json").unlink()
        section = getattr(context.params, name).model_dump(mode="json")
        if name == "ingest":
            section["data"] = context.params.data.model_dump(mode="json")
        before = {
            other: digest(context.artifacts.folder(other) / "content.json")
            for other in UPSTREAM[name]
        }
        write_json({"section": section, "before": before}, context.output / "content.json")
        if name == "evaluate":
            figures = {"average_precision": {"value": 0.8, "low": 0.7, "high": 0.9}}
            write_json({"sgan": figures, "seed": section["seed"]}, context.output / "metrics.json")
        return StageResult(n_rows=100, n_frauds=3)

    return stage


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def install():
    pipeline.run.session.find_stage = find_fake_stage
    pipeline.run.session.TRAINED_STAGES = ()  # no TensorFlow, no MLflow


if __name__ == "__main__":
    from pipeline.__main__ import main

    install()
    main()
