"""Layers with a member axis do for each member what one network would do alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.sgan.layers import MemberDense, MemberNormalization


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(3, 50, 4)).astype("float32")


def test_dense_equals_one_matrix_product_per_member(rows):
    layer = MemberDense(5, 3, seed=1)
    outputs = layer(rows).numpy()
    kernel, bias = np.asarray(layer.kernel), np.asarray(layer.bias)
    for member in range(3):
        expected = rows[member] @ kernel[member] + bias[member]
        np.testing.assert_allclose(outputs[member], expected, rtol=1e-5, atol=1e-6)


def test_members_start_from_different_weights_of_glorot_size(rows):
    layer = MemberDense(5, 3, seed=1)
    layer(rows)
    kernel = np.asarray(layer.kernel)
    assert not np.allclose(kernel[0], kernel[1])
    limit = np.sqrt(6 / (4 + 5))
    assert limit * 0.8 < np.abs(kernel).max() <= limit


def test_no_gradient_passes_between_members(rows):
    layer = MemberDense(2, 3, seed=1)
    layer.build(rows.shape)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(rows)[1]))
    gradient = tape.gradient(loss, layer.kernel.value).numpy()
    assert np.abs(gradient[1]).min() > 0
    assert not gradient[[0, 2]].any()


def test_spectral_norm_brings_the_largest_singular_value_to_one(rows):
    layer = MemberDense(5, 3, spectral_norm=True, seed=1)
    for _ in range(100):
        layer(rows, training=True)
    no_rows_of_bias = layer(np.broadcast_to(np.eye(4, dtype="float32"), (3, 4, 4))).numpy()
    largest = np.linalg.svd(no_rows_of_bias, compute_uv=False)[:, 0]
    np.testing.assert_allclose(largest, 1.0, rtol=1e-3)


def test_batch_normalisation_standardises_each_members_batch(rows):
    layer = MemberNormalization("batch", 3)
    outputs = layer(rows * 7 + 3, training=True).numpy()
    np.testing.assert_allclose(outputs.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(outputs.std(axis=1), 1, atol=1e-2)


def test_batch_normalisation_uses_moving_statistics_outside_training(rows):
    layer = MemberNormalization("batch", 3, momentum=0.0)
    in_training = layer(rows, training=True).numpy()
    np.testing.assert_allclose(layer(rows, training=False).numpy(), in_training, atol=1e-5)
    one_row = layer(rows[:, :1], training=False).numpy()
    np.testing.assert_allclose(one_row, in_training[:, :1], atol=1e-5)


def test_layer_normalisation_looks_at_one_row_only(rows):
    layer = MemberNormalization("layer", 3)
    outputs = layer(rows, training=True).numpy()
    np.testing.assert_allclose(outputs.mean(axis=2), 0, atol=1e-5)
    np.testing.assert_allclose(layer(rows[:, :1]).numpy(), outputs[:, :1], atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        MemberDense(5, 3, spectral_norm=True, seed=4),
        MemberNormalization("batch", 3, momentum=0.5),
    ],
)
def test_layers_are_rebuilt_from_their_configuration(layer):
    rebuilt = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert rebuilt.get_config() == layer.get_config()


def test_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match="'batch' or 'layer', got 'group'"):
        MemberNormalization("group", 3)


def test_a_masked_input_has_no_effect_on_its_member(rows):
    layer = MemberDense(4, rows.shape[0], masked=True, seed=1)
    layer.build(rows.shape)
    mask = np.ones((rows.shape[0], rows.shape[2], 1), "float32")
    mask[1, 0] = 0.0
    layer.input_mask.assign(mask)
    moved = rows.copy()
    moved[:, :, 0] += 5.0
    change = np.abs(np.asarray(layer(moved)) - np.asarray(layer(rows))).max(axis=(1, 2))
    assert change[1] == 0.0
    assert (np.delete(change, 1) > 0.1).all()
