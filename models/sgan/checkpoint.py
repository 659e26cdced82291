"""The state of an SGAN's training between epochs: in memory, and in a file that survives a kill."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import models
from models.devices import is_deterministic
from models.sgan.training import SGANTrainer

logger = logging.getLogger(__name__)


@dataclass
class Progress:
    """What has been learned of the epochs so far; part of a checkpoint.

    `fraud_rates` has the share of frauds among the labelled rows that each epoch drew.
    """

    next_epoch: int = 0
    chosen_epoch: int = -1
    best_figure: float = -1.0
    active_members: list[bool] = field(default_factory=list)
    members: list[dict[str, Any]] = field(default_factory=list)
    ensemble: list[dict[str, float]] = field(default_factory=list)
    collapses: list[dict[str, Any]] = field(default_factory=list)
    pseudo_label_warnings: list[dict[str, Any]] = field(default_factory=list)
    best_f1: list[float] = field(default_factory=list)
    fraud_rates: list[float] = field(default_factory=list)

    def add(self, epoch, of_members, of_ensemble) -> None:
        """Note the figures of an epoch: arrays by member, and numbers of the ensemble."""
        n_members = len(of_members["discriminator_loss"])
        for member in range(n_members):
            figures = {name: float(values[member]) for name, values in of_members.items()}
            self.members.append({"epoch": epoch, "member": member} | figures)
        self.ensemble.append({"epoch": epoch} | of_ensemble)
        if "validation_f1" in of_members:
            former = self.best_f1 or [0.0] * n_members
            self.best_f1 = np.maximum(former, of_members["validation_f1"]).tolist()

    def of_members(self, epoch: int) -> dict[str, np.ndarray]:
        """Return the figures of an epoch as arrays of shape (n_members,)."""
        rows = [row for row in self.members if row["epoch"] == epoch]
        names = [name for row in rows[:1] for name in row if name not in ("epoch", "member")]
        return {name: np.array([row[name] for row in rows]) for name in names}


def _environment() -> list[str]:
    """Return what the next epoch depends on besides data and settings: code, libraries, device."""
    # A change of the code makes the epochs before it those of another program.
    code = [path.read_bytes() for path in sorted(Path(models.__path__[0]).rglob("*.py"))]
    return [
        hashlib.sha256(b"".join(code)).hexdigest(),
        keras.__version__,
        tf.__version__,
        str(is_deterministic()),
        str(tf.config.get_visible_devices()),
    ]


class Checkpoint:
    """The state of the last epoch and the best weights in one file, replaced atomically."""

    FILE = "training.npz"

    def __init__(self, folder, model, settings, data, run):
        self.path = Path(folder) / self.FILE if folder is not None else None
        self.fingerprint = ""
        if self.path is not None:
            digest = hashlib.sha256()
            encoders = [model.autoencoder, model.vae]
            setting = [model.settings, asdict(settings), run, *_environment()]
            digest.update(json.dumps(setting, sort_keys=True, default=str).encode())
            for encoder in encoders:
                for weight in encoder.get_weights() if encoder is not None else []:
                    digest.update(weight.tobytes())
            data.update(digest)
            self.fingerprint = digest.hexdigest()

    def restore(self, trainer: SGANTrainer) -> tuple[Progress, list[np.ndarray]]:
        """Bring a trainer to where a stopped fit was; an unusable file means from the start."""
        if self.path is None or not self.path.exists():
            return Progress(), []
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                notes = json.loads(str(archive["notes"]))
                state = [archive[f"state_{i}"] for i in range(notes["n_state"])]
                best = [archive[f"best_{i}"] for i in range(notes["n_best"])]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            logger.warning("checkpoint %s is unreadable (%s); training starts afresh",
                           self.path.name, error)  # fmt: skip
            return Progress(), []
        if notes["fingerprint"] != self.fingerprint:
            logger.info("checkpoint is of other data or parameters; training starts afresh")
            return Progress(), []
        trainer.restore(state)
        progress = Progress(**notes["progress"])
        logger.info("training continues at epoch %d", progress.next_epoch)
        return progress, best

    def save(self, trainer: SGANTrainer, progress: Progress, best: list[np.ndarray]) -> None:
        """Write the checkpoint; a kill at any moment leaves the former one whole."""
        if self.path is None:
            return
        state = trainer.state()
        notes = {
            "fingerprint": self.fingerprint,
            "progress": asdict(progress),
            "n_state": len(state),
            "n_best": len(best),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.new")
        with fresh.open("wb") as file:
            np.savez(
                file,
                notes=np.array(json.dumps(notes)),
                **{f"state_{i}": array for i, array in enumerate(state)},
                **{f"best_{i}": array for i, array in enumerate(best)},
            )
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
