"""The SGAN of the reference configuration as its usual Keras loop: four calls from Python a step.

Generator 10-16-32-29, discriminator 29-31-16 with a sigmoid head (real or fake) and a softmax
head (genuine, fraud, fake). A step takes half batches of 64 labelled rows and 64 fakes through
``generator.predict`` and three ``train_on_batch``: discriminator on real rows, discriminator on
fakes, and generator through a discriminator that stands still.
"""

import keras
import numpy as np

N_FEATURES, NOISE_DIM, HALF_BATCH = 29, 10, 64
GENUINE, FRAUD, FAKE = 0, 1, 2
REAL = 1.0
# Real classes count twice a fake one (a half batch of fakes is one class, of real rows two).
CLASS_WEIGHT = np.array([2.0, 2.0, 1.0], np.float32) / HALF_BATCH


class ReferenceLoop:
    """The networks of the reference configuration and their training step.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, 29)
        Scaled transactions.
    labels : ndarray of shape (n_rows,), values in {0, 1}
        1 marks fraud; both classes must be there.
    seed : int
        Of weights, dropout, batches and noise.
    """

    def __init__(self, rows, labels, seed=0):
        self.rows = np.asarray(rows, np.float32)
        self.pools = [np.flatnonzero(np.asarray(labels) == label) for label in (GENUINE, FRAUD)]
        self.rng = np.random.default_rng(seed)
        self.generator = build_generator(seed)
        self.discriminator = build_discriminator(seed + 100)
        self.discriminator.compile(
            optimizer=_optimizer(),
            loss=["binary_crossentropy", "sparse_categorical_crossentropy"],
            loss_weights=[0.5, 0.5],
        )
        # Keras asks which weights learn when a model takes its first step: the discriminator
        # does so before it is frozen, the generator's model after.
        self.train_on_real()
        self.discriminator.trainable = False
        noise = keras.Input((NOISE_DIM,))
        is_real, _ = self.discriminator(self.generator(noise))
        self.combined = keras.Model(noise, is_real, name="combined")
        self.combined.compile(optimizer=_optimizer(), loss="binary_crossentropy")

    def step(self):
        """Train the discriminator on real rows and on fakes, then the generator."""
        self.train_on_real()
        self.train_on_fakes()
        self.train_generator()

    def train_on_real(self):
        """Teach the discriminator 64 labelled rows, half of them frauds."""
        chosen = np.concatenate([self.rng.choice(pool, HALF_BATCH // 2) for pool in self.pools])
        self._teach(self.rows[chosen], REAL, np.repeat([GENUINE, FRAUD], HALF_BATCH // 2))

    def train_on_fakes(self):
        """Teach the discriminator 64 fakes."""
        fakes = self.generator.predict(self._noise(), verbose=0)
        self._teach(fakes, 1.0 - REAL, np.full(HALF_BATCH, FAKE))

    def train_generator(self):
        """Teach the generator to pass 64 fakes off as real."""
        self.combined.train_on_batch(self._noise(), np.full((HALF_BATCH, 1), REAL, np.float32))

    def _teach(self, rows, is_real, labels):
        targets = [np.full((HALF_BATCH, 1), is_real, np.float32), labels]
        weights = [np.ones(HALF_BATCH, np.float32), CLASS_WEIGHT[labels]]
        self.discriminator.train_on_batch(rows, targets, sample_weight=weights)

    def _noise(self):
        return self.rng.normal(size=(HALF_BATCH, NOISE_DIM)).astype(np.float32)


def build_generator(seed):
    """Noise to rows: 10-16-32-29, leaky ReLU and batch normalisation, tanh."""
    model = keras.Sequential([keras.Input((NOISE_DIM,))], name="generator")
    for i, units in enumerate((16, 32)):
        model.add(_dense(units, seed + i))
        model.add(keras.layers.LeakyReLU(negative_slope=0.2))
        model.add(keras.layers.BatchNormalization(momentum=0.8))
    model.add(_dense(N_FEATURES, seed + 2, activation="tanh"))
    return model


def build_discriminator(seed):
    """Rows to the chance of being real and the chances of genuine, fraud, fake: 29-31-16."""
    rows = keras.Input((N_FEATURES,))
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(_dense(31, seed)(rows))
    hidden = keras.layers.BatchNormalization(momentum=0.8)(hidden)
    hidden = keras.layers.Dropout(0.25, seed=seed + 1)(hidden)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(_dense(16, seed + 2)(hidden))
    is_real = _dense(1, seed + 3, activation="sigmoid")(hidden)
    classes = _dense(3, seed + 4, activation="softmax")(hidden)
    return keras.Model(rows, [is_real, classes], name="discriminator")


def _dense(units, seed, **options):
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, **options)


def _optimizer():
    return keras.optimizers.Adam(2e-4, beta_1=0.5)
