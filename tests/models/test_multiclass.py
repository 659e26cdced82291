"""The SGAN of several classes: its heads by hand, convolutions, learning from few labels."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from models.multiclass import ClassPools, MulticlassSGANClassifier, MulticlassTrainer
from models.sgan.image_networks import ImageReader, ImageWriter
from models.sgan.layers import MemberConvolution
from models.sgan.model import SGAN
from models.sgan.networks import Discriminator
from models.sgan.training import SGANTrainingSettings

SHAPE = (8, 8, 1)
SMALL = {
    "n_members": 2, "epochs": 2, "steps_per_epoch": 30, "noise_dim": 8, "generator_units": (16,),
    "discriminator_units": (32,), "output_activation": "tanh", "learning_rate": 4e-3,
    "generator_learning_rate": 2e-3, "ema_decay": 0.98, "random_state": 0,
}  # fmt: skip
IMAGES = {"image_shape": SHAPE, "generator_units": (16, 8), "discriminator_units": (8, 16)}


@pytest.fixture(scope="module")
def digits():
    """Flattened images in [-1, 1] and their digits."""
    images, labels = load_digits(return_X_y=True)
    return (images / 8.0 - 1.0).astype("float32"), labels


@pytest.fixture(scope="module")
def few_labels(digits):
    """1,200 images of which ten of each digit are labelled; 500 others."""
    images, labels = digits
    shown = np.full(1200, -1)
    for digit in range(10):
        shown[np.flatnonzero(labels[:1200] == digit)[:10]] = digit
    return images[:1200], shown, images[1200:1700], labels[1200:1700]


# The heads


def test_real_or_fake_is_the_log_sum_exp_of_the_classes_less_the_fake_logit():
    discriminator = Discriminator((2,), 1, n_classes=3)
    discriminator.build((1, None, 2))
    discriminator.class_head.kernel.assign(np.zeros((1, 2, 4)))
    # Odds 1, 2 and 5 of the classes against 4 of fake: 8 to 4.
    discriminator.class_head.bias.assign(np.log([[[1.0, 2.0, 5.0, 4.0]]]))
    output = discriminator(np.ones((1, 1, 2), "float32"))
    np.testing.assert_allclose(np.exp(output.real_logit), [[2.0]], rtol=1e-6)
    assert output.class_logits.shape == (1, 1, 4)


def test_with_one_class_the_log_odds_of_real_are_a_difference_as_in_any_gan():
    discriminator = Discriminator((2,), 1, n_classes=1)
    discriminator.build((1, None, 2))
    output = discriminator(np.ones((1, 5, 2), "float32"))
    expected = output.class_logits[..., 0] - output.class_logits[..., 1]
    np.testing.assert_allclose(output.real_logit, expected, rtol=1e-6)


def test_class_losses_by_hand():
    """Fakes take no part among the classes, and the last class is theirs with a separate head."""
    logits = np.log(np.float32([[[1, 2, 5, 4]]]))
    trainers = {
        head: MulticlassTrainer(
            SGAN(2, 1, n_classes=3, discriminator_units=(2,), generator_units=(2,),
                 real_fake_head=head),
            SGANTrainingSettings(real_fake_head=head), seed=0,
        )
        for head in ("shared", "separate")
    }  # fmt: skip
    output = trainers["shared"].model.discriminate(np.ones((1, 1, 2), "float32"))
    output = output._replace(class_logits=tf.constant(logits))
    labels = tf.constant([[1]])
    shared = trainers["shared"]._class_loss(output, labels, output)
    np.testing.assert_allclose(shared, [np.log(8 / 2)], rtol=1e-6)
    separate = trainers["separate"]._class_loss(output, labels, output)
    np.testing.assert_allclose(separate, [np.log(12 / 2) + 0.5 * np.log(12 / 4)], rtol=1e-6)


def test_scores_are_log_odds_of_each_class_against_the_first(digits):
    images, _ = digits
    model = SGAN(64, 2, n_classes=4, discriminator_units=(8,), generator_units=(8,))
    logits = np.asarray(model.discriminate(images[None, :5]).class_logits)
    expected = np.swapaxes(logits[..., 1:4] - logits[..., :1], 0, 1)
    np.testing.assert_allclose(model.score_rows(images[:5]), expected, rtol=1e-5, atol=1e-6)


def test_two_classes_have_one_column_of_log_odds_a_member():
    model = SGAN(3, 2)
    rows = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    logits = np.asarray(model.discriminate(rows[None]).class_logits)
    assert logits.shape == (2, 7, 3)
    np.testing.assert_array_equal(model(rows), (logits[..., 1] - logits[..., 0]).T)


# Convolutions


def test_each_member_convolves_as_tensorflow_does_with_its_kernel():
    rows = np.random.default_rng(0).normal(size=(3, 4, 6, 6, 2)).astype("float32")
    layer = MemberConvolution(5, 3, 3, stride=2, seed=1)
    found = layer(rows).numpy()
    kernels = np.asarray(layer.kernel).reshape(3, 3, 3, 2, 5)
    for member in range(3):
        expected = tf.nn.conv2d(rows[member], kernels[member], 2, "SAME")
        np.testing.assert_allclose(found[member], expected, rtol=1e-5, atol=1e-5)
    shared = layer(rows[:1]).numpy()
    np.testing.assert_allclose(shared[0], found[0], rtol=1e-5, atol=1e-5)
    assert shared.shape == found.shape
    assert not np.allclose(shared[1], found[1])


def test_no_gradient_passes_between_members_of_a_convolution():
    layer = MemberConvolution(2, 3, upsampling=2, seed=1)
    rows = np.ones((3, 2, 4, 4, 1), "float32")
    layer.build(rows.shape)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(rows)[1]))
    gradient = tape.gradient(loss, layer.kernel.value).numpy()
    assert np.abs(gradient[1]).min() > 0
    assert not gradient[[0, 2]].any()


@pytest.mark.parametrize("shape", [(8, 8, 1), (6, 10, 3), (7, 5, 2)])
@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_images_are_written_and_read_in_their_shape(shape, normalization):
    n_features = int(np.prod(shape))
    model = SGAN(n_features, 2, image_shape=shape, generator_units=(4, 3),
                 discriminator_units=(3, 4, 5), normalization=normalization)  # fmt: skip
    assert isinstance(model.generator.stack, ImageWriter)
    assert isinstance(model.discriminator.stack, ImageReader)
    images = model.sample(3, seed=0)
    assert images.shape == (2, 3, n_features)
    assert model(images[0]).shape == (3, 2)


def test_all_pixels_share_one_scale(digits):
    images, _ = digits
    model = SGAN(64, 1, image_shape=SHAPE, generator_units=(4,), discriminator_units=(4,))
    model.fit_inputs(images, np.zeros(len(images), int))
    np.testing.assert_allclose(model.input_mean, np.full(64, images.mean()), rtol=1e-4)
    np.testing.assert_allclose(model.input_deviation, np.full(64, images.std()), rtol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [{"column_share": 0.5}, {"column_encoding": "piecewise_linear"}, {"image_shape": (8, 9, 1)}],
)
def test_what_makes_no_sense_of_pixels_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SGAN(64, 2, **{"image_shape": SHAPE, **wrong})


# The classifier


@pytest.fixture(scope="module", params=[{}, IMAGES], ids=["dense", "convolutional"])
def fitted(request, few_labels):
    images, labels, _, _ = few_labels
    return MulticlassSGANClassifier(**{**SMALL, **request.param, "epochs": 4}).fit(images, labels)


@pytest.mark.slow
def test_it_learns_ten_digits_from_a_hundred_labels(fitted, few_labels):
    *_, images, labels = few_labels
    assert fitted.score(images, labels) > 0.7  # guessing has 0.1
    np.testing.assert_allclose(fitted.predict_proba(images).sum(axis=1), 1.0, rtol=1e-6)


@pytest.mark.slow
def test_a_saved_classifier_scores_and_samples_the_same(fitted, few_labels, tmp_path):
    images = few_labels[2]
    fitted.save(tmp_path)
    loaded = MulticlassSGANClassifier.load(tmp_path)
    assert loaded.model_.settings == fitted.model_.settings
    np.testing.assert_array_equal(loaded.predict_proba(images), fitted.predict_proba(images))
    np.testing.assert_array_equal(loaded.sample(4, seed=1), fitted.sample(4, seed=1))
    assert loaded.classes_.dtype == fitted.classes_.dtype
    pd.testing.assert_frame_equal(loaded.history_, fitted.history_)
    with pytest.raises(ValueError, match="64 features"):
        loaded.predict(images[:, :10])


@pytest.mark.slow
def test_the_score_is_the_mean_of_the_members_log_odds(fitted, few_labels):
    unseen = few_labels[2]
    members = np.asarray(fitted.model_.score_rows(unseen), np.float64)
    assert members.shape == (len(unseen), 2, 9)
    assert not np.allclose(members[:, 0], members[:, 1])
    log_odds = np.log(fitted.predict_proba(unseen))
    np.testing.assert_allclose(
        log_odds[:, 1:] - log_odds[:, :1], members.mean(axis=1), rtol=1e-5, atol=1e-5
    )


@pytest.mark.slow
def test_equal_seeds_give_bit_equal_convolutional_networks(few_labels):
    images, labels, unseen, _ = few_labels
    settings = {**SMALL, **IMAGES, "epochs": 2, "steps_per_epoch": 5}
    first, second = (
        MulticlassSGANClassifier(**settings).fit(images, labels).predict_proba(unseen)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_without_the_game_it_is_a_supervised_net_whose_generator_rests(few_labels):
    images, labels, _, _ = few_labels
    settings = {**SMALL, **IMAGES, "epochs": 1, "unsupervised_weight": 0.0}
    classifier = MulticlassSGANClassifier(**settings).fit(images, labels)
    assert list(classifier.history_) == ["epoch", "member", "discriminator_loss"]


def test_labels_of_unlabelled_rows_are_never_drawn(few_labels):
    _, labels, _, _ = few_labels
    pools = ClassPools.of(np.zeros((len(labels), 2), "float32"), labels.astype("int32"))
    np.testing.assert_array_equal(pools.labels, labels[pools.labelled.numpy()])
    assert len(pools.labelled) == 100
    assert len(pools.real) == len(labels)


@pytest.mark.slow
def test_a_gan_of_one_class_moves_towards_the_images(digits):
    images, _ = digits
    gan = MulticlassSGANClassifier(**{**SMALL, **IMAGES, "batch_size": 1, "epochs": 3})
    gan.fit(images[:1000], np.zeros(1000, int))
    untrained = SGAN(**gan.model_.settings)

    def distance(model):
        return np.abs(model.sample(300, seed=0)[0].mean(axis=0) - images.mean(axis=0)).mean()

    assert distance(gan) < 0.5 * distance(untrained)
    assert (gan.predict(images[:9]) == 0).all()
    calm, lively = (gan.sample(200, seed=0, deviation=d)[0] for d in (0.3, 1.0))
    assert calm.std(axis=0).mean() < lively.std(axis=0).mean()


def test_rows_without_any_label_are_refused(few_labels):
    images = few_labels[0][:50]
    with pytest.raises(ValueError, match="needs labelled rows, got 50 rows labelled -1"):
        MulticlassSGANClassifier(**SMALL).fit(images, np.full(50, -1))
