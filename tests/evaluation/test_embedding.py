"""t-SNE: the same picture every time, true to the codes, and clear about what it cannot draw."""

import builtins

import numpy as np
import pytest

from evaluation import embedding
from evaluation.embedding import EmbeddingUnavailableError, neighbour_agreement, tsne


@pytest.fixture(scope="module")
def codes():
    rng = np.random.default_rng(0)
    centres = rng.normal(scale=8, size=(3, 5))
    return np.concatenate([centre + rng.normal(size=(100, 5)) for centre in centres])


@pytest.fixture(scope="module")
def picture(codes):
    return tsne(codes, seed=1)


def test_the_same_codes_and_seed_give_the_same_picture(codes, picture):
    assert (picture.shape, picture.dtype) == ((300, 2), np.float32)
    np.testing.assert_array_equal(picture, tsne(codes, seed=1))
    np.testing.assert_array_equal(picture, tsne(codes, seed=1, n_jobs=2))
    assert not np.array_equal(picture, tsne(codes, seed=2))


def test_the_grid_for_many_rows_is_deterministic_too(codes, picture, monkeypatch):
    monkeypatch.setattr(embedding, "TREE_ROWS", 10)
    by_grid = tsne(codes, seed=1)
    np.testing.assert_array_equal(by_grid, tsne(codes, seed=1, n_jobs=2))
    assert not np.array_equal(by_grid, picture)  # another way to the same neighbours
    kept = [
        neighbour_agreement(codes, one, rng=np.random.default_rng(0)) for one in (by_grid, picture)
    ]
    assert kept[0] == pytest.approx(kept[1], abs=0.05)


def test_neighbours_are_never_approximate(monkeypatch):
    # Its neighbours depend on the number of threads, which shows from some thousand rows on.
    import openTSNE

    def build(*_):
        raise AssertionError("approximate search")

    monkeypatch.setattr(openTSNE.nearest_neighbors.Annoy, "build", build)
    tsne(np.random.default_rng(0).normal(size=(30, 2)))


def test_groups_stay_together(codes, picture):
    group = np.repeat([0, 1, 2], 100)
    distance = np.linalg.norm(picture[:, None] - picture[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (group[distance.argmin(axis=1)] == group).mean() == 1


def test_agreement_is_one_for_the_codes_and_chance_for_noise(codes, picture):
    def agreement(other):
        return neighbour_agreement(codes, other, rng=np.random.default_rng(0))

    noise = np.random.default_rng(5).normal(size=(300, 2))
    assert agreement(codes) == 1
    assert agreement(noise) == pytest.approx(15 / 299, abs=0.02)
    assert 0.4 < agreement(picture) < 1
    # 15 of 299 others, half of them taken over by hand.
    swapped = codes[:, :2].copy()
    assert agreement(swapped) < agreement(picture)


def test_rows_with_equal_codes_and_few_columns_are_drawn():
    repeated = np.repeat(np.random.default_rng(0).normal(size=(4, 1)), 15, axis=0)
    assert np.isfinite(tsne(repeated)).all()
    assert np.isfinite(tsne(repeated[::15])).all()


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((3, 2)), r"at least 4 rows, got shape \(3, 2\)"),
        (np.zeros(30), "shape"),
        (np.full((30, 2), 0.5), "same code.*encoder has collapsed.*vae.beta"),
        (np.where(np.eye(30)[:, :2] == 1, np.nan, 0.0), "finite, .* in row 0"),
    ],
)
def test_codes_that_cannot_be_drawn(codes, message):
    with pytest.raises(ValueError, match=message):
        tsne(codes)


def test_a_missing_library_is_named_with_the_cure(monkeypatch):
    real_import = builtins.__import__

    def without(name, *rest, **options):
        if name.split(".")[0] == "openTSNE":
            raise ImportError(name)
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EmbeddingUnavailableError, match=r"openTSNE is not installed.*pip install"):
        tsne(np.random.default_rng(0).normal(size=(30, 2)))
