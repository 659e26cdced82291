"""Makes extra frauds for training, with imbalanced-learn's samplers and two of ours."""

from __future__ import annotations

import logging
from typing import ClassVar

import numpy as np
from imblearn import FunctionSampler
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_sampling_strategy
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from features.gan_oversampling import GANOverSampler
from models.encoders.training import TrainingSettings, train
from models.encoders.vae import TabularVAE
from models.parameter_constraints import ENCODER_CONSTRAINTS

logger = logging.getLogger(__name__)

REAL = "real"
NO_PARENT = -1
METHODS = ("vae", "gan", "smote", "borderline_smote", "adasyn", "random", "none")
# What each sampler calls the number of neighbours between which it makes rows.
_NEIGHBOURS = {"smote": "k_neighbors", "borderline_smote": "k_neighbors", "adasyn": "n_neighbors"}


class VAEOverSampler(BaseOverSampler):
    """Oversample with rows that a variational autoencoder makes.

    **Fitted on:** the rows given to `fit_resample`, which must be training rows.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        How many rows each class is to have, as in imbalanced-learn.
    generation : {"posterior", "interpolation", "prior"}, default="posterior"
        Where codes come from. "posterior": from the code distribution of a real row of the
        class, all rows used equally often. "interpolation": between the mean codes of two real
        rows of the class. "prior": from N(0, I), which knows no class, so the VAE must have been
        trained on the class alone.
    train_on : {"all", "minority"}, default="all"
        Rows the VAE learns from: every row of `X`, or one VAE for each class that is
        oversampled, from its rows alone.
    vae : TabularVAE, optional
        Already trained on training rows. The parameters below then have no effect, except
        `random_state`.
    hidden_units, latent_dim, hidden_activation, output_activation, reconstruction_loss, beta, \
beta_warmup_epochs
        As in `models.encoders.vae.TabularVAE`.
    epochs, batch_size, learning_rate, optimizer
        As in `models.encoders.training.TrainingSettings`.
    random_state : int, RandomState or None, default=None
        Seed of the training and of the new rows.

    Attributes
    ----------
    sampling_strategy_ : dict
        Rows made for each class.
    vaes_ : dict
        The VAE that made the rows of each class.
    sample_source_ : ndarray of shape (n_samples_new,), "real" or "vae"
        Where each returned row comes from; the real rows stand first, in their order.
    sample_parent_ : ndarray of shape (n_samples_new,)
        Row of `X` that each returned row came from: itself for a real row, -1 for "prior", the
        nearer of the two codes for "interpolation".
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> y = np.repeat([0, 1], [40, 10])
    >>> sampler = VAEOverSampler(hidden_units=(4,), latent_dim=2, epochs=1, random_state=0)
    >>> X_new, y_new = sampler.fit_resample(X, y)
    >>> X_new.shape, int(y_new.sum()), int((sampler.sample_source_ == "vae").sum())
    ((80, 4), 40, 30)
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseOverSampler._parameter_constraints,
        **ENCODER_CONSTRAINTS,
        "generation": [StrOptions({"posterior", "interpolation", "prior"})],
        "train_on": [StrOptions({"all", "minority"})],
        "vae": [TabularVAE, None],
    }

    def __init__(
        self,
        *,
        sampling_strategy="auto",
        generation="posterior",
        train_on="all",
        vae=None,
        hidden_units=(16,),
        latent_dim=6,
        hidden_activation="relu",
        output_activation="linear",
        reconstruction_loss="squared_error",
        beta=1.0,
        beta_warmup_epochs=0,
        epochs=50,
        batch_size=100,
        learning_rate=1e-3,
        optimizer="rmsprop",
        random_state=None,
    ):
        super().__init__(sampling_strategy=sampling_strategy)
        self.generation = generation
        self.train_on = train_on
        self.vae = vae
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.hidden_activation = hidden_activation
        self.output_activation = output_activation
        self.reconstruction_loss = reconstruction_loss
        self.beta = beta
        self.beta_warmup_epochs = beta_warmup_epochs
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.random_state = random_state

    def _fit_resample(self, X, y):
        wanted = {label: n for label, n in self.sampling_strategy_.items() if n > 0}
        self._check_generation(y, wanted)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        rng = np.random.default_rng(seed)
        real = X.toarray() if sparse.issparse(X) else X
        rows = real.astype(np.float32)
        self.vaes_ = self._vaes(rows, y, wanted, rng)
        made, labels, parents = [real], [y], [np.arange(len(y))]
        for label, n_new in wanted.items():
            new_rows, parent = _GENERATIONS[self.generation](
                self.vaes_[label], rows, np.flatnonzero(y == label), n_new, rng
            )
            made.append(np.asarray(new_rows).astype(X.dtype))
            labels.append(np.full(n_new, label, dtype=y.dtype))
            parents.append(parent)
        self.sample_parent_ = np.concatenate(parents)
        self.sample_source_ = np.where(np.arange(len(self.sample_parent_)) < len(y), REAL, "vae")
        resampled = np.concatenate(made)
        if sparse.issparse(X):
            resampled = type(X)(resampled)
        return resampled, np.concatenate(labels)

    def _check_generation(self, y, wanted):
        if self.generation == "prior" and self.train_on == "all" and self.vae is None:
            raise ValueError(
                "generation='prior' draws rows of no particular class from a VAE trained on all "
                "rows; set train_on='minority', or generation to 'posterior' or 'interpolation'"
            )
        if self.generation == "interpolation":
            for label in wanted:
                if np.sum(y == label) < 2:
                    raise ValueError(
                        f"generation='interpolation' needs 2 rows of class {label}, got 1; set "
                        "generation='posterior'"
                    )

    def _vaes(self, rows, y, wanted, rng):
        if self.vae is not None:
            if self.vae.n_features != rows.shape[1]:
                raise ValueError(
                    f"the given vae was made for {self.vae.n_features} columns, X has "
                    f"{rows.shape[1]}; give rows scaled like those it was trained on"
                )
            return dict.fromkeys(wanted, self.vae)
        if self.train_on == "all" and wanted:
            return dict.fromkeys(wanted, self._train_vae(rows, rng))
        return {label: self._train_vae(rows[y == label], rng) for label in wanted}

    def _train_vae(self, rows, rng):
        model_seed, order_seed = (int(s) for s in rng.integers(np.iinfo(np.int32).max, size=2))
        vae = TabularVAE(
            rows.shape[1],
            hidden_units=self.hidden_units,
            latent_dim=self.latent_dim,
            hidden_activation=self.hidden_activation,
            output_activation=self.output_activation,
            reconstruction_loss=self.reconstruction_loss,
            beta=self.beta,
            beta_warmup_epochs=self.beta_warmup_epochs,
            seed=model_seed,
        )
        settings = TrainingSettings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            optimizer=self.optimizer,
            seed=order_seed,
        )
        train(vae, rows, settings)
        return vae


def make_sampler(
    method,
    *,
    sampling_strategy="auto",
    n_neighbors=5,
    random_state=None,
    vae=None,
    generation="posterior",
):
    """Sampler of a method's name.

    Parameters
    ----------
    method : {"vae", "gan", "smote", "borderline_smote", "adasyn", "random", "none"}
        "random" repeats real rows; "none" returns the rows as they are.
    sampling_strategy : float, str, dict or callable, default="auto"
        How many rows each class is to have, as in imbalanced-learn.
    n_neighbors : int, default=5
        Neighbours of a fraud among which SMOTE and its relatives choose.
    random_state : int, RandomState or None, default=None
        Seed of the new rows.
    vae : TabularVAE, optional
        Trained model for "vae"; without it the sampler trains one with its defaults.
    generation : {"posterior", "interpolation", "prior"}, default="posterior"
        Where "vae" takes its codes from, see `VAEOverSampler`.

    Returns
    -------
    imblearn sampler

    Raises
    ------
    ValueError
        If `method` is none of these.
    """
    common = {"sampling_strategy": sampling_strategy, "random_state": random_state}
    makers = {
        "vae": lambda: VAEOverSampler(**common, vae=vae, generation=generation),
        "gan": lambda: GANOverSampler(**common),
        "smote": lambda: SMOTE(**common, k_neighbors=n_neighbors),
        "borderline_smote": lambda: BorderlineSMOTE(**common, k_neighbors=n_neighbors),
        "adasyn": lambda: ADASYN(**common, n_neighbors=n_neighbors),
        "random": lambda: RandomOverSampler(**common),
        "none": lambda: FunctionSampler(validate=False),
    }
    if method not in makers:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    return makers[method]()


def resample_with_source(sampler, method, X, y):
    """Resampled rows with the source of each.

    Parameters
    ----------
    sampler : imblearn sampler
        What ``make_sampler(method, ...)`` returned.
    method : str
        Name that new rows carry as their source.
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Scaled training rows.
    y : Series or ndarray of shape (n_samples,)
        Their labels.

    Returns
    -------
    X_resampled : like `X`, of shape (n_samples_new, n_features)
        The real rows first, in their order.
    y_resampled : like `y`, of shape (n_samples_new,)
    source : ndarray of str of shape (n_samples_new,)
        "real", or `method` for a row that was added.
    parent : ndarray of int of shape (n_samples_new,)
        Row of `X` that each row came from: itself for a real row, -1 where it is not known
        (SMOTE and its relatives) or there is none.

    Raises
    ------
    ValueError
        If a class has too few rows for the sampler's neighbours, or none of them lies near
        another class (ADASYN).
    RuntimeError
        If the sampler did not put the real rows first.
    """
    n_real = len(X)
    _check_neighbours(sampler, method, y)
    try:
        X_resampled, y_resampled = sampler.fit_resample(X, y)
    except RuntimeError as error:
        if method != "adasyn":
            raise
        raise ValueError(
            f"adasyn cannot resample these rows: {error} Raise n_neighbors, or choose 'smote'"
        ) from error
    n_total = len(X_resampled)
    _check_real_rows_first(X, y, X_resampled, y_resampled, method)
    if method != "none" and n_total == n_real:
        logger.warning(
            "%s made no rows: the classes already have the rows asked for, or no fraud lies near "
            "a genuine row (borderline_smote)",
            method,
        )
    parent = np.full(n_total, NO_PARENT)
    parent[:n_real] = np.arange(n_real)
    for attribute in ("sample_parent_", "sample_indices_"):
        if hasattr(sampler, attribute):
            parent = np.asarray(getattr(sampler, attribute))
    source = np.where(np.arange(n_total) < n_real, REAL, method)
    return X_resampled, y_resampled, source, parent


def _check_neighbours(sampler, method, y):
    if method not in _NEIGHBOURS:
        return
    n_neighbors = getattr(sampler, _NEIGHBOURS[method])
    labels = np.asarray(y)
    wanted = check_sampling_strategy(sampler.sampling_strategy, labels, "over-sampling")
    for label, n_new in wanted.items():
        n_rows = int(np.sum(labels == label))
        if n_new > 0 and n_rows <= n_neighbors:
            cure = f"lower n_neighbors to {n_rows - 1} or less, or " if n_rows > 1 else ""
            raise ValueError(
                f"{method} needs more rows of class {label} than n_neighbors={n_neighbors}, got "
                f"{n_rows}; {cure}choose the method 'vae' or 'random'"
            )


def _check_real_rows_first(X, y, X_resampled, y_resampled, method):
    n_real = len(X)
    same_rows = np.array_equal(np.asarray(X_resampled)[:n_real], np.asarray(X))
    same_labels = np.array_equal(np.asarray(y_resampled)[:n_real], np.asarray(y))
    if not (same_rows and same_labels):
        raise RuntimeError(
            f"the sampler for {method!r} did not return the real rows first and unchanged, so "
            "the source of its rows is unknown; use one that appends its rows"
        )


def _from_posterior(vae, rows, class_rows, n_new, rng):
    parent = _evenly_drawn(class_rows, n_new, rng)
    return vae.sample_posterior(rows[parent], seed=_seed(rng)), parent


def _from_interpolation(vae, rows, class_rows, n_new, rng):
    position = _evenly_drawn(np.arange(len(class_rows)), n_new, rng)
    steps = rng.integers(1, len(class_rows), size=n_new)
    partner = class_rows[(position + steps) % len(class_rows)]
    parent = class_rows[position]
    # At most halfway, so that the parent is the nearer code; pairs come in both orders.
    share = rng.uniform(0.0, 0.5, size=(n_new, 1))
    return vae.interpolate(rows[parent], rows[partner], share=share), parent


def _from_prior(vae, rows, class_rows, n_new, rng):  # noqa: ARG001 - one signature for all
    return vae.sample(n_new, seed=_seed(rng)), np.full(n_new, NO_PARENT)


_GENERATIONS = {
    "posterior": _from_posterior,
    "interpolation": _from_interpolation,
    "prior": _from_prior,
}


def _evenly_drawn(choices, n, rng):
    """Draw `n` of `choices`, each as often as any other or once more."""
    return np.resize(rng.permutation(choices), n)


def _seed(rng):
    return int(rng.integers(np.iinfo(np.int32).max))
