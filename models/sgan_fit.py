"""Runs an SGAN's epochs: judges each on validation rows, keeps the best, resumes when stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.special import expit
from sklearn.metrics import average_precision_score, precision_recall_curve

from models.collapse import diagnose
from models.devices import is_deterministic
from models.sgan import SGAN
from models.sgan_training import RowPools, SGANTrainer, SGANTrainingSettings
from models.training import TrainingDivergedError, apply_in_batches

logger = logging.getLogger(__name__)

# Where a change makes the epochs before it those of another program.
CODE = ("layers.py", "sgan.py", "sgan_training.py", "sgan_fit.py")

OnEpoch = Callable[[int, dict[str, np.ndarray], dict[str, float]], None]


@dataclass(frozen=True)
class Validation:
    """Rows that choose the epoch: scaled rows, 0/1 codes, weights."""

    rows: np.ndarray
    codes: np.ndarray
    weight: np.ndarray | None = None


@dataclass(frozen=True)
class FitData:
    """What an SGAN is fitted on.

    Attributes
    ----------
    rows : float32 (n_rows, n_features)
        Scaled rows.
    codes : int32 (n_rows,)
        1 fraud, 0 genuine, -1 unlabelled.
    synthetic : bool (n_rows,)
        Generated rows.
    validation : Validation or None
        Rows that choose the epoch.
    """

    rows: np.ndarray
    codes: np.ndarray
    synthetic: np.ndarray
    validation: Validation | None

    def pools(self) -> RowPools:
        """Put the rows on the device."""
        return RowPools(
            rows=tf.constant(self.rows),
            genuine=_positions(self.codes == 0),
            fraud=_positions(self.codes == 1),
            real=_positions(~self.synthetic),
        )

    def update(self, digest) -> None:
        """Feed everything that the fit depends on into a hash."""
        arrays = [self.rows, self.codes, self.synthetic]
        if self.validation is not None:
            arrays += [self.validation.rows, self.validation.codes]
            if self.validation.weight is not None:
                arrays.append(self.validation.weight)
        for array in arrays:
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).tobytes())


@dataclass
class Progress:
    """What has been learned of the epochs so far; part of a checkpoint."""

    next_epoch: int = 0
    chosen_epoch: int = -1
    best_figure: float = -1.0
    active_members: list[bool] = field(default_factory=list)
    members: list[dict[str, Any]] = field(default_factory=list)
    ensemble: list[dict[str, float]] = field(default_factory=list)
    collapses: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class SGANFit:
    """A finished fit; `SGANClassifier` explains the fields."""

    best: SGAN
    last: SGAN
    chosen_epoch: int
    active_members: np.ndarray
    history: pd.DataFrame
    ensemble_history: pd.DataFrame
    collapses: list[dict[str, Any]]


def fit_sgan(
    model: SGAN,
    settings: SGANTrainingSettings,
    data: FitData,
    *,
    epochs: int,
    input_noise: float,
    seed: int,
    on_epoch: OnEpoch | None = None,
    checkpoint_folder: Path | None = None,
) -> SGANFit:
    """Train an SGAN epoch by epoch and keep the one that judges validation rows best.

    **Fitted on:** `data.rows`; `data.validation` chooses the epoch only.

    Raises
    ------
    TrainingDivergedError
        If no member has a finite score at any epoch.
    """
    trainer = SGANTrainer(model, settings, seed)
    trainer.standardise_inputs(data.rows[~data.synthetic])
    checkpoint = _Checkpoint(checkpoint_folder, model, settings, data, (epochs, input_noise, seed))
    progress, best_weights = checkpoint.restore(trainer)
    pools = data.pools()
    for finished in range(progress.next_epoch):
        # A resumed fit reports the epochs before it again, so that whoever listens has them all.
        _report(on_epoch, finished, progress)
    for epoch in range(progress.next_epoch, epochs):
        metrics = trainer.run_epoch(pools, input_noise * (1.0 - epoch / epochs))
        if _judge(trainer, data, epoch, metrics, progress):
            best_weights = trainer.average.get_weights()
        progress.next_epoch = epoch + 1
        checkpoint.save(trainer, progress, best_weights)
        _report(on_epoch, epoch, progress)
    if progress.chosen_epoch < 0:
        reasons = "; ".join(f"member {c['member']}: {c['reason']}" for c in progress.collapses[:3])
        raise TrainingDivergedError(
            f"no member of the SGAN had finite scores in any of {epochs} epochs ({reasons}); "
            "lower learning_rate, or set clip_norm"
        )
    last = trainer.average
    best = SGAN(**model.settings, autoencoder=model.autoencoder, vae=model.vae)
    best.set_weights(best_weights)
    return SGANFit(
        best=best,
        last=last,
        chosen_epoch=progress.chosen_epoch,
        active_members=np.asarray(progress.active_members),
        history=pd.DataFrame(progress.members),
        ensemble_history=pd.DataFrame(progress.ensemble) if data.validation else pd.DataFrame(),
        collapses=progress.collapses,
    )


def score_members(model: SGAN, rows: np.ndarray) -> np.ndarray:
    """Log odds of fraud by member, a few compiled calls; shape (n_rows, n_members)."""
    return apply_in_batches(model.score_rows, rows)


def _judge(trainer, data, epoch, metrics, progress) -> bool:
    """Add the figures of an epoch to the progress; say whether it is the best so far."""
    judged_on = data.validation.rows if data.validation else data.rows[: 2**14]
    log_odds = score_members(trainer.average, judged_on)
    finite = np.isfinite(log_odds).all(axis=0)
    for member, reason in diagnose(metrics, log_odds).items():
        logger.warning("epoch %d, member %d of the SGAN collapsed: %s", epoch, member, reason)
        progress.collapses.append({"epoch": epoch, "member": member, "reason": reason})
    scores = expit(log_odds.astype(np.float64))
    of_members, of_ensemble = {}, {}
    if data.validation:
        figures = [_figures(data.validation, scores[:, m]) for m in range(len(finite))]
        of_members = {name: [figure[name] for figure in figures] for name in figures[0]}
        if finite.any():
            of_ensemble = _figures(data.validation, scores[:, finite].mean(axis=1))
    for member in range(len(finite)):
        progress.members.append(
            {"epoch": epoch, "member": member}
            | {name: float(values[member]) for name, values in (metrics | of_members).items()}
        )
    progress.ensemble.append({"epoch": epoch} | of_ensemble)
    # Without validation rows the last epoch with a finite score is kept.
    figure = of_ensemble.get("validation_average_precision", progress.best_figure + 1.0)
    if not finite.any() or figure <= progress.best_figure:
        return False
    progress.best_figure, progress.chosen_epoch = float(figure), epoch
    progress.active_members = finite.tolist()
    return True


def _figures(validation: Validation, score: np.ndarray) -> dict[str, float]:
    """Average precision, and F1 at the threshold that is best on these rows."""
    if not np.isfinite(score).all():
        return {"validation_average_precision": 0.0, "validation_f1": 0.0}
    precision, recall, _ = precision_recall_curve(
        validation.codes, score, sample_weight=validation.weight
    )
    with np.errstate(invalid="ignore"):
        f1 = 2 * precision * recall / (precision + recall)
    return {
        "validation_average_precision": float(
            average_precision_score(validation.codes, score, sample_weight=validation.weight)
        ),
        "validation_f1": float(np.nanmax(f1)),
    }


def _report(on_epoch, epoch, progress) -> None:
    if on_epoch is None:
        return
    rows = [row for row in progress.members if row["epoch"] == epoch]
    names = [name for name in rows[0] if name not in ("epoch", "member")]
    members = {name: np.array([row[name] for row in rows]) for name in names}
    ensemble = {k: v for k, v in progress.ensemble[epoch].items() if k != "epoch"}
    on_epoch(epoch, members, ensemble)


def _positions(mask: np.ndarray) -> tf.Tensor:
    return tf.constant(np.flatnonzero(mask).astype(np.int32))


def _environment() -> list[str]:
    """Return what the next epoch depends on besides data and settings: code, libraries, device."""
    here = Path(__file__).parent
    code = [(here / name).read_bytes() for name in CODE]
    return [
        hashlib.sha256(b"".join(code)).hexdigest(),
        keras.__version__,
        tf.__version__,
        str(is_deterministic()),
        str(tf.config.get_visible_devices()),
    ]


class _Checkpoint:
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
