"""What a run is asked for, what it did, and which stages need which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.stages.artifacts import STAGES, Artifacts

PARAMS_FILE = "params.yaml"
ARTIFACTS_FOLDER = "artifacts"
# Which stages' outputs each stage reads; dvc.yaml says the same (a test compares them).
UPSTREAM: dict[str, tuple[str, ...]] = {
    "ingest": (),
    "split": ("ingest",),
    "scale": ("ingest", "split"),
    "autoencoder": ("ingest", "split", "scale"),
    "vae": ("split", "scale"),
    "augment": ("ingest", "split", "scale", "vae"),
    "sgan": ("ingest", "split", "scale", "autoencoder", "vae", "augment"),
    "evaluate": ("ingest", "split", "scale", "augment", "sgan"),
}


@dataclass(frozen=True)
class RunRequest:
    """What `run` was asked for; the fields are its options.

    Parameters
    ----------
    stage : str or None
        Run this stage and those it needs; None runs all.
    from_stage : str or None
        Run this stage and those after it even if nothing changed.
    force : bool
        Run every stage even if nothing changed.
    use_dvc : bool
        False runs every stage without DVC and git.
    folder : Path
        Where params.yaml and dvc.yaml lie.
    workdir : Path
        Where artifacts go without DVC.
    params_file : Path or None
        Read instead of ``params.yaml`` in `folder`.
    presets : tuple of str
        Names of files in ``presets/``, or files; later ones win.
    assignments : tuple of str
        Overrides, ``section.key=value``.
    tracking : bool
        Whether MLflow is told.
    """

    stage: str | None = None
    from_stage: str | None = None
    force: bool = False
    use_dvc: bool = True
    folder: Path = Path()
    workdir: Path = Path()
    params_file: Path | None = None
    presets: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()
    tracking: bool = True

    def selected(self) -> list[str]:
        """Return the stages this run is about, in order."""
        return [
            name
            for name in STAGES
            if self.stage is None or name in (*needed(self.stage), self.stage)
        ]

    def forced(self) -> list[str]:
        """Return the stages that run even if nothing changed."""
        if self.force:
            return self.selected()
        if self.from_stage is None:
            return []
        after = [name for name in STAGES if self.from_stage in (*needed(name), name)]
        return [name for name in after if name in self.selected()]


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Parameters
    ----------
    finished, restored : tuple of str
        Stages that ran, and stages whose outputs came out of DVC's run cache.
    artifacts : Artifacts
        Where the outputs lie.
    """

    finished: tuple[str, ...]
    restored: tuple[str, ...]
    artifacts: Artifacts


def needed(stage: str) -> list[str]:
    """Return every stage that a stage needs, directly or not, in order.

    Examples
    --------
    >>> needed("scale")
    ['ingest', 'split']
    """
    found = set(UPSTREAM[stage])
    for name in UPSTREAM[stage]:
        found.update(needed(name))
    return [name for name in STAGES if name in found]
