"""Runs an SGAN's epochs: judges each on validation rows, keeps the best, resumes when stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.metrics import average_precision_score, precision_recall_curve

from models.encoders.training import TrainingDivergedError, apply_in_batches
from models.sgan.batches import RowPools, fraud_rate_of_draws
from models.sgan.checkpoint import Checkpoint
from models.sgan.collapse import SMALLEST_SCORE_DEVIATION, diagnose, is_at_equilibrium
from models.sgan.lending import lent_trainer
from models.sgan.model import SGAN
from models.sgan.pseudo_labels import bias_warnings, describe, estimate_fraud_rate, pseudo_labels
from models.sgan.training import SGANTrainer, SGANTrainingSettings

logger = logging.getLogger(__name__)

# Average precision; about one standard error at a hundred validation frauds.
TOLERANCE = 0.02
# Unlabelled rows that are scored for pseudo-labels after an epoch; of more, evenly spread ones.
MOST_PSEUDO_LABELS = 100_000

UNLABELLED = -1
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
            genuine=_on_device(np.flatnonzero(self.codes == 0)),
            fraud=_on_device(np.flatnonzero(self.codes == 1)),
            pseudo=tf.zeros(len(self.unlabelled()), tf.int32),
            n_pseudo_genuine=tf.constant(0),
            n_pseudo_fraud=tf.constant(0),
            real=_on_device(np.flatnonzero(~self.synthetic)),
        )

    def unlabelled(self) -> np.ndarray:
        """Positions of the unlabelled rows that pseudo-labels may be given to."""
        positions = np.flatnonzero(self.codes == UNLABELLED)
        return positions[:: max(1, -(-len(positions) // MOST_PSEUDO_LABELS))]

    def true_labels(self) -> dict[str, np.ndarray]:
        """Codes of the labelled rows that no generator made, and those of validation rows."""
        labelled = self.codes[(self.codes != UNLABELLED) & ~self.synthetic]
        judges = {"validation": self.validation.codes} if self.validation else {}
        return {"labelled": labelled, **judges}

    def n_real_frauds(self) -> int:
        """Labelled frauds that no generator made."""
        return int(np.sum((self.codes == 1) & ~self.synthetic))

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
    pseudo_label_warnings: list[dict[str, Any]]
    training_fraud_rate: float
    unlabelled_fraud_rate: float


def fit_sgan(
    model: SGAN,
    settings: SGANTrainingSettings,
    data: FitData,
    *,
    epochs: int,
    input_noise: tuple[float, float],
    seed: int,
    on_epoch: OnEpoch | None = None,
    checkpoint_folder: Path | None = None,
) -> SGANFit:
    """Train an SGAN epoch by epoch and keep the one that judges validation rows best.

    From the second epoch on, unlabelled rows of whose class the ensemble is confident pass for
    labelled ones (`models.sgan.pseudo_labels`). `input_noise` goes from its first value to its
    second.

    The last epoch is kept whose average precision on validation rows is at most `TOLERANCE` below
    the best: among epochs that chance alone may tell apart, more training is worth more than a
    lucky peak, and where the figure falls for good, an early epoch is kept.

    **Fitted on:** `data.rows`; `data.validation` chooses the epoch only.

    Raises
    ------
    TrainingDivergedError
        If no member is sound at any epoch.
    """
    with lent_trainer(SGANTrainer, model, settings, seed) as trainer:
        return _fit(
            trainer, model, data, epochs=epochs, input_noise=input_noise, seed=seed,
            on_epoch=on_epoch, checkpoint_folder=checkpoint_folder,
        )  # fmt: skip


def _fit(
    trainer, model, data, *, epochs, input_noise, seed, on_epoch, checkpoint_folder
) -> SGANFit:  # fmt: skip
    settings = trainer.settings
    trainer.fit_inputs(data.rows[~data.synthetic], data.codes[~data.synthetic])
    checkpoint = Checkpoint(checkpoint_folder, model, settings, data, (epochs, input_noise, seed))
    progress, best_weights = checkpoint.restore(trainer)
    pools = data.pools()
    first_noise, last_noise = input_noise
    for finished in range(progress.next_epoch):
        # A resumed fit reports the epochs before it again, so that whoever listens has them all.
        _report(on_epoch, finished, progress)
    for epoch in range(progress.next_epoch, epochs):
        if settings.stop_at_equilibrium and is_at_equilibrium(progress.of_members(epoch - 1)):
            logger.info("stopped before epoch %d: nobody tells real rows from fakes", epoch)
            break
        unlabelled: dict[str, float] = {}
        if epoch:
            pools, unlabelled = _label(trainer, data, pools, epoch, progress)
        part_done = epoch / max(epochs - 1, 1)
        trainer.set_learning_rates((epoch + 0.5) / epochs)  # of the middle of the epoch
        progress.fraud_rates.append(fraud_rate_of_draws(pools, settings))
        metrics = trainer.run_epoch(pools, first_noise + part_done * (last_noise - first_noise))
        if _judge(trainer, data, epoch, metrics, progress):
            best_weights = trainer.average.get_weights()
        progress.ensemble[-1].update(unlabelled)
        progress.next_epoch = epoch + 1
        checkpoint.save(trainer, progress, best_weights)
        _report(on_epoch, epoch, progress)
    if progress.chosen_epoch < 0:
        reasons = "; ".join(f"member {c['member']}: {c['reason']}" for c in progress.collapses[:3])
        raise TrainingDivergedError(
            f"no member of the SGAN was sound in any of {epochs} epochs ({reasons}); "
            "lower learning_rate, or set clip_norm"
        )
    last, best = (
        SGAN(**model.settings, autoencoder=model.autoencoder, vae=model.vae) for _ in range(2)
    )
    last.set_weights(trainer.average.get_weights())
    best.set_weights(best_weights)
    active = np.asarray(progress.active_members)
    training_rate = progress.fraud_rates[progress.chosen_epoch]
    return SGANFit(
        best=best,
        last=last,
        chosen_epoch=progress.chosen_epoch,
        active_members=active,
        history=pd.DataFrame(progress.members),
        ensemble_history=pd.DataFrame(progress.ensemble),
        collapses=progress.collapses,
        pseudo_label_warnings=progress.pseudo_label_warnings,
        training_fraud_rate=training_rate,
        unlabelled_fraud_rate=_unlabelled_fraud_rate(best, active, training_rate, data),
    )


def _label(trainer, data, pools, epoch, progress) -> tuple[RowPools, dict[str, float]]:
    """Give unlabelled rows their labels for the next epoch, and return the figures of these."""
    settings, positions = trainer.settings, data.unlabelled()
    if not len(positions) or not settings.pseudo_label_weight:
        return pools, {}
    log_odds = score_members(trainer.average, data.rows[positions])
    # Validation rows have no say here: they judge, they do not teach.
    useful = np.isfinite(log_odds).all(axis=0) & (log_odds.std(axis=0) > SMALLEST_SCORE_DEVIATION)
    if not useful.any():
        return data.pools(), {}
    share_scored = len(positions) / np.sum(data.codes == UNLABELLED)
    members, training_rate = log_odds[:, useful], progress.fraud_rates[-1]
    labels = pseudo_labels(
        members.mean(axis=1),
        training_rate,
        settings.pseudo_label_confidence,
        share_scored * data.n_real_frauds(),
        members=members,
        agreement=settings.pseudo_label_agreement,
    )
    warnings = bias_warnings(
        labels, data.true_labels(), epoch=epoch, drop=settings.drop_biased_pseudo_labels
    )
    are_used = all(warning["are_used"] for warning in warnings)
    progress.pseudo_label_warnings += warnings
    pools = pools.with_pseudo_labels(
        genuine=positions[labels.is_genuine & are_used],
        fraud=positions[labels.is_fraud & are_used],
    )
    figures = describe(labels, members, training_rate)
    return pools, figures | {"uses_pseudo_labels": float(are_used)}


def _unlabelled_fraud_rate(
    model: SGAN, active: np.ndarray, training_rate: float, data: FitData
) -> float:
    """Share of frauds among the unlabelled rows by the kept epoch; NaN where there are none."""
    positions = data.unlabelled()
    if not len(positions):
        return np.nan
    log_odds = score_members(model, data.rows[positions])[:, active].mean(axis=1)
    return estimate_fraud_rate(log_odds.astype(np.float64), training_rate)


def score_members(model: SGAN, rows: np.ndarray) -> np.ndarray:
    """Log odds of fraud by member, a few compiled calls; shape (n_rows, n_members)."""
    return apply_in_batches(model.score_rows, rows)


def _judge(trainer, data, epoch, metrics, progress) -> bool:
    """Add the figures of an epoch to the progress; say whether it is to be kept."""
    judged_on = data.validation.rows if data.validation else data.rows[: 2**14]
    log_odds = score_members(trainer.average, judged_on).astype(np.float64)
    of_members, of_ensemble = {}, {}
    if data.validation:
        figures = [_figures(data.validation, log_odds[:, m]) for m in range(log_odds.shape[1])]
        of_members = {name: np.array([f[name] for f in figures]) for name in figures[0]}
    collapses = diagnose(metrics, log_odds, of_members.get("validation_f1"), progress.best_f1)
    sound = np.ones(log_odds.shape[1], bool)
    for member, collapse in collapses.items():
        logger.warning(
            "epoch %d, member %d of the SGAN collapsed: %s", epoch, member, collapse.reason
        )
        progress.collapses.append({"epoch": epoch, "member": member, "reason": collapse.reason})
        sound[member] = collapse.still_classifies
    if data.validation and sound.any():
        of_ensemble = _figures(data.validation, log_odds[:, sound].mean(axis=1))
    progress.add(epoch, metrics | of_members, of_ensemble)
    # Without validation rows the last epoch with a sound member is kept.
    figure = of_ensemble.get("validation_average_precision", progress.best_figure)
    if not sound.any() or figure < progress.best_figure - TOLERANCE:
        return False
    progress.best_figure = max(float(figure), progress.best_figure)
    progress.chosen_epoch = epoch
    progress.active_members = sound.tolist()
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
    ensemble = {k: v for k, v in progress.ensemble[epoch].items() if k != "epoch"}
    on_epoch(epoch, progress.of_members(epoch), ensemble)


def _on_device(positions) -> tf.Tensor:
    return tf.constant(np.asarray(positions, np.int32))
