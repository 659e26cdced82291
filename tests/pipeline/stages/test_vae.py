"""The stage `vae` on a tiny project: what it writes, and that its files agree."""

import numpy as np
import pandas as pd
import pytest

from models.saving import load_model

pytestmark = pytest.mark.slow


def test_every_file_is_written(trained_project):
    written = {path.name for path in trained_project.artifacts.folder("vae").iterdir()}
    assert written == {"vae.keras", "codes.npy", "losses.csv", "losses.png"}


def test_codes_are_the_posterior_means_of_all_rows(trained_project):
    model = load_model(trained_project.path("vae", "vae.keras"))
    codes = np.load(trained_project.path("vae", "codes.npy"))
    z_mean, _ = model.encode(trained_project.artifacts.scaled())
    assert codes.shape == (1000, 6)
    np.testing.assert_allclose(codes, z_mean, atol=1e-5)


def test_the_loss_is_the_sum_of_its_terms(trained_project):
    losses = pd.read_csv(trained_project.path("vae", "losses.csv"))
    parts = {"reconstruction_loss", "kl_loss"}
    assert parts <= set(losses.columns)
    assert losses["epoch"].tolist() == [0, 1]
    # Validation rows are scored at the full weight of the KL term, whatever the warm-up.
    by_hand = losses["validation_reconstruction_loss"] + 0.01 * losses["validation_kl_loss"]
    np.testing.assert_allclose(losses["validation_loss"], by_hand, rtol=1e-4)
    assert losses["validation_loss"].is_monotonic_decreasing
