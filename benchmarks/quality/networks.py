"""The benchmark's neural variants: the SGAN as the pipeline trains it, and two beside it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.quality.augmenting import augmented
from benchmarks.quality.fitted import Fitted
from benchmarks.quality.rows import FEATURES, FitRows
from benchmarks.quality.variants import params_of
from evaluation.metrics import prevalence_weights
from evaluation.ranking import average_precision
from features.scaling import TransactionScaler
from models.classifier import SGANClassifier
from models.devices import configure
from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import TrainingSettings, apply_in_batches, train
from models.encoders.vae import TabularVAE
from models.saving import load_model, save_model
from pipeline.params.sections import Params
from pipeline.stages.sgan import NOT_ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_OF_THE_NETWORK = {
    "optimizer", "learning_rate", "batch_size", "epochs", "n_pictured_rows", "seed",
}  # fmt: skip
CLASSES = {"autoencoder": TabularAutoencoder, "vae": TabularVAE}
AUTOENCODER_INPUTS = {"autoencoder_code", "reconstruction_error"}
SCALINGS = ("standard", "arcsinh")
PSEUDO_LABEL_FIGURES = {"n_pseudo_frauds", "unlabelled_fraud_rate"}
CURVE_POINTS = 100  # of a curve in the results file; the whole curve lies beside the scores


def fit_network(
    kind: str, settings: dict[str, Any], rows: FitRows, seed: int, folder: Path
) -> Fitted:
    """Fit a neural variant.

    **Fitted on:** training rows; validation rows choose epoch and, where a variant has
    candidates, scaling.

    Parameters
    ----------
    kind : {"sgan", "dense_net", "autoencoder_error"}
        Which.
    settings : dict
        `sections`: the sections of params.yaml that it is fitted with. `synthetic_per_fraud`: see
        `augmented`.
    rows : FitRows
        What it may see.
    seed : int
        Shifts the seeds of params.yaml.
    folder : Path
        Cache of trained encoders.
    """
    params = params_of(settings["sections"])
    _configure(params.device, params.mode == "deterministic")
    if kind == "sgan":
        return _fit_sgan(params, rows, seed, folder, settings.get("synthetic_per_fraud"))
    candidates = [params_of(_with_scaling(settings["sections"], name)) for name in SCALINGS]
    if kind == "dense_net":
        trials = [_fit_sgan(p, rows, seed, folder, None) for p in candidates]
    else:
        trials = [_fit_autoencoder_error(p, rows, seed) for p in candidates]
    figures = [
        average_precision(rows.y_validation, t.score(rows.X_validation), rows.validation_weight)
        for t in trials
    ]
    best = int(np.argmax(figures))
    notes = {**trials[best].notes, "chosen": {"scaling": SCALINGS[best]}}
    return Fitted(trials[best].score, notes, trials[best].arrays)


def forget_graphs() -> None:
    """Drop what TensorFlow keeps of finished fits."""
    import gc

    import keras

    from models.sgan.lending import forget_trainers

    forget_trainers()
    keras.backend.clear_session()
    gc.collect()


@cache
def _configure(device: str, deterministic: bool) -> None:
    configure(device, deterministic)


def _with_scaling(content, method):
    return {**content, "scale": {"method": method, "columns": {}}}


def _fit_sgan(params, rows, seed, folder, synthetic_per_fraud):
    scale = _scaling(params, rows.X)
    X, X_validation = scale(rows.X), scale(rows.X_validation)
    encoders = _Encoders(params, X, folder)
    sgan_seed, augment_seed = np.random.SeedSequence([params.sgan.seed, seed]).generate_state(2)
    training = augmented(
        X, rows.y, params.augment, vae=encoders.vae, vae_params=params.vae,
        synthetic_per_fraud=synthetic_per_fraud, seed=int(augment_seed >> 1),
    )  # fmt: skip
    inputs = set(params.sgan.inputs)
    classifier = SGANClassifier(
        autoencoder=encoders.autoencoder() if inputs & AUTOENCODER_INPUTS else None,
        vae=encoders.vae() if "vae_code" in inputs else None,
        random_state=int(sgan_seed >> 1),
        **params.sgan.model_dump(exclude=NOT_ARGUMENTS),
    )
    validation = None
    if rows.has_validation:
        weight = prevalence_weights(rows.y_validation, params.evaluate.prevalence)
        validation = (X_validation, rows.y_validation, weight)
    classifier.fit(training.X, training.y, synthetic=training.synthetic, validation=validation)
    notes, arrays = _account(classifier, int(training.synthetic.sum()))
    return Fitted(lambda raw: classifier.predict_proba(scale(raw))[:, 1], notes, arrays)


def _scaling(params: Params, X) -> Callable[[np.ndarray], np.ndarray]:
    scaler = TransactionScaler(
        method=params.scale.method, column_methods=dict(params.scale.columns)
    ).fit(pd.DataFrame(X, columns=list(FEATURES)))

    def scale(raw):
        if not len(raw):
            return np.empty((0, len(FEATURES)), dtype=np.float32)
        return scaler.transform(pd.DataFrame(raw, columns=list(FEATURES))).astype(np.float32)

    return scale


def _account(classifier, n_synthetic):
    """Curves and counts of a fit: short ones for the results file, whole ones as arrays."""
    notes = {
        "chosen_epoch": int(classifier.chosen_epoch_),
        "n_collapses": len(classifier.collapses_),
        "n_synthetic": n_synthetic,
    }
    ensemble = classifier.ensemble_history_
    for name in PSEUDO_LABEL_FIGURES & set(ensemble):
        notes[name] = float(ensemble[name].iloc[-1])
    if "validation_f1" not in ensemble:
        return notes, {}
    members = classifier.history_.pivot(index="member", columns="epoch", values="validation_f1")
    curve = ensemble["validation_f1"].fillna(0.0).to_numpy()
    by_member = members.fillna(0.0).to_numpy()
    notes |= {
        "curve": _short(curve),
        "best_f1": round(float(curve.max()), 4),
        "last_f1": round(float(curve[-1]), 4),
        "member_curves": [_short(one) for one in by_member],
        "member_best_f1": np.round(by_member.max(axis=1), 4).tolist(),
        "member_last_f1": np.round(by_member[:, -1], 4).tolist(),
    }
    return notes, {"curve": curve, "member_curves": by_member}


def _short(curve):
    """At most so many points of a curve, always with its last."""
    step = -(-len(curve) // CURVE_POINTS)
    return np.round(curve[::-1][::step][::-1], 3).tolist()


def _fit_autoencoder_error(params, rows, seed):
    """Reconstruction error of an autoencoder that has seen genuine training rows alone."""
    scale = _scaling(params, rows.X)
    X = scale(rows.X[rows.y == 0])
    model = _trained("autoencoder", params, X, seed)

    def error(raw):
        return apply_in_batches(model.encode_rows, scale(raw))[:, -1].astype(np.float64)

    typical = float(np.median(error(rows.X)))
    # An error of any size as a score in [0, 1], in the same order.
    return Fitted(lambda raw: error(raw) / (error(raw) + typical))


class _Encoders:
    """Autoencoder and VAE of the training rows, each trained at its first use and then cached."""

    def __init__(self, params: Params, X: np.ndarray, folder: Path) -> None:
        self.params, self.X, self.folder = params, X, folder
        self.loaded: dict[str, Any] = {}

    def autoencoder(self) -> TabularAutoencoder:
        return self._get("autoencoder")

    def vae(self) -> TabularVAE:
        return self._get("vae")

    def _get(self, name):
        if name not in self.loaded:
            digest = hashlib.sha256(repr(getattr(self.params, name)).encode())
            digest.update(np.ascontiguousarray(self.X).tobytes())
            path = self.folder / f"{name}-{_code_of_encoders()}-{digest.hexdigest()[:16]}.keras"
            if not path.exists():
                save_model(_trained(name, self.params, self.X, 0), path)
            self.loaded[name] = load_model(path)
        return self.loaded[name]


def _code_of_encoders():
    from benchmarks.quality.jobs import code_version

    return code_version(("models/encoders",))


def _trained(name, params, X, shift):
    """Build and train an encoder with its section of params.yaml, as its stage does."""
    section = getattr(params, name)
    model_seed, order_seed = map(
        int, np.random.SeedSequence(section.seed + shift).generate_state(2)
    )
    model = CLASSES[name](
        X.shape[1], seed=model_seed, **section.model_dump(exclude=NOT_OF_THE_NETWORK)
    )
    settings = TrainingSettings(
        epochs=section.epochs,
        batch_size=section.batch_size,
        learning_rate=section.learning_rate,
        optimizer=section.optimizer,
        seed=order_seed,
    )
    train(model, X, settings)
    return model
