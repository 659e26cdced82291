"""What a training step of the SGAN draws."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from models.sgan.batches import (
    Randomness,
    Replay,
    RowPools,
    draw_labelled,
    fraud_rate_of_draws,
    n_frauds_in_batch,
)


@dataclass
class Settings:
    batch_size: int = 4000
    fraud_share: float | None = 0.25
    pseudo_label_weight: float = 0.5


def positions(*values):
    return tf.constant(np.array(values, np.int32))


@pytest.fixture
def pools():
    """Row i holds i: 0-3 labelled genuine, 4-5 labelled frauds, 6-9 and 10-17 pseudo-labelled."""
    return RowPools(
        rows=tf.constant(np.arange(18, dtype=np.float32)[:, None]),
        genuine=positions(0, 1, 2, 3),
        fraud=positions(4, 5),
        pseudo=positions(*[0] * 20),
        n_pseudo_genuine=tf.constant(0),
        n_pseudo_fraud=tf.constant(0),
        real=positions(*range(18)),
    ).with_pseudo_labels(range(6, 10), range(10, 18))


@pytest.fixture
def random():
    return Randomness(seed=3, step=tf.Variable(0, dtype=tf.int64))


def drawn(random, pools, settings, n_members=2):
    rows, labels = draw_labelled(random, pools, n_members, settings)
    return rows.numpy()[..., 0].astype(int), labels.numpy()


def test_labels_are_those_of_the_rows(random, pools):
    rows, labels = drawn(random, pools, Settings())
    assert set(rows[labels == 1]) == {4, 5, *range(10, 18)}
    assert set(rows[labels == 0]) == {*range(4), *range(6, 10)}
    assert labels.mean(axis=1).tolist() == [0.25, 0.25]


def test_a_pseudo_labelled_row_is_drawn_half_as_often_as_a_labelled_one(random, pools):
    rows, _ = drawn(random, pools, Settings(batch_size=40_000))
    counts = np.bincount(rows.ravel(), minlength=18)
    assert counts[6:10].mean() == pytest.approx(0.5 * counts[:4].mean(), rel=0.05)
    assert counts[10:].mean() == pytest.approx(0.5 * counts[4:6].mean(), rel=0.05)


def test_without_pseudo_labels_only_labelled_rows_are_drawn(random, pools):
    empty = pools.with_pseudo_labels([], [])
    assert set(drawn(random, empty, Settings())[0].ravel()) == set(range(6))
    off = drawn(random, pools, Settings(pseudo_label_weight=0.0))[0]
    assert set(off.ravel()) == set(range(6))


def test_pools_keep_their_shapes_whatever_passes_for_labelled(pools):
    fewer = pools.with_pseudo_labels([7], [])
    assert [value.shape for value in fewer] == [value.shape for value in pools]
    with pytest.raises(ValueError, match="could not broadcast"):
        pools.with_pseudo_labels(range(15), range(15))


def test_frauds_as_they_come(random, pools):
    settings = Settings(fraud_share=None, batch_size=40_000)
    rows, labels = drawn(random, pools, settings)
    assert set(rows[labels == 1]) == {4, 5, *range(10, 18)}
    assert set(rows[labels == 0]) == {*range(4), *range(6, 10)}
    counts = np.bincount(rows.ravel(), minlength=18)
    assert counts[:6].mean() == pytest.approx(2 * counts[6:].mean(), rel=0.05)
    # 2 labelled frauds and 8 of half the weight, against 4 genuine rows and 4 of half the weight.
    assert fraud_rate_of_draws(pools, settings) == 0.5
    assert labels.mean() == pytest.approx(0.5, abs=0.02)


def test_frauds_as_they_come_without_pseudo_labels(random, pools):
    empty = pools.with_pseudo_labels([], [])
    settings = Settings(fraud_share=None)
    rows, labels = drawn(random, empty, settings)
    assert set(rows[labels == 1]) == {4, 5}
    assert labels.mean() == pytest.approx(2 / 6, abs=0.03)
    assert fraud_rate_of_draws(empty, settings) == 2 / 6


def test_the_rate_of_draws_is_that_of_whole_frauds_in_a_batch(pools):
    assert fraud_rate_of_draws(pools, Settings(batch_size=32, fraud_share=0.1)) == 3 / 32


def test_members_and_steps_draw_differently_and_a_step_always_the_same(random, pools):
    first, _ = drawn(random, pools, Settings())
    assert not np.array_equal(first[0], first[1])
    random.begin_step()
    np.testing.assert_array_equal(drawn(random, pools, Settings())[0], first)
    random.begin_step()
    random.step.assign_add(1)
    assert not np.array_equal(drawn(random, pools, Settings())[0], first)


def test_a_batch_has_a_row_of_each_class():
    assert [n_frauds_in_batch(4, share) for share in (0.01, 0.5, 0.99)] == [1, 2, 3]


def test_replay_gives_back_fakes_of_earlier_steps(random):
    replay = Replay(n_members=1, n_rows=2, n_features=1)
    for step in range(3):
        replay.keep(tf.fill((1, 5, 1), float(step + 1)), tf.constant(step, tf.int64))
    seen = {float(replay.draw(random, tf.constant(3, tf.int64))[0, 0, 0]) for _ in range(40)}
    assert seen == {1.0, 2.0, 3.0}
