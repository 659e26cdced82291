"""A parameter that is of no use is refused by its name; one that is documented works."""

import numpy as np
import pytest
from sklearn.utils._param_validation import InvalidParameterError

from features.gan_oversampling import GANOverSampler
from features.generators import GANGenerator
from features.latent import AutoencoderFeatures, VAEFeatures
from features.oversampling import VAEOverSampler
from models.classifier import SGANClassifier
from models.multiclass import MulticlassSGANClassifier

CLASSIFIERS = (SGANClassifier, MulticlassSGANClassifier)
ENCODERS = (AutoencoderFeatures, VAEFeatures)


@pytest.fixture
def rows():
    X = np.random.default_rng(0).normal(size=(60, 3))
    return X, (np.arange(60) % 3 == 0).astype(int)


def fit(estimator, X, y):
    return (
        estimator.fit_resample(X, y) if hasattr(estimator, "fit_resample") else estimator.fit(X, y)
    )


@pytest.mark.parametrize(
    ("kinds", "name", "values"),
    [
        ((SGANClassifier,), "optimizer", ["foo", "sgd"]),
        ((SGANClassifier,), "real_fake_head", ["foo"]),
        ((SGANClassifier,), "fraud_share", [2, 0, 1]),
        ((SGANClassifier,), "clip_norm", [0]),
        ((SGANClassifier,), "column_share", [5, 0]),
        ((SGANClassifier,), "n_bins", [0]),
        ((SGANClassifier,), "pseudo_label_confidence", [2, 0.4, 1]),
        ((SGANClassifier,), "pseudo_label_agreement", [5]),
        ((SGANClassifier,), "replay_share", [1]),
        ((SGANClassifier,), "validation_fraction", [0, 1.0]),
        (CLASSIFIERS, "label_noise", [2, 0.5]),
        (CLASSIFIERS, "ema_decay", [1.5, 1]),
        (CLASSIFIERS, "real_label", [0.5, 1.1]),
        (CLASSIFIERS, "noise_dim", [0]),
        (CLASSIFIERS, "epochs", [0, "3", 1.5]),
        ((SGANClassifier,), "batch_size", [0, 1]),
        ((MulticlassSGANClassifier,), "batch_size", [0]),
        (CLASSIFIERS, "n_members", [0]),
        (CLASSIFIERS, "dropout", [1, 2]),
        (CLASSIFIERS, "normalization", ["foo"]),
        (CLASSIFIERS, "learning_rate", ["1e-3", 0, -1]),
        ((MulticlassSGANClassifier,), "output_activation", ["foo"]),
        (
            (*CLASSIFIERS, GANOverSampler, GANGenerator),
            "discriminator_units",
            [[], [0], [1.5], 64],
        ),
        ((GANOverSampler, GANGenerator), "epochs", [0]),
        ((*ENCODERS, VAEOverSampler), "learning_rate", ["1e-3", 0]),
        ((*ENCODERS, VAEOverSampler), "latent_dim", [0]),
        ((*ENCODERS, VAEOverSampler), "hidden_units", [8, "8"]),
        ((VAEFeatures, VAEOverSampler), "beta", [-1]),
        ((AutoencoderFeatures,), "input_noise", [-1]),
    ],
)
def test_values_of_no_use_are_refused_by_name(rows, kinds, name, values):
    for kind in kinds:
        for value in values:
            with pytest.raises(InvalidParameterError, match=f"The {name!r} parameter of"):
                fit(kind(**{name: value}), *rows)


def test_whole_numbers_are_numbers(rows):
    short = {"n_members": 1, "epochs": 1, "steps_per_epoch": 2}
    whole = {"ema_decay": 0, "real_label": 1, "unsupervised_weight": 1, "label_noise": 0}
    for kind in CLASSIFIERS:
        kind(**short, **whole).fit(*rows)
    SGANClassifier(**short, clip_norm=5, weight_decay=0, replay_share=0, column_share=1).fit(*rows)
    AutoencoderFeatures(epochs=1, learning_rate=1).fit(*rows)


@pytest.mark.parametrize("given", [{"target_networks": True}, {"historical_averaging_weight": 0.1}])
def test_what_needs_averaged_weights_says_so(rows, given):
    with pytest.raises(ValueError, match="needs the averaged weights: ema_decay above 0"):
        SGANClassifier(ema_decay=0, **given).fit(*rows)


def test_the_transformer_around_an_encoder_is_no_encoder(rows):
    transformer = AutoencoderFeatures(epochs=1, latent_dim=2)
    with pytest.raises(InvalidParameterError, match="train one first"):
        SGANClassifier(autoencoder=transformer).fit(*rows)
    transformer.fit(rows[0])
    with pytest.raises(InvalidParameterError, match=r"autoencoder=encoder\.model_"):
        SGANClassifier(autoencoder=transformer).fit(*rows)
    with pytest.raises(InvalidParameterError, match="must be a TabularVAE or None"):
        SGANClassifier(vae=transformer.model_).fit(*rows)
