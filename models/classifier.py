"""The SGAN as a scikit-learn classifier."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from models.classifier_folder import SavedClassifier
from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.vae import TabularVAE
from models.labels import UNLABELLED, encode_labels
from models.parameter_constraints import SGAN_CONSTRAINTS, check_encoder, check_units
from models.sgan.fit import FitData, SGANFit, Validation, fit_sgan, score_members
from models.sgan.model import INPUT_PARTS, SGAN
from models.sgan.training import SGANTrainingSettings

LARGEST_SEED = 2**31 - 1


class SGANClassifier(ClassifierMixin, SavedClassifier, BaseEstimator):
    """Semi-supervised GAN that tells frauds from genuine transactions.

    A generator makes scaled transactions from noise; a discriminator with two heads on shared
    layers tells real from fake and fraud from genuine (Salimans et al. 2016; Odena 2016).
    Labelled rows train the class head, all real rows and the fakes train the real/fake head.
    `n_members` such pairs with different seeds train side by side in one compiled graph; the
    score is the mean of their log odds.

    Parameters
    ----------
    autoencoder, vae : TabularAutoencoder, TabularVAE or None, default=None
        Trained encoders; they become part of the discriminator and stay as they are.
    inputs : sequence of str or None, default=None
        What the discriminator sees beside the row, among "autoencoder_code",
        "reconstruction_error" and "vae_code"; None takes all that the encoders offer.
    n_members : int, default=6
        Networks with different seeds.
    epochs : int, default=20
        Epochs of `steps_per_epoch` optimizer steps.
    steps_per_epoch : int, default=100
        Steps in one compiled call.
    batch_size : int, default=256
        Labelled rows in a step.
    unsupervised_batch_size : int, default=64
        Real rows and fakes in the real/fake game of a step, each.
    fraud_share : float in (0, 1) or None, default=None
        Frauds among the labelled rows of a step; None draws them as they come. Probabilities are
        corrected for it, and for synthetic and pseudo-labelled rows (Elkan 2001, theorem 2).
    column_encoding : {"none", "piecewise_linear"}, default="piecewise_linear"
        Whether the discriminator also sees how far each value fills each bin of its column, the
        bins placed by a decision tree on the labels (Gorishniy et al. 2022).
    n_bins : int, default=16
        Bins of a column, at most.
    column_share : float in (0, 1], default=0.85
        Share of the columns that each member sees: the random subspaces of Ho 1998, which make
        the members differ. At least 1 / `n_members`.
    noise_dim : int, default=16
        Width of the generator's noise.
    generator_units, discriminator_units : sequence of int, default=(64, 64), (64, 32)
        Widths of the hidden layers (leaky ReLU, slope 0.2).
    normalization : {"none", "batch", "layer"}, default="none"
        Normalisation of the hidden layers.
    spectral_norm : bool, default=False
        Bound the discriminator's Lipschitz constant (Miyato et al. 2018).
    dropout, generator_dropout : float in [0, 1), default=0.0, 0.0
        Share of hidden units dropped in training.
    real_fake_head : {"shared", "separate"}, default="shared"
        Real/fake from the class logits by log-sum-exp, or from weights of its own.
    optimizer : {"adamw", "adam", "rmsprop"}, default="adamw"
        For both networks.
    learning_rate, generator_learning_rate : float, default=2e-3, 2.5e-4
        Two time scales (Heusel et al. 2017).
    learning_rate_schedule : {"constant", "linear", "cosine"}, default="linear"
        How both learning rates go from their value to zero, from epoch to epoch, or stay.
    beta_1 : float in [0, 1), default=0.9
        Of Adam and AdamW.
    weight_decay : float, default=1e-4
        Of AdamW; biases are left out.
    clip_norm : float or None, default=5.0
        Largest norm of a member's gradient.
    ema_decay : float in [0, 1), default=0.995
        Of the moving average of the weights, which is what scores; 0 turns it off.
    unsupervised_weight : float, default=0.02
        Weight of the real/fake loss beside the class loss; 0 trains the class head alone and no
        generator.
    feature_matching_weight : float, default=1.0
        Weight of feature matching in the generator's loss.
    historical_averaging_weight : float, default=0.0
        Weight of the squared distance of both networks' weights from their moving average in
        their losses (Salimans et al. 2016, section 3.2). Needs `ema_decay`.
    diversity_weight : float, default=0.0
        Weight of the likeness of the fakes to each other in the generator's loss (the
        pulling-away term of Zhao et al. 2016).
    target_networks : bool, default=False
        The generator plays against the averaged discriminator instead of the present one. Needs
        `ema_decay`.
    stop_at_equilibrium : bool, default=False
        Stop after an epoch in which no discriminator told real rows from fakes better than by
        chance.
    real_label : float in (0.5, 1], default=0.9
        Soft label of real rows in the real/fake loss.
    label_noise : float in [0, 0.5), default=0.05
        Share of real/fake labels that are flipped.
    input_noise, final_input_noise : float, default=0.05, 0.0
        Deviation of the noise on the discriminator's rows in the first and in the last epoch, in
        standard deviations of each column; linear in between.
    replay_share : float in [0, 1), default=0.25
        Old fakes beside the new ones, as a share of `unsupervised_batch_size`.
    pseudo_label_weight : float, default=0.5
        How often an unlabelled row of whose class the ensemble is confident is drawn, compared
        with a labelled row; 0 leaves unlabelled rows to the real/fake game.
    pseudo_label_confidence : float in [0.5, 1), default=0.5
        Probability of its class that a row must have for that, by the mean of the members.
    pseudo_label_agreement : float in [0, 1], default=0.0
        Share of the members, each by itself, that must find the row's class the likelier one.
    drop_biased_pseudo_labels : bool, default=False
        Train an epoch without pseudo-labels where far more of them are frauds than of the
        labelled rows (`models.sgan.pseudo_labels.largest_plausible_share`); reported in any case.
    separate_batches : bool, default=True
        Real and fake rows pass through the discriminator one after the other, which matters for
        batch normalisation.
    jit_compile : bool, default=False
        Compile the training with XLA: some seconds more at first, and faster steps
        (docs/classifier.md has both). Its random numbers are others, so the fit is another one.
    validation_fraction : float in (0, 1) or None, default=None
        Share of the labelled rows that `fit` sets aside to choose the epoch when it is given no
        `validation`; None keeps the last epoch.
    random_state : int, RandomState or None, default=None
        Of weights and draws; equal integers give equal models on one machine.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Class labels; the second is scored as fraud.
    model_ : SGAN
        Averaged weights of the chosen epoch.
    last_model_ : SGAN
        Averaged weights of the last epoch.
    chosen_epoch_ : int
        The last epoch, from 0, whose average precision on validation rows is at most 0.02 below
        the best; without validation rows the last with a sound member.
    active_members_ : ndarray of bool of shape (n_members,)
        Members that score; one that had collapsed in the chosen epoch does not.
    history_ : DataFrame
        Figures by epoch and member.
    ensemble_history_ : DataFrame
        By epoch: figures of the score on validation rows, if there are any; and with unlabelled
        rows those of `models.sgan.pseudo_labels.describe` before the epoch, and whether it was
        trained with these pseudo-labels (`uses_pseudo_labels`).
    collapses_ : list of dict
        Epoch, member and reason of every collapse that was detected.
    pseudo_label_warnings_ : list of dict
        Epoch and reason wherever more unlabelled rows passed for frauds than true labels make
        plausible, and whether the epoch used them all the same.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Notes
    -----
    Label -1 marks unlabelled rows, scikit-learn's convention for semi-supervised learning.

    Examples
    --------
    >>> import numpy as np
    >>> from models.classifier import SGANClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3)).astype("float32")
    >>> y = (X[:, 0] > 1).astype(int)
    >>> y[200:] = -1
    >>> classifier = SGANClassifier(n_members=1, epochs=3, random_state=0).fit(X, y)
    >>> bool(classifier.predict_proba([[3.0, 0.0, 0.0]])[0, 1] > 0.5)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "autoencoder": "no_validation",  # `check_encoder` says what to do
        "vae": "no_validation",
        "inputs": ["array-like", None],
        **SGAN_CONSTRAINTS,
    }

    def __init__(
        self, autoencoder=None, vae=None, inputs=None, n_members=6, epochs=20, steps_per_epoch=100,
        batch_size=256, unsupervised_batch_size=64, fraud_share=None,
        column_encoding="piecewise_linear", n_bins=16, column_share=0.85, noise_dim=16,
        generator_units=(64, 64), discriminator_units=(64, 32), normalization="none",
        spectral_norm=False, dropout=0.0, generator_dropout=0.0, real_fake_head="shared",
        optimizer="adamw", learning_rate=2e-3, generator_learning_rate=2.5e-4,
        learning_rate_schedule="linear", beta_1=0.9, weight_decay=1e-4, clip_norm=5.0,
        ema_decay=0.995, unsupervised_weight=0.02, feature_matching_weight=1.0,
        historical_averaging_weight=0.0, diversity_weight=0.0, target_networks=False,
        stop_at_equilibrium=False, real_label=0.9, label_noise=0.05, input_noise=0.05,
        final_input_noise=0.0, replay_share=0.25, pseudo_label_weight=0.5,
        pseudo_label_confidence=0.5, pseudo_label_agreement=0.0, drop_biased_pseudo_labels=False,
        separate_batches=True, jit_compile=False, validation_fraction=None, random_state=None,
    ):  # fmt: skip
        self.autoencoder = autoencoder
        self.vae = vae
        self.inputs = inputs
        self.n_members = n_members
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.unsupervised_batch_size = unsupervised_batch_size
        self.fraud_share = fraud_share
        self.column_encoding = column_encoding
        self.n_bins = n_bins
        self.column_share = column_share
        self.noise_dim = noise_dim
        self.generator_units = generator_units
        self.discriminator_units = discriminator_units
        self.normalization = normalization
        self.spectral_norm = spectral_norm
        self.dropout = dropout
        self.generator_dropout = generator_dropout
        self.real_fake_head = real_fake_head
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.generator_learning_rate = generator_learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.beta_1 = beta_1
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.ema_decay = ema_decay
        self.unsupervised_weight = unsupervised_weight
        self.feature_matching_weight = feature_matching_weight
        self.historical_averaging_weight = historical_averaging_weight
        self.diversity_weight = diversity_weight
        self.target_networks = target_networks
        self.stop_at_equilibrium = stop_at_equilibrium
        self.real_label = real_label
        self.label_noise = label_noise
        self.input_noise = input_noise
        self.final_input_noise = final_input_noise
        self.replay_share = replay_share
        self.pseudo_label_weight = pseudo_label_weight
        self.pseudo_label_confidence = pseudo_label_confidence
        self.pseudo_label_agreement = pseudo_label_agreement
        self.drop_biased_pseudo_labels = drop_biased_pseudo_labels
        self.separate_batches = separate_batches
        self.jit_compile = jit_compile
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X, y, *, validation=None, synthetic=None, on_epoch=None, checkpoint_folder=None
    ):  # fmt: skip
        """Train all members.

        **Fitted on:** the rows of `X`; `validation` rows choose the epoch and nothing else.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Scaled transactions.
        y : array-like of shape (n_samples,)
            Two classes; -1 marks unlabelled rows.
        validation : tuple (X, y) or (X, y, sample_weight), optional
            Rows on which each epoch is judged by average precision.
        synthetic : array-like of bool of shape (n_samples,), optional
            True marks generated rows: they train the class head, but are not passed off as real
            in the real/fake game.
        on_epoch : callable, optional
            Called as ``on_epoch(epoch, members, ensemble)`` with the figures of the epoch: a
            dict of arrays of shape (n_members,), and a dict of floats.
        checkpoint_folder : path, optional
            Where the state of the last epoch and the best weights are kept. A fit with the same
            arguments on the same rows continues from there, with the same result as an
            undisturbed one.

        Returns
        -------
        SGANClassifier
            Itself.

        Raises
        ------
        ValueError
            If there are not two classes among the labelled rows, or an argument is of no use.
        TrainingDivergedError
            If no member has a finite score at any epoch.
        """
        check_units(self, "generator_units", "discriminator_units")
        check_encoder(self, "autoencoder", TabularAutoencoder)
        check_encoder(self, "vae", TabularVAE)
        X, y = validate_data(self, X, y, dtype=np.float32)
        codes = self._encode_labels(y)
        rng = check_random_state(self.random_state)
        synthetic = np.zeros(len(X), bool) if synthetic is None else np.asarray(synthetic, bool)
        if synthetic.shape != codes.shape:
            raise ValueError(f"synthetic must mark each of {len(X)} rows, got {synthetic.shape}")
        train, validation = self._hold_out(X, codes, synthetic, validation, rng)
        data = FitData(X[train], codes[train], synthetic[train], validation)
        self._check_frauds(data)
        result = fit_sgan(
            self._build_model(X.shape[1], rng.randint(LARGEST_SEED)),
            SGANTrainingSettings(
                **{name: getattr(self, name) for name in SGANTrainingSettings.__annotations__}
            ),
            data,
            epochs=self.epochs,
            input_noise=(self.input_noise, self.final_input_noise),
            seed=rng.randint(LARGEST_SEED),
            on_epoch=on_epoch,
            checkpoint_folder=checkpoint_folder,
        )
        return self._keep(result, codes[train][~data.synthetic])

    def decision_function(self, X):
        """Log odds of fraud of each row, at the fraud rate of the real training rows.

        With unlabelled rows that rate is estimated (`models.sgan.pseudo_labels`), else counted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._member_log_odds(X)[:, self.active_members_].mean(axis=1) + self.prior_shift_

    def decision_function_members(self, X):
        """Log odds of fraud by each member that scores, of which `decision_function` is the mean.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_active_members)
        """
        return self._member_log_odds(X)[:, self.active_members_] + self.prior_shift_

    def predict_members(self, X):
        """Probability of fraud by each member, at the balance of the training batches.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_members)
        """
        return expit(self._member_log_odds(X))

    def predict_proba(self, X):
        """Probabilities of the two classes; array of shape (n_samples, 2)."""
        fraud = expit(self.decision_function(X))
        return np.column_stack([1.0 - fraud, fraud])

    def predict(self, X):
        """Return the likelier class of each row; array of shape (n_samples,)."""
        check_is_fitted(self)
        return self.classes_[(self.decision_function(X) > 0).astype(int)]

    def _member_log_odds(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        return score_members(self.model_, X).astype(np.float64)

    def _encode_labels(self, y):
        """Set `classes_`; return 0 and 1 for the classes and -1 for unlabelled rows."""
        self.classes_, codes = encode_labels(y)
        if len(self.classes_) > 2:
            raise ValueError(
                "Only binary classification is supported. SGANClassifier got "
                f"{len(self.classes_)} classes: {self.classes_[:5].tolist()}; "
                "MulticlassSGANClassifier takes any number"
            )
        if len(self.classes_) < 2:
            raise ValueError(
                "SGANClassifier needs labelled rows of two classes (-1 marks unlabelled rows), "
                f"got {len(self.classes_)} "
                f"class{'es' * (len(self.classes_) != 1)}: {self.classes_.tolist()}"
            )
        return codes

    def _hold_out(self, X, codes, synthetic, validation, rng):
        """Return positions of training rows, and the validation rows if there are any."""
        everything = np.arange(len(codes))
        if validation is not None:
            X_validation, y_validation, *weight = validation
            X_validation = validate_data(self, X_validation, dtype=np.float32, reset=False)
            y_validation = np.asarray(y_validation)
            known = np.isin(y_validation, self.classes_)
            if not known.all():
                raise ValueError(
                    f"validation labels must be {self.classes_.tolist()}, got "
                    f"{np.unique(y_validation[~known])[:5].tolist()}; leave unlabelled rows out"
                )
            codes_validation = np.searchsorted(self.classes_, y_validation)
            return everything, Validation(X_validation, codes_validation, *weight)
        if self.validation_fraction is None:
            return everything, None
        held_out = np.concatenate(
            [
                rng.permutation(rows)[: max(1, round(self.validation_fraction * len(rows)))]
                for rows in (np.flatnonzero((codes == code) & ~synthetic) for code in (0, 1))
            ]
        )
        train = np.setdiff1d(everything, held_out)
        return train, Validation(X[held_out], codes[held_out])

    def _check_frauds(self, data):
        for code, label in enumerate(self.classes_):
            if not np.any(data.codes == code):
                raise ValueError(
                    f"no labelled training row of class {label!r} is left beside the validation "
                    f"rows; lower validation_fraction={self.validation_fraction}"
                )

    def _build_model(self, n_features, seed):
        inputs = self.inputs
        if inputs is None:
            owners = dict(zip(INPUT_PARTS, (self.autoencoder, self.autoencoder, self.vae),
                              strict=True))  # fmt: skip
            inputs = [name for name, encoder in owners.items() if encoder is not None]
        return SGAN(
            n_features, self.n_members, autoencoder=self.autoencoder, vae=self.vae, inputs=inputs,
            column_encoding=self.column_encoding, n_bins=self.n_bins,
            column_share=self.column_share, noise_dim=self.noise_dim,
            generator_units=self.generator_units, discriminator_units=self.discriminator_units,
            normalization=self.normalization,
            spectral_norm=self.spectral_norm, dropout=self.dropout,
            generator_dropout=self.generator_dropout, real_fake_head=self.real_fake_head,
            seed=int(seed),
        )  # fmt: skip

    def _keep(self, result: SGANFit, real_codes):
        self.model_ = result.best
        self.last_model_ = result.last
        self.chosen_epoch_ = result.chosen_epoch
        self.active_members_ = result.active_members
        self.history_ = result.history
        self.ensemble_history_ = result.ensemble_history
        self.collapses_ = result.collapses
        self.pseudo_label_warnings_ = result.pseudo_label_warnings
        labelled = real_codes[real_codes != UNLABELLED]
        fraud_rate = np.mean(labelled == 1) if len(labelled) else 0.0
        estimate = result.unlabelled_fraud_rate
        if np.isfinite(estimate):
            # Labels by budget say nothing of how rare frauds are; the unlabelled rows do.
            share = len(labelled) / len(real_codes)
            fraud_rate = share * fraud_rate + (1.0 - share) * estimate
        # Where all rows of a class are synthetic there is no rate to correct to.
        self.prior_shift_ = 0.0
        if 0.0 < fraud_rate < 1.0:
            self.prior_shift_ = float(logit(fraud_rate) - logit(result.training_fraud_rate))
        return self

    def __sklearn_tags__(self):
        """Say that it takes two classes only."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.non_deterministic = False
        return tags
