"""A project of its own for tests of running, in which quick stand-ins take the stages' place."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from pipeline.files.source_code import OUR_PACKAGES

REPOSITORY = Path(__file__).resolve().parents[2]
FAKE_MAIN = Path(__file__).with_name("fake_main.py")


class Project:
    """A copy of what the engine reads: params.yaml, dvc.yaml, .dvc, presets, stubs for code."""

    def __init__(self, folder):
        self.folder = folder

    def create(self):
        """Copy what there is to copy; nothing has run yet."""
        for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore", "params.yaml"):
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, self.path(name))
        shutil.copytree(REPOSITORY / "presets", self.path("presets"))
        graph = (REPOSITORY / "dvc.yaml").read_text()
        self.path("dvc.yaml").write_text(
            graph.replace("python -m pipeline", f"{sys.executable} {FAKE_MAIN}")
        )
        for stage in yaml.safe_load(graph)["stages"].values():
            for name in stage["deps"]:
                if name.startswith(OUR_PACKAGES):
                    file = name if name.endswith(".py") else f"{name}/stub.py"
                    self.path(file).parent.mkdir(parents=True, exist_ok=True)
                    self.path(file).write_text("# stub\n")
        self.path("data").mkdir()
        self.path("data/README.md").write_text("input\n")
        subprocess.run(["git", "init", "-q", self.folder], check=True)
        self.params(sgan__epochs=30, sgan__learning_rate=0.001)  # what tests expect to see change
        return self

    def path(self, name):
        return self.folder / name

    def params(self, **changes):
        """Change values in params.yaml: ``params(sgan__epochs=3)``."""
        content = yaml.safe_load(self.path("params.yaml").read_text())
        for dotted, value in changes.items():
            *sections, key = dotted.split("__")
            place = content
            for section in sections:
                place = place[section]
            place[key] = value
        self.path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))

    def ran(self):
        """Return the stages that ran since the last call."""
        path = self.path("ran.txt")
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line.split()[0] for line in lines]

    def environment(self, **more):
        return {**os.environ, "PYTHONPATH": str(REPOSITORY), "SHELL": "/bin/sh", **more}

    def command(self, *arguments, script=FAKE_MAIN, **environment):
        """Run the command line in a process of its own."""
        return subprocess.run(
            [sys.executable, str(script), *arguments],
            cwd=self.folder, env=self.environment(**environment), capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip

    def start(self, *arguments, script=FAKE_MAIN, **environment):
        """Start the command line in a process group of its own and return the process."""
        return subprocess.Popen(
            [sys.executable, *([str(script)] if script else []), *arguments],
            cwd=self.folder, env=self.environment(**environment), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def dvc(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip

    def content(self):
        """Return every file under artifacts that a stage wrote, and dvc.lock."""
        files = [path for path in self.path("artifacts").rglob("*") if path.is_file()]
        kept = {str(path): path.read_bytes() for path in files if not path.name.startswith(".")}
        lock = self.path("dvc.lock")
        return {**kept, "dvc.lock": lock.read_bytes() if lock.exists() else b""}
