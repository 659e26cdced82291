"""A lent trainer gives what a new one gives, without tracing its epoch again."""

import numpy as np
import pytest

from models.classifier import SGANClassifier
from models.encoders.autoencoder import TabularAutoencoder
from models.sgan.lending import N_KEPT, forget_trainers, lent_trainer
from models.sgan.model import SGAN
from models.sgan.training import SGANTrainer, SGANTrainingSettings

SETTINGS = SGANTrainingSettings(steps_per_epoch=3, batch_size=8, unsupervised_batch_size=8)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype("float32")
Y = (RNG.random(120) < 0.3).astype(int)


@pytest.fixture(autouse=True)
def nothing_kept():
    forget_trainers()
    yield
    forget_trainers()


def network(seed=1, units=(4,), **options):
    return SGAN(
        4, 2, generator_units=units, discriminator_units=units, noise_dim=2, seed=seed, **options
    )


def fitted(autoencoder=None, rows=X, **options):
    settings = {
        "n_members": 2, "epochs": 2, "steps_per_epoch": 5, "batch_size": 16, "noise_dim": 2,
        "generator_units": (4,), "discriminator_units": (4,), "dropout": 0.3, "random_state": 0,
    }  # fmt: skip
    return SGANClassifier(autoencoder, **settings | options).fit(rows, Y)


def encoder(seed):
    """Encoders of one shape, and weights by the seed."""
    model = TabularAutoencoder(4, hidden_units=(3,), latent_dim=2, seed=1)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    return model


def assert_equal_weights(a, b):
    for one, other in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def made(monkeypatch):
    """The trainers that are made: one for fits that share their graph."""
    trainers, make = [], SGANTrainer.__init__

    def counted(self, *arguments):
        trainers.append(self)
        make(self, *arguments)

    monkeypatch.setattr(SGANTrainer, "__init__", counted)
    return trainers


@pytest.mark.parametrize(
    "options",
    [{}, {"normalization": "batch", "optimizer": "rmsprop"}, {"spectral_norm": True}],
    ids=str,
)
def test_a_second_fit_gives_what_it_gives_by_itself(options, made):
    alone = fitted(encoder(2), X[::-1], **options)
    forget_trainers()
    fitted(encoder(1), **options)
    after_another = fitted(encoder(2), X[::-1], **options)
    assert len(made) == 2
    assert_equal_weights(after_another.model_, alone.model_)
    assert_equal_weights(after_another.last_model_, alone.last_model_)


def test_a_later_fit_leaves_an_earlier_one_as_it_was(made):
    former_encoder = encoder(1)
    former = fitted(former_encoder)
    models = (former.model_, former.last_model_, former_encoder)
    kept = [model.get_weights() for model in models]
    fitted(encoder(2), X[::-1])
    assert len(made) == 1
    for model, weights in zip(models, kept, strict=True):
        for one, other in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, other)


def test_equal_shapes_are_traced_once_whatever_the_seed_of_the_draws():
    traced = []
    for seed in (1, 2):
        with lent_trainer(SGANTrainer, network(), SETTINGS, seed) as trainer:
            traced.append(trainer)
    assert traced[0] is traced[1]


def test_the_seed_of_the_draws_counts():
    positions = []
    for seed in (1, 2, 1):
        with lent_trainer(SGANTrainer, network(), SETTINGS, seed) as trainer:
            trainer.random.begin_step()
            positions.append(trainer.random.positions((50,), 1000).numpy())
    assert (positions[0] == positions[2]).all()
    assert (positions[0] != positions[1]).any()


@pytest.mark.parametrize("change", [{"seed": 2}, {"units": (5,)}, {"dropout": 0.5}])
def test_another_network_gets_another_trainer(change):
    with lent_trainer(SGANTrainer, network(), SETTINGS, 1) as trainer:
        pass
    with lent_trainer(SGANTrainer, network(**change), SETTINGS, 1) as another:
        assert another is not trainer


def test_two_who_ask_at_once_get_two():
    with (
        lent_trainer(SGANTrainer, network(), SETTINGS, 1) as one,
        lent_trainer(SGANTrainer, network(), SETTINGS, 1) as other,
    ):
        assert one is not other


def test_a_trainer_that_failed_is_not_lent_again():
    with (
        pytest.raises(ZeroDivisionError),
        lent_trainer(SGANTrainer, network(), SETTINGS, 1) as failed,
    ):
        raise ZeroDivisionError
    with lent_trainer(SGANTrainer, network(), SETTINGS, 1) as trainer:
        assert trainer is not failed


def test_only_the_last_few_are_kept():
    lent = []
    for units in [(3,), *[(4 + i,) for i in range(N_KEPT)], (3,)]:
        with lent_trainer(SGANTrainer, network(units=units), SETTINGS, 1) as trainer:
            lent.append(trainer)
    assert lent[-1] is not lent[0]
