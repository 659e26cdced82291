"""Every command of docs/reference.md runs, at small settings, and leaves what the page says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^((?:python -m|counterfoil) .+)$", PAGE, re.MULTILINE)
INLINE = re.findall(r"`((?:python -m|counterfoil) [^`]+)`", PAGE)
# Those that tests/test_examples.py runs with --small.
EXAMPLES = {
    "python -m examples.order_book", "python -m examples.electricity",
    "python -m examples.stock_moves", "python -m examples.digits SUBJECT",
}  # fmt: skip
SMALL = (
    "--no-cache --workdir . --preset quick -S tracking.system_metrics=false "
    "-S autoencoder.epochs=1 -S vae.epochs=1 -S vae.beta_warmup_epochs=0 -S sgan.epochs=2 "
    "-S sgan.challenge_augmentation=false"
)
# The other commands, in the order of the page, with what makes them small.
CHANGES = {
    "python -m pipeline run --preset creditcard --preset reference": (
        "--preset creditcard", "",  # rows that are not part of the repository
    ),
    "counterfoil latent": ("latent", "latent . --html latent.html --max-rows 400"),
    "counterfoil run --preset few_labels -S split.n_labelled_frauds=20 "
    "-S split.n_labelled_genuine=480": ("", ""),
    "counterfoil label suggest --budget 50 --strategy boundary --out ask.csv": ("", ""),
    "counterfoil label review ask.csv": ("", ""),
    "counterfoil label import ask.csv": ("", ""),
}  # fmt: skip
# One process for all: TensorFlow is loaded once.
RUN_ALL = """
import json, sys
from pipeline.__main__ import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["counterfoil", *arguments]
    print("==", *arguments, flush=True)
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


def small(command):
    """The arguments of a command of the page at small settings."""
    old, new = CHANGES[command]
    words = shlex.split(command.replace(old, new, 1) if old else command)
    words = words[3:] if words[0] == "python" else words[1:]
    return words + shlex.split(SMALL) if words[0] == "run" else words


def test_every_command_of_the_page_is_run_somewhere():
    assert {*FENCED, *INLINE} == {*CHANGES, *EXAMPLES}
    assert FENCED[1] == FENCED[-1]  # the last run is the one before the labels came, with them


@pytest.mark.slow
def test_the_commands_of_the_page_run_one_after_another(tmp_path):
    for name in ("data", "labels"):
        (tmp_path / name).mkdir()
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    shutil.copytree(REPOSITORY / "presets", tmp_path / "presets")
    commands = [small(command) for command in (*CHANGES, FENCED[-1])]
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, json.dumps(commands)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, input="y\n" * 50,
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    pictures = ("autoencoder/reconstruction.png", "autoencoder/codes_tsne.png")
    assert all((tmp_path / "artifacts" / name).stat().st_size > 10_000 for name in pictures)
    assert (tmp_path / "latent.html").stat().st_size > 100_000
    answered = (tmp_path / "ask.csv").read_text().splitlines()
    assert len(answered) == 51
    # The last run took the answers in: of 3,600 training rows 20 + 480 were labelled before.
    training = pd.read_parquet(tmp_path / "artifacts" / "augment" / "training.parquet")
    assert (training["label"] == -1).sum() == 3600 - 500 - 50
