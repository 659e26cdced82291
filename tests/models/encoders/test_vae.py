"""The VAE's formulas, generation and randomness."""

import keras
import numpy as np
import pytest

from models.encoders.training import TrainingSettings, train
from models.encoders.vae import TabularVAE


@pytest.fixture(scope="module")
def rows():
    """Two clusters in four dimensions."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.8, 0.8, -0.8, -0.8], [-0.8, -0.8, 0.8, 0.8]])
    return (centres[np.arange(300) % 2] + 0.1 * rng.normal(size=(300, 4))).astype("float32")


@pytest.fixture(scope="module")
def trained(rows):
    vae = TabularVAE(4, hidden_units=(16,), latent_dim=2, beta=0.1, seed=1)
    settings = TrainingSettings(epochs=60, batch_size=50, learning_rate=5e-3, seed=2)
    return vae, train(vae, rows, settings, x_validation=rows[:40])


def test_reference_network_has_29_16_6():
    vae = TabularVAE(29, output_activation="sigmoid", reconstruction_loss="binary_cross_entropy")
    kernels = [tuple(w.shape) for w in vae.trainable_variables if len(w.shape) == 2]
    assert sorted(kernels) == sorted([(29, 16), (16, 6), (16, 6), (6, 16), (16, 29)])
    assert vae.encoder.layers[0].activation is keras.activations.relu
    sample = np.asarray(vae.sample(50, seed=0))
    assert np.all((sample >= 0) & (sample <= 1))


def test_loss_is_summed_reconstruction_plus_weighted_kl(rows):
    vae = TabularVAE(4, hidden_units=(3,), latent_dim=2, seed=1)
    kernel = np.random.default_rng(0).normal(size=(3, 2))
    vae.log_var_head.kernel.assign(kernel)  # it starts at zero, where every deviation is 1
    losses = vae.row_losses(rows, seed=3, kl_weight=0.25)
    z_mean, z_log_var = (np.asarray(a) for a in vae.encode(rows))
    noise = np.asarray(keras.random.normal(z_mean.shape, seed=3))
    reconstruction = np.asarray(vae.decode(z_mean + np.sqrt(np.exp(z_log_var)) * noise))
    squared = ((rows - reconstruction) ** 2).sum(axis=1)
    kl = -0.5 * (1 + z_log_var - z_mean**2 - np.exp(z_log_var)).sum(axis=1)
    np.testing.assert_allclose(losses["reconstruction_loss"], squared, rtol=1e-4)
    np.testing.assert_allclose(losses["kl_loss"], kl, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(losses["loss"], squared + 0.25 * kl, rtol=1e-4)


def test_draws_have_the_deviation_that_the_log_variance_says():
    shape = (20_000, 1)
    z_mean, z_log_var = np.full(shape, 3.0, "float32"), np.full(shape, np.log(4.0), "float32")
    z = np.asarray(TabularVAE.draw_code(z_mean, z_log_var, seed=0))
    assert z.mean() == pytest.approx(3.0, abs=0.05)
    assert z.std() == pytest.approx(2.0, abs=0.05)


def test_training_lowers_the_loss_and_reports_its_parts(trained):
    _, history = trained
    assert set(history[0]) == {
        f"{part}{name}"
        for part in ("", "validation_")
        for name in ("loss", "reconstruction_loss", "kl_loss")
    }
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    last = history[-1]
    total = last["reconstruction_loss"] + 0.1 * last["kl_loss"]
    assert last["loss"] == pytest.approx(total, rel=1e-3)


def test_prior_samples_come_from_both_clusters(trained, rows):
    vae, _ = trained
    sample = np.asarray(vae.sample(400, seed=0))
    share_of_the_first = np.mean(sample[:, 0] > 0)
    assert 0.2 < share_of_the_first < 0.8
    np.testing.assert_allclose(sample.mean(axis=0), rows.mean(axis=0), atol=0.3)
    np.testing.assert_allclose(sample.std(axis=0), rows.std(axis=0), atol=0.3)


def test_posterior_samples_stay_in_the_cluster_of_their_row(trained, rows):
    vae, _ = trained
    same_row = np.repeat(rows[:1], 200, axis=0)
    sample = np.asarray(vae.sample_posterior(same_row, seed=0))
    assert np.mean(np.sign(sample[:, 0]) == np.sign(rows[0, 0])) > 0.95
    assert np.unique(sample, axis=0).shape[0] == 200  # each pass draws another code


def test_interpolation_ends_at_the_reconstructions(trained, rows):
    vae, _ = trained
    a, b = rows[:10], rows[10:20]
    np.testing.assert_allclose(vae.interpolate(a, b, share=0.0), vae(a), atol=1e-6)
    np.testing.assert_allclose(vae.interpolate(a, b, share=1.0), vae(b), atol=1e-6)


def test_interpolated_codes_lie_between_parents():
    # With a linear decoder, rows from between two codes lie between the parents' reconstructions.
    vae = TabularVAE(3, hidden_units=(), latent_dim=2, seed=4)
    a, b = np.random.default_rng(1).normal(size=(2, 50, 3)).astype("float32")
    x, ends = np.asarray(vae.interpolate(a, b, seed=1)), np.asarray([vae(a), vae(b)])
    assert np.all(x >= ends.min(axis=0) - 1e-5)
    assert np.all(x <= ends.max(axis=0) + 1e-5)
    assert not np.allclose(x, ends[0], atol=1e-3)


@pytest.mark.parametrize("arguments", [{}, {"seed": 1, "share": 0.5}])
def test_interpolation_needs_either_a_seed_or_a_share(arguments, rows):
    with pytest.raises(ValueError, match="either seed or share"):
        TabularVAE(4).interpolate(rows[:2], rows[2:4], **arguments)


def test_sampling_is_seeded_and_leaves_training_state_alone(trained, rows):
    vae, _ = trained
    before = np.asarray(vae.seed_generator.state)
    draws = [np.asarray(vae.sample(5, seed=s)) for s in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    np.testing.assert_array_equal(
        vae.sample_posterior(rows[:5], seed=1), vae.sample_posterior(rows[:5], seed=1)
    )
    np.testing.assert_array_equal(before, np.asarray(vae.seed_generator.state))


def test_beta_warms_up_linearly(rows):
    vae = TabularVAE(4, hidden_units=(3,), latent_dim=2, beta=2.0, beta_warmup_epochs=4, seed=1)
    weights = []
    train(
        vae, rows, TrainingSettings(epochs=6, batch_size=300),
        on_epoch=lambda epoch, metrics: weights.append(
            (metrics["loss"] - metrics["reconstruction_loss"]) / metrics["kl_loss"]
        ),
    )  # fmt: skip
    np.testing.assert_allclose(weights, [0, 0.5, 1.0, 1.5, 2.0, 2.0], atol=0.02)


@pytest.mark.slow
def test_a_larger_beta_pulls_codes_to_the_prior_and_a_collapse_is_named(rows, caplog):
    def kl(beta):
        vae = TabularVAE(4, latent_dim=2, beta=beta, seed=1)
        settings = TrainingSettings(epochs=20, batch_size=50, learning_rate=5e-3)
        return train(vae, rows, settings)[-1]["kl_loss"]

    small_beta = kl(0.01)
    assert "collapse" not in caplog.text
    assert kl(100.0) < 0.5 * small_beta
    assert "posterior collapse; lower beta" in caplog.text


@pytest.mark.slow
def test_equal_seeds_give_bit_equal_weights(rows):
    def weights(seed):
        vae = TabularVAE(4, hidden_units=(3,), latent_dim=2, seed=seed)
        train(vae, rows, TrainingSettings(epochs=2, batch_size=64, optimizer="rmsprop"))
        return np.concatenate([np.ravel(w) for w in vae.get_weights()])

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


def test_cross_entropy_refuses_rows_outside_0_1_and_other_outputs(rows):
    with pytest.raises(ValueError, match="output_activation='sigmoid'"):
        TabularVAE(4, reconstruction_loss="binary_cross_entropy")
    with pytest.raises(ValueError, match="reconstruction_loss must be one of"):
        TabularVAE(4, reconstruction_loss="mse")
    vae = TabularVAE(4, output_activation="sigmoid", reconstruction_loss="binary_cross_entropy")
    with pytest.raises(ValueError, match=r"rows in \[0, 1\].*min_max"):
        train(vae, rows, TrainingSettings(epochs=1))


def test_cross_entropy_trains_on_rows_in_0_1(rows):
    vae = TabularVAE(4, output_activation="sigmoid", reconstruction_loss="binary_cross_entropy")
    history = train(vae, (rows + 2) / 4, TrainingSettings(epochs=8, batch_size=50))
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.slow
def test_keras_fit_trains_it_too(rows):
    vae = TabularVAE(4, latent_dim=2, seed=1)
    vae.compile(optimizer="adam")
    history = vae.fit(rows, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
