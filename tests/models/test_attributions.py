"""Integrated gradients add up, are those of a slow implementation, and keep their axioms."""

import numpy as np
import pytest
import tensorflow as tf

from models import attributions
from models.attributions import integrated_gradients
from models.classifier import SGANClassifier
from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import TrainingSettings, train
from models.encoders.vae import TabularVAE
from models.sgan.model import SGAN

N_FEATURES = 6


@pytest.fixture(scope="module")
def rows():
    """Genuine rows, then frauds that lie apart in three columns."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(900, N_FEATURES)).astype("float32")
    rows[:, 4] = rows[:, 3] + 0.1 * rows[:, 4]
    rows[800:, :3] += [2.5, -2.0, 1.5]
    return rows


@pytest.fixture(scope="module")
def classifier(rows):
    """Three trained members that see all inputs there are, each its own share of the columns."""
    encoders = [TabularAutoencoder(N_FEATURES, latent_dim=3), TabularVAE(N_FEATURES, latent_dim=2)]
    for encoder in encoders:
        train(encoder, rows, TrainingSettings(epochs=3))
    labels = np.repeat([0, 1], [800, 100])
    classifier = SGANClassifier(
        *encoders, n_members=3, epochs=3, steps_per_epoch=60, discriminator_units=(32, 16),
        column_share=0.7, random_state=0,
    )  # fmt: skip
    classifier.fit(rows, labels)
    assert len(classifier.model_.inputs_used) == 3
    assert classifier.model_.encoding is not None
    return classifier


@pytest.fixture(scope="module")
def baseline(rows):
    return rows[0]


def by_hand(model, rows, baseline, weight, n_points):
    """The same integral, slowly: all of the network at every point, no shortcut."""
    columns = model.input_mean.shape[0]
    step = rows - baseline
    bins_at_baseline, bins_at_rows = (model.encoding(x[None]) for x in (baseline[None], rows))
    total = np.zeros(rows.shape)
    for share in (np.arange(n_points, dtype="float32") + 0.5) / n_points:
        at = tf.constant(baseline + share * step)
        bins = (1 - share) * bins_at_baseline + share * bins_at_rows
        with tf.GradientTape() as tape:
            tape.watch([at, bins])
            standardised = model.discriminator_inputs(at[None])[..., :columns]
            logits = model.discriminator(tf.concat([standardised, bins], -1)).class_logits
            score = tf.tensordot(weight, logits[..., 1] - logits[..., 0], 1)
        of_at, of_bins = tape.gradient(score, [at, bins])
        moved = (of_bins * (bins_at_rows - bins_at_baseline)).numpy()
        for of_member, seen in zip(moved, model.columns_seen, strict=True):
            of_column = of_member.reshape(len(rows), len(seen), -1).sum(axis=2)
            total[:, seen] += of_column / n_points
        total += (of_at * step).numpy() / n_points
    return total


def test_contributions_add_up_to_the_difference_of_the_served_score(classifier, rows, baseline):
    found = integrated_gradients(classifier.model_, rows, baseline, classifier.active_members_)

    score = classifier.decision_function(rows)
    difference = score - classifier.decision_function(baseline[None])
    np.testing.assert_allclose(found.difference, difference, rtol=1e-5, atol=1e-4)
    assert difference[800:].min() > 1
    error = np.abs(found.contributions.sum(axis=1) - difference)
    assert np.all(error <= np.maximum(0.01 * np.abs(difference), 0.011))
    assert np.all(error[800:] <= 0.0101 * difference[800:])


def test_they_are_those_of_a_slow_implementation(classifier, rows, baseline):
    weight = np.array([0.5, 0.0, 0.5], dtype="float32")
    slow = by_hand(classifier.model_, rows[790:810], baseline, weight, n_points=40)
    quick = integrated_gradients(
        classifier.model_, rows[790:810], baseline, weight > 0, n_points=40, most_points=40
    )
    np.testing.assert_allclose(quick.contributions, slow, rtol=1e-3, atol=1e-3)


def test_rows_that_miss_the_tolerance_get_more_points(classifier, rows, baseline):
    few, refined = (
        integrated_gradients(
            classifier.model_, rows, baseline, n_points=2, tolerance=0.005, most_points=most
        )
        for most in (2, 1024)
    )
    assert few.is_off(0.005).sum() > 100
    assert not refined.is_off(0.005).any()


def test_order_and_batches_of_rows_do_not_matter(classifier, rows, baseline, monkeypatch):
    at_once = integrated_gradients(classifier.model_, rows, baseline).contributions
    monkeypatch.setattr(attributions, "ROWS_PER_CALL", 250)
    reversed_rows = integrated_gradients(classifier.model_, rows[::-1], baseline).contributions
    np.testing.assert_allclose(reversed_rows[::-1], at_once, atol=1e-4)


def test_no_rows_and_the_baseline_itself(classifier, rows, baseline):
    none = integrated_gradients(classifier.model_, rows[:0], baseline)
    assert none.contributions.shape == (0, N_FEATURES)
    itself = integrated_gradients(classifier.model_, baseline[None], baseline)
    assert not itself.contributions.any()


@pytest.fixture
def plain():
    """An untrained network without encoders and bins: inputs are the columns themselves."""
    return SGAN(N_FEATURES, n_members=2, discriminator_units=(16, 8), seed=1)


def test_a_linear_model_gives_weight_times_distance(rows):
    model = SGAN(N_FEATURES, n_members=2, discriminator_units=(), seed=1)
    model.fit_inputs(rows, np.zeros(len(rows), int))
    kernel = model.discriminator.class_head.kernel.numpy()
    weight = (kernel[..., 1] - kernel[..., 0]).mean(axis=0) / model.input_deviation.numpy()
    found = integrated_gradients(model, rows, rows[0], n_points=1)
    np.testing.assert_allclose(found.contributions, weight * (rows - rows[0]), atol=1e-5)


def test_an_input_that_is_not_used_gets_nothing(plain, rows):
    first = plain.discriminator.stack.dense[0]
    kernel = first.kernel.numpy()
    kernel[:, 2] = 0.0
    first.kernel.assign(kernel)
    found = integrated_gradients(plain, rows, rows[0]).contributions
    assert not found[:, 2].any()
    assert np.abs(found[1:, [0, 1, 3, 4, 5]]).min(axis=1).max() > 0


def test_inputs_that_can_be_exchanged_get_the_same(plain, rows):
    first = plain.discriminator.stack.dense[0]
    kernel = first.kernel.numpy()
    kernel[:, 1] = kernel[:, 0]
    first.kernel.assign(kernel)
    alike = rows.copy()
    alike[:, 1] = alike[:, 0]
    found = integrated_gradients(plain, alike, alike[0]).contributions
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=1e-5)


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_every_kind_of_network_adds_up(rows, normalization):
    model = SGAN(
        N_FEATURES, n_members=2, discriminator_units=(16, 8), normalization=normalization,
        spectral_norm=True, column_encoding="piecewise_linear", column_share=0.5, seed=1,
    )  # fmt: skip
    model.fit_inputs(rows, np.repeat([0, 1], [800, 100]))
    assert not integrated_gradients(model, rows, rows[0]).is_off(0.01).any()
