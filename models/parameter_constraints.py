"""What values the parameters of estimators may have, as scikit-learn checks them in `fit`."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions

from models.encoders.training import OPTIMIZERS

COUNT = [Interval(Integral, 1, None, closed="left")]
POSITIVE = [Interval(Real, 0, None, closed="neither")]
NOT_NEGATIVE = [Interval(Real, 0, None, closed="left")]
SHARE = [Interval(Real, 0, 1, closed="both")]
RATE = [Interval(Real, 0, 1, closed="left")]
INSIDE = [Interval(Real, 0, 1, closed="neither")]
OPTIMIZER = [StrOptions(set(OPTIMIZERS))]
UNITS = ["array-like"]  # and more: `check_units`

# Of every estimator that trains an SGAN; each takes those that it has.
SGAN_CONSTRAINTS: dict[str, list[Any]] = {
    "n_members": COUNT,
    "epochs": COUNT,
    "steps_per_epoch": COUNT,
    "batch_size": [Interval(Integral, 2, None, closed="left")],
    "unsupervised_batch_size": [Interval(Integral, 2, None, closed="left")],
    "fraud_share": [*INSIDE, None],
    "column_encoding": [StrOptions({"none", "piecewise_linear"})],
    "n_bins": COUNT,
    "column_share": [Interval(Real, 0, 1, closed="right")],
    "noise_dim": COUNT,
    "generator_units": UNITS,
    "discriminator_units": UNITS,
    "normalization": [StrOptions({"none", "batch", "layer"})],
    "spectral_norm": ["boolean"],
    "dropout": RATE,
    "generator_dropout": RATE,
    "real_fake_head": [StrOptions({"shared", "separate"})],
    "optimizer": OPTIMIZER,
    "learning_rate": POSITIVE,
    "generator_learning_rate": POSITIVE,
    "learning_rate_schedule": [StrOptions({"constant", "linear", "cosine"})],
    "beta_1": RATE,
    "weight_decay": NOT_NEGATIVE,
    "clip_norm": [*POSITIVE, None],
    "ema_decay": RATE,
    "unsupervised_weight": NOT_NEGATIVE,
    "feature_matching_weight": NOT_NEGATIVE,
    "historical_averaging_weight": NOT_NEGATIVE,
    "diversity_weight": NOT_NEGATIVE,
    "target_networks": ["boolean"],
    "stop_at_equilibrium": ["boolean"],
    "real_label": [Interval(Real, 0.5, 1, closed="right")],
    "label_noise": [Interval(Real, 0, 0.5, closed="left")],
    "input_noise": NOT_NEGATIVE,
    "final_input_noise": NOT_NEGATIVE,
    "replay_share": RATE,
    "pseudo_label_weight": NOT_NEGATIVE,
    "pseudo_label_confidence": [Interval(Real, 0.5, 1, closed="left")],
    "pseudo_label_agreement": SHARE,
    "drop_biased_pseudo_labels": ["boolean"],
    "separate_batches": ["boolean"],
    "jit_compile": ["boolean"],
    "validation_fraction": [*INSIDE, None],
    "random_state": ["random_state"],
}

# Of every estimator that trains an autoencoder or a VAE.
ENCODER_CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_units": UNITS,
    "latent_dim": COUNT,
    "input_noise": NOT_NEGATIVE,
    "beta": NOT_NEGATIVE,
    "beta_warmup_epochs": [Interval(Integral, 0, None, closed="left")],
    "epochs": COUNT,
    "batch_size": COUNT,
    "learning_rate": POSITIVE,
    "optimizer": OPTIMIZER,
    "random_state": ["random_state"],
}


def check_units(estimator: Any, *names: str) -> None:
    """Refuse widths of hidden layers that are no integers of at least 1, or none at all.

    Raises
    ------
    InvalidParameterError
        A `ValueError`, as scikit-learn raises it for other parameters.
    """
    for name in names:
        units = getattr(estimator, name)
        if not _are_widths(units):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be a sequence of "
                f"integers of at least 1, one for each hidden layer. Got {units!r} instead."
            )


def check_encoder(estimator: Any, name: str, kind: type) -> None:
    """Refuse what is no trained encoder, such as the transformer around one."""
    encoder = getattr(estimator, name)
    if encoder is not None and not isinstance(encoder, kind):
        inside = isinstance(getattr(encoder, "model_", None), kind)
        cure = f"give its model_: {name}=encoder.model_" if inside else "train one first"
        raise InvalidParameterError(
            f"The {name!r} parameter of {type(estimator).__name__} must be a {kind.__name__} or "
            f"None. Got {type(encoder).__name__} instead; {cure}."
        )


def _are_widths(units: Any) -> bool:
    widths = list(units) if isinstance(units, Iterable) else []
    return bool(widths) and all(isinstance(width, Integral) and width >= 1 for width in widths)
