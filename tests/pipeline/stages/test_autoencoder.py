"""The stage `autoencoder` on a tiny project: what it writes, and that its files agree."""

import numpy as np
import pandas as pd
import pytest

from models.saving import load_model

pytestmark = pytest.mark.slow


def test_every_file_is_written(trained_project):
    written = {path.name for path in trained_project.artifacts.folder("autoencoder").iterdir()}
    pictures = {"losses", "reconstruction", "codes_tsne"}
    assert written == {
        "autoencoder.keras", "codes.npy", "reconstruction_error.npy",
        *(f"{name}.{suffix}" for name in pictures for suffix in ("png", "csv")),
    }  # fmt: skip


def test_codes_and_errors_are_those_of_the_saved_model_for_all_rows(trained_project):
    model = load_model(trained_project.path("autoencoder", "autoencoder.keras"))
    rows = trained_project.artifacts.scaled()
    codes = np.load(trained_project.path("autoencoder", "codes.npy"))
    errors = np.load(trained_project.path("autoencoder", "reconstruction_error.npy"))
    assert (codes.shape, errors.shape) == ((1000, 12), (1000,))
    np.testing.assert_allclose(codes, model.encode(rows), atol=1e-5)
    by_hand = ((rows - np.asarray(model(rows))) ** 2).mean(axis=1)
    np.testing.assert_allclose(errors, by_hand, rtol=1e-3, atol=1e-6)


def test_losses_of_both_parts_fall(trained_project):
    losses = pd.read_csv(trained_project.path("autoencoder", "losses.csv"))
    assert list(losses.columns) == ["epoch", "training_loss", "validation_loss"]
    assert losses["epoch"].tolist() == [0, 1]
    assert (losses.diff().iloc[1, 1:] < 0).all()


def test_the_picture_of_a_row_shows_a_labelled_training_fraud(trained_project):
    numbers = pd.read_csv(trained_project.path("autoencoder", "reconstruction.csv"))
    label = trained_project.artifacts.transactions()["Class"].to_numpy() == 1
    frauds = np.flatnonzero(trained_project.rows_of("train", is_labelled=True) & label)
    rows = trained_project.artifacts.scaled()[frauds]
    shown = numbers.select_dtypes("number").iloc[:, 0].to_numpy()
    assert np.isclose(rows, shown, atol=1e-5).all(axis=1).any()


def test_pictured_codes_are_labelled_training_rows(trained_project):
    pictured = pd.read_csv(trained_project.path("autoencoder", "codes_tsne.csv"))["row_id"]
    known = np.flatnonzero(trained_project.rows_of("train", is_labelled=True))
    assert pictured.tolist() == known.tolist()


def test_no_more_rows_are_pictured_than_asked_for_and_frauds_are_half_of_them(
    trained_project, tmp_path
):
    fewer = trained_project.copy(tmp_path / "project")
    fewer.run("autoencoder", autoencoder__n_pictured_rows=60)
    pictured = pd.read_csv(fewer.path("autoencoder", "codes_tsne.csv"))["row_id"]
    known = np.flatnonzero(fewer.rows_of("train", is_labelled=True))
    label = fewer.artifacts.transactions()["Class"].to_numpy()
    assert len(set(pictured)) == 60
    assert set(pictured) <= set(known)
    assert label[pictured].sum() == 30
