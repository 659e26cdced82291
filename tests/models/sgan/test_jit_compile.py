"""Training that XLA compiles: the same steps, faster, from other random numbers."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.classifier import SGANClassifier
from models.sgan import training as sgan_training
from models.sgan.batches import Randomness
from models.sgan.fit import FitData
from models.sgan.layers import drop_units
from models.sgan.model import SGAN
from models.sgan.training import SGANTrainer, SGANTrainingSettings

N_FEATURES = 4
SMALL = {
    "n_members": 2, "epochs": 3, "steps_per_epoch": 5, "batch_size": 32,
    "unsupervised_batch_size": 16, "generator_units": (8,), "discriminator_units": (8,),
    "random_state": 0,
}  # fmt: skip


def partly_labelled():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, N_FEATURES)).astype("float32")
    y = (np.arange(600) % 6 == 0).astype(np.int32)
    X[y == 1] += 2.0
    return X, np.where(np.arange(600) % 2 == 0, y, -1)


def epoch_of(**settings):
    """Figures and weights after ten steps."""
    X, codes = partly_labelled()
    model = SGAN(
        N_FEATURES, 2, column_encoding="piecewise_linear", normalization="batch",
        discriminator_units=(16, 8), generator_units=(8,), dropout=0.0, seed=1,
    )  # fmt: skip
    trainer = SGANTrainer(model, SGANTrainingSettings(steps_per_epoch=10, **settings), seed=2)
    trainer.fit_inputs(X, codes)
    data = FitData(X, codes, np.zeros(len(X), bool), None)
    pools = data.pools().with_pseudo_labels(data.unlabelled()[:100], data.unlabelled()[100:130])
    metrics = trainer.run_epoch(pools, 0.05)
    return metrics, trainer.average.get_weights()


def parts_of(random, shape):
    return tf.cast(random.positions(shape, 2**20), tf.float32) / 2**20


@pytest.mark.parametrize("fraud_share", [None, 0.25])
def test_the_steps_are_those_of_the_plain_graph(monkeypatch, fraud_share):
    """From the same random numbers, ten steps differ by rounding only."""
    monkeypatch.setattr(sgan_training, "XLA_RANDOM", "philox")  # TensorFlow's choice on a CPU
    # XLA has its own ways from integers to uniform and normal numbers.
    monkeypatch.setattr(Randomness, "uniform", parts_of)
    monkeypatch.setattr(Randomness, "normal", lambda self, shape: 3 * parts_of(self, shape) - 1.5)
    settings = {"fraud_share": fraud_share, "unsupervised_weight": 0.5}
    of_graph, graph_weights = epoch_of(**settings)
    of_xla, xla_weights = epoch_of(**settings, jit_compile=True)
    for name, values in of_graph.items():
        np.testing.assert_allclose(of_xla[name], values, rtol=1e-3, atol=1e-4, err_msg=name)
    for one, other in zip(graph_weights, xla_weights, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-2, atol=1e-3)


def test_dropout_drops_and_keeps_the_mean():
    seeds = keras.random.SeedGenerator(3)
    compiled = tf.function(
        lambda x: [drop_units(x, 0.25, seeds, "threefry") for _ in range(2)],
        jit_compile=True, autograph=False,
    )  # fmt: skip
    first, second = (kept.numpy() for kept in compiled(tf.ones((2, 1000, 20))))
    assert set(np.unique(first)) == {0.0, np.float32(1 / 0.75)}
    assert (first == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, compiled(tf.ones((2, 1000, 20)))[0].numpy())


@pytest.mark.parametrize("images", [{}, {"image_shape": (2, 2, 1), "generator_units": (2,)}])
def test_dropout_has_the_random_numbers_of_the_trainer(images):
    model = SGAN(N_FEATURES, 1, **images)
    stacks = (model.generator.stack, model.discriminator.stack)
    for jit_compile, algorithm in ((True, "threefry"), (False, "auto_select")):
        trainer = SGANTrainer(model, SGANTrainingSettings(jit_compile=jit_compile), seed=0)
        assert {trainer.random.algorithm, *(s.random_algorithm for s in stacks)} == {algorithm}


def test_a_resumed_fit_ends_as_an_undisturbed_one(tmp_path):
    X, y = partly_labelled()
    jitted = {**SMALL, "jit_compile": True, "dropout": 0.2}
    undisturbed = SGANClassifier(**jitted).fit(X, y).decision_function(X)

    def stop(epoch, *_):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SGANClassifier(**jitted).fit(X, y, checkpoint_folder=tmp_path, on_epoch=stop)
    resumed = SGANClassifier(**jitted).fit(X, y, checkpoint_folder=tmp_path)
    np.testing.assert_array_equal(resumed.decision_function(X), undisturbed)
    of_another_seed = SGANClassifier(**{**jitted, "random_state": 1}).fit(X, y)
    assert np.abs(of_another_seed.decision_function(X) - undisturbed).max() > 0.01


def test_it_is_compiled_once_whatever_passes_for_labelled():
    """Compiled anew for every epoch, it would be slower than the plain graph."""
    code = (
        "from tests.models.sgan.test_jit_compile import *\n"
        "X, y = partly_labelled()\n"
        "fit = SGANClassifier(**SMALL, jit_compile=True).fit(X, y)\n"
        "print(*fit.ensemble_history_['n_pseudo_frauds'].dropna())\n"
    )
    logged = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "device_compiler=1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | logged, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    n_pseudo_frauds = done.stdout.split()
    assert len(set(n_pseudo_frauds)) == SMALL["epochs"] - 1
    assert done.stderr.count("Compilation of XLA executable time") == 1
