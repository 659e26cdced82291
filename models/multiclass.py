"""The SGAN as a scikit-learn classifier of any number of classes, of rows or of images."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from models.encoders.training import TrainingDivergedError, apply_in_batches
from models.estimator_folder import SavedInFolder
from models.labels import encode_labels
from models.parameter_constraints import COUNT, SGAN_CONSTRAINTS, check_units
from models.sgan.lending import lent_trainer
from models.sgan.model import SGAN
from models.sgan.training import SGANTrainer, SGANTrainingSettings

LARGEST_SEED = 2**31 - 1
NETWORK = ("noise_dim", "generator_units", "discriminator_units", "image_shape", "kernel_size",
           "output_activation", "normalization", "dropout")  # fmt: skip
TRAINING = ("steps_per_epoch", "batch_size", "unsupervised_batch_size", "learning_rate",
            "generator_learning_rate", "beta_1", "ema_decay", "unsupervised_weight",
            "feature_matching_weight", "real_label", "label_noise")  # fmt: skip


class ClassPools(NamedTuple):
    """The training rows on the device, and which of them may be drawn as what.

    Attributes
    ----------
    rows : float32 (n_rows, n_features)
        All rows.
    labelled, labels : int32 (n_labelled,)
        Positions of labelled rows, and the class of each.
    real : int32 (n_rows,)
        Positions of all rows, labelled or not: the real side of the real/fake game.
    """

    rows: tf.Tensor
    labelled: tf.Tensor
    labels: tf.Tensor
    real: tf.Tensor

    @classmethod
    def of(cls, X, codes):
        """Put rows on the device; `codes` are -1 for unlabelled rows."""
        labelled = np.flatnonzero(codes >= 0).astype(np.int32)
        return cls(
            rows=tf.constant(X),
            labelled=tf.constant(labelled),
            labels=tf.constant(codes[labelled]),
            real=tf.range(len(X)),
        )


class MulticlassTrainer(SGANTrainer):
    """An `SGANTrainer` whose labelled rows are of any number of classes, drawn as they come."""

    def _pool_signature(self):
        positions = tf.TensorSpec((None,), tf.int32)
        return ClassPools(
            tf.TensorSpec((None, self.model.n_features), tf.float32), *[positions] * 3
        )

    def _draw_labelled(self, pools):
        shape = (self.model.n_members, self.settings.batch_size)
        which = self.random.positions(shape, tf.shape(pools.labelled)[0])
        rows = tf.gather(pools.rows, tf.gather(pools.labelled, which))
        return rows, tf.gather(pools.labels, which)


class MulticlassSGANClassifier(SavedInFolder, ClassifierMixin, BaseEstimator):
    """Semi-supervised GAN for any number of classes, of rows or of images.

    The networks and the training of `models.classifier.SGANClassifier`, without what only makes
    sense for rare frauds: no encoders and bins, no fraud rate, no pseudo-labels, no validation
    rows. The discriminator has a logit for each class and one for fakes; the log odds of being
    real are the log-sum-exp of the former less the latter (Salimans et al. 2016, section 5). The
    averaged weights of the last epoch score; the score is the mean of the members' log odds.

    With one class there is nothing to tell apart: this is a plain GAN, for `sample`.

    **Fitted on:** the rows given to `fit`, labelled or not.

    Parameters
    ----------
    image_shape : tuple (height, width, channels), optional
        What each row is an image of, flattened row by row: the networks are then convolutional.
        None for dense ones.
    kernel_size : int, default=3
        Pixels along each side of the kernels of convolutions.
    n_members : int, default=2
        Networks with different seeds.
    epochs, steps_per_epoch : int, default=20, 100
        Length of the training.
    batch_size, unsupervised_batch_size : int, default=64, 64
        Labelled rows, and rows of the real/fake game of either kind, in a step.
    noise_dim : int, default=32
        Width of the generator's noise.
    generator_units, discriminator_units : sequence of int, default=(128, 128), (128, 128)
        Widths of the hidden layers, or filters of convolutions.
    output_activation : str, default="linear"
        Of the generator, to match the scaling: "tanh" for rows in [-1, 1].
    normalization : {"none", "batch", "layer"}, default="none"
        Of the hidden layers.
    dropout : float in [0, 1), default=0.3
        Share of the discriminator's hidden units dropped in training.
    learning_rate, generator_learning_rate : float, default=1e-3, 1e-3
        Of AdamW.
    beta_1 : float in [0, 1), default=0.5
        Of AdamW.
    ema_decay : float in [0, 1), default=0.995
        Of the moving average of the weights, which is what scores and samples.
    unsupervised_weight : float, default=1.0
        Weight of the real/fake loss beside the class loss; 0 trains the class head alone, a
        supervised net.
    feature_matching_weight : float, default=1.0
        Weight of feature matching in the generator's loss.
    real_label : float in (0.5, 1], default=0.9
        Soft label of real rows in the real/fake loss.
    label_noise : float in [0, 0.5), default=0.0
        Share of real/fake labels that are flipped.
    input_noise : float, default=0.1
        Deviation of the noise on the discriminator's rows in the first epoch, in standard
        deviations of the columns; it falls to 0 in the last.
    random_state : int, RandomState or None, default=None
        Of weights and draws; equal integers give equal models on one machine.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    model_ : SGAN
        Averaged weights.
    history_ : DataFrame
        Figures by epoch and member.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from models.multiclass import MulticlassSGANClassifier
    >>> X = np.repeat(np.eye(3), 50, axis=0) + np.random.default_rng(0).normal(0, 0.1, (150, 3))
    >>> y = np.full(150, -1)
    >>> y[[0, 50, 100]] = 0, 1, 2
    >>> classifier = MulticlassSGANClassifier(n_members=1, epochs=2, random_state=0).fit(X, y)
    >>> classifier.predict(np.eye(3))
    array([0, 1, 2])
    """

    _parameter_constraints: ClassVar[dict] = {
        "image_shape": ["array-like", None],
        "kernel_size": COUNT,
        "output_activation": [StrOptions({"linear", "sigmoid", "tanh"})],
        **{name: SGAN_CONSTRAINTS[name]
           for name in (*NETWORK, *TRAINING, "n_members", "epochs", "input_noise", "random_state")
           if name in SGAN_CONSTRAINTS},
        "batch_size": COUNT,
        "unsupervised_batch_size": COUNT,
    }  # fmt: skip

    def __init__(
        self, image_shape=None, kernel_size=3, n_members=2, epochs=20, steps_per_epoch=100,
        batch_size=64, unsupervised_batch_size=64, noise_dim=32, generator_units=(128, 128),
        discriminator_units=(128, 128), output_activation="linear", normalization="none",
        dropout=0.3, learning_rate=1e-3, generator_learning_rate=1e-3, beta_1=0.5,
        ema_decay=0.995, unsupervised_weight=1.0, feature_matching_weight=1.0, real_label=0.9,
        label_noise=0.0, input_noise=0.1, random_state=None,
    ):  # fmt: skip
        self.image_shape = image_shape
        self.kernel_size = kernel_size
        self.n_members = n_members
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.unsupervised_batch_size = unsupervised_batch_size
        self.noise_dim = noise_dim
        self.generator_units = generator_units
        self.discriminator_units = discriminator_units
        self.output_activation = output_activation
        self.normalization = normalization
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.generator_learning_rate = generator_learning_rate
        self.beta_1 = beta_1
        self.ema_decay = ema_decay
        self.unsupervised_weight = unsupervised_weight
        self.feature_matching_weight = feature_matching_weight
        self.real_label = real_label
        self.label_noise = label_noise
        self.input_noise = input_noise
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, on_epoch=None):
        """Train all members.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Scaled rows, or flattened images.
        y : array-like of shape (n_samples,)
            Classes; -1 marks unlabelled rows.
        on_epoch : callable, optional
            Called as ``on_epoch(epoch, metrics)`` with arrays of shape (n_members,).

        Returns
        -------
        MulticlassSGANClassifier
            Itself.

        Raises
        ------
        ValueError
            If no row has a label, or `image_shape` does not fill a row.
        TrainingDivergedError
            If a loss is no longer finite.
        """
        check_units(self, "generator_units", "discriminator_units")
        X, y = validate_data(self, X, y, dtype=np.float32)
        self.classes_, codes = encode_labels(y)
        if not len(self.classes_):
            raise ValueError(
                f"MulticlassSGANClassifier needs labelled rows, got {len(y)} rows labelled -1, "
                "which marks rows without a label"
            )
        rng = check_random_state(self.random_state)
        model = SGAN(
            X.shape[1], self.n_members, n_classes=len(self.classes_),
            seed=int(rng.randint(LARGEST_SEED)), **{name: getattr(self, name) for name in NETWORK},
        )  # fmt: skip
        settings = SGANTrainingSettings(**{name: getattr(self, name) for name in TRAINING})
        seed = int(rng.randint(LARGEST_SEED))
        with lent_trainer(MulticlassTrainer, model, settings, seed) as trainer:
            trainer.fit_inputs(X, codes)
            self.history_ = self._train(trainer, ClassPools.of(X, codes), on_epoch)
            model.set_weights(trainer.average.get_weights())
        self.model_ = model
        return self

    def predict_proba(self, X):
        """Probabilities of the classes; array of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        log_odds = apply_in_batches(self.model_.score_rows, X).astype(np.float64)
        log_odds = log_odds.mean(axis=1).reshape(len(X), len(self.classes_) - 1)
        return softmax(np.pad(log_odds, ((0, 0), (1, 0))), axis=1)

    def predict(self, X):
        """Return the likeliest class of each row; array of shape (n_samples,)."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def sample(self, n, seed, *, mean=0.0, deviation=1.0):
        """Draw n rows from each member's generator, see `SGAN.sample`."""
        check_is_fitted(self)
        return self.model_.sample(n, seed, mean=mean, deviation=deviation)

    def _train(self, trainer, pools, on_epoch):
        history = []
        for epoch in range(self.epochs):
            part_left = 1.0 - epoch / max(self.epochs - 1, 1)
            metrics = trainer.run_epoch(pools, self.input_noise * part_left)
            if not all(np.isfinite(values).all() for values in metrics.values()):
                raise TrainingDivergedError(
                    f"training of the SGAN diverged in epoch {epoch}: {metrics}; expected finite "
                    "figures: lower learning_rate, or scale the columns to about [-1, 1]"
                )
            history.extend(
                {"epoch": epoch, "member": m} | {k: float(v[m]) for k, v in metrics.items()}
                for m in range(self.n_members)
            )
            if on_epoch is not None:
                on_epoch(epoch, metrics)
        return pd.DataFrame(history)

    def _fitted_state(self):
        return {
            "classes": self.classes_.tolist(),
            "classes_dtype": self.classes_.dtype.str,
            "history": self.history_.to_dict("list"),
        }

    def _restore(self, state):
        self.classes_ = np.array(state["classes"], dtype=state["classes_dtype"])
        self.history_ = pd.DataFrame(state["history"])

    def __sklearn_tags__(self):
        """Say that equal seeds give equal models."""
        tags = super().__sklearn_tags__()
        tags.non_deterministic = False
        return tags
