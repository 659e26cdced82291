"""Oversampling with rows that a GAN makes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from imblearn.over_sampling.base import BaseOverSampler
from scipy import sparse
from sklearn.utils import check_random_state

from models.encoders.training import TrainingDivergedError
from models.parameter_constraints import SGAN_CONSTRAINTS, check_units
from models.sgan.fit import FitData
from models.sgan.lending import lent_trainer
from models.sgan.model import SGAN
from models.sgan.training import SGANTrainer, SGANTrainingSettings

NO_PARENT = -1


class GANOverSampler(BaseOverSampler):
    """Oversample with rows that a generator makes against a discriminator.

    One GAN for each class that is oversampled. Its generator learns the rows of that class; its
    discriminator, besides telling those from fakes, tells the classes apart, which gives its
    hidden layers, and through feature matching the generator, something to go by when the class
    has few rows.

    **Fitted on:** the rows given to `fit_resample`, which must be training rows.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        How many rows each class is to have, as in imbalanced-learn.
    noise_dim, generator_units, discriminator_units, feature_matching_weight
        As in `models.classifier.SGANClassifier`.
    epochs, steps_per_epoch, batch_size : int, default=20, 100, 64
        Length of the training; rows, fakes and labelled rows in a step, each.
    learning_rate : float, default=1e-3
        Of both networks.
    random_state : int, RandomState or None, default=None
        Seed of the training and of the new rows.

    Attributes
    ----------
    sampling_strategy_ : dict
        Rows made for each class.
    sample_parent_ : ndarray of int of shape (n_samples_new,)
        The row itself for a real row, -1 for a made one: a generator has no parents.
    models_ : dict of SGAN
        The trained networks by class.

    Examples
    --------
    >>> import numpy as np
    >>> from features.gan_oversampling import GANOverSampler
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(0.0, 1.0, (90, 2)), rng.normal(5.0, 0.5, (10, 2))])
    >>> y = np.repeat([0, 1], [90, 10])
    >>> X_new, y_new = GANOverSampler(epochs=1, random_state=0).fit_resample(X, y)
    >>> np.bincount(y_new)
    array([90, 90])
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseOverSampler._parameter_constraints,
        **{
            name: SGAN_CONSTRAINTS[name]
            for name in (
                "noise_dim", "generator_units", "discriminator_units", "feature_matching_weight",
                "epochs", "steps_per_epoch", "batch_size", "learning_rate", "random_state",
            )
        },
    }  # fmt: skip

    def __init__(
        self,
        *,
        sampling_strategy="auto",
        noise_dim=16,
        generator_units=(64, 64),
        discriminator_units=(128, 64),
        feature_matching_weight=1.0,
        epochs=20,
        steps_per_epoch=100,
        batch_size=64,
        learning_rate=1e-3,
        random_state=None,
    ):
        super().__init__(sampling_strategy=sampling_strategy)
        self.noise_dim = noise_dim
        self.generator_units = generator_units
        self.discriminator_units = discriminator_units
        self.feature_matching_weight = feature_matching_weight
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _fit_resample(self, X, y):
        check_units(self, "generator_units", "discriminator_units")
        rng = check_random_state(self.random_state)
        real = X.toarray() if sparse.issparse(X) else X
        self.models_ = {}
        made, labels = [real], [y]
        for label, n_new in self.sampling_strategy_.items():
            if not n_new:
                continue
            self.models_[label] = self._train(real, y == label, rng)
            rows = self.models_[label].sample(n_new, seed=_seed(rng))[0]
            made.append(rows.astype(X.dtype))
            labels.append(np.full(n_new, label, dtype=y.dtype))
        resampled = np.concatenate(made)
        self.sample_parent_ = np.full(len(resampled), NO_PARENT)
        self.sample_parent_[: len(y)] = np.arange(len(y))
        if sparse.issparse(X):
            resampled = type(X)(resampled)
        return resampled, np.concatenate(labels)

    def _train(self, real, of_class, rng):
        return train_gan(
            real.astype(np.float32), of_class, noise_dim=self.noise_dim,
            generator_units=self.generator_units, discriminator_units=self.discriminator_units,
            feature_matching_weight=self.feature_matching_weight, epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch, batch_size=self.batch_size,
            learning_rate=self.learning_rate, rng=rng,
        )  # fmt: skip


def train_gan(
    rows,
    of_class,
    *,
    noise_dim,
    generator_units,
    discriminator_units,
    feature_matching_weight,
    epochs,
    steps_per_epoch,
    batch_size,
    learning_rate,
    rng,
):
    """Train a GAN whose real side is one class, or all rows.

    **Fitted on:** `rows`.

    Parameters
    ----------
    rows : float32 ndarray of shape (n_rows, n_features)
        Scaled rows.
    of_class : bool ndarray of shape (n_rows,)
        Rows that the generator is to learn; the others only teach the discriminator to tell the
        classes apart.
    noise_dim, generator_units, discriminator_units, feature_matching_weight, epochs, \
steps_per_epoch, batch_size, learning_rate
        As in `GANOverSampler`.
    rng : RandomState
        Gives the seeds.

    Returns
    -------
    models.sgan.model.SGAN
        The averaged networks; ``sample(n, seed)[0]`` are rows.

    Raises
    ------
    models.encoders.training.TrainingDivergedError
        If the generator's loss is no longer finite.
    """
    model = SGAN(
        rows.shape[1], n_members=1, noise_dim=noise_dim, generator_units=generator_units,
        discriminator_units=discriminator_units, seed=_seed(rng),
    )  # fmt: skip
    settings = SGANTrainingSettings(
        steps_per_epoch=steps_per_epoch, batch_size=batch_size,
        unsupervised_batch_size=batch_size,
        # One class leaves nothing to tell apart, and no second pool to draw from.
        fraud_share=None if of_class.all() else 0.5,
        learning_rate=learning_rate, generator_learning_rate=learning_rate,
        unsupervised_weight=1.0, feature_matching_weight=feature_matching_weight,
    )  # fmt: skip
    codes = of_class.astype(np.int32)
    pools = FitData(rows, codes, synthetic=~of_class, validation=None).pools()
    with lent_trainer(SGANTrainer, model, settings, seed=_seed(rng)) as trainer:
        trainer.fit_inputs(rows, codes)
        for _ in range(epochs):
            metrics = trainer.run_epoch(pools, 0.0)
        if not np.isfinite(metrics["generator_loss"]).all():
            raise TrainingDivergedError(
                "the loss of the generator is not finite; lower learning_rate"
            )
        model.set_weights(trainer.average.get_weights())
    return model


def _seed(rng):
    return int(rng.randint(np.iinfo(np.int32).max))
