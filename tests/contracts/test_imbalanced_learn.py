"""Every sampler of ours passes imbalanced-learn's own checks."""

import pytest
from imblearn.utils.estimator_checks import estimator_checks_generator

from features.gan_oversampling import GANOverSampler
from features.oversampling import VAEOverSampler

pytestmark = pytest.mark.slow

SMALL = {"hidden_units": (4,), "latent_dim": 2, "epochs": 1, "batch_size": 500, "random_state": 0}
SMALL_GAN = {
    "generator_units": (4,), "discriminator_units": (4,), "epochs": 1, "steps_per_epoch": 2,
    "batch_size": 8, "random_state": 0,
}  # fmt: skip

# Estimator and the checks it is expected to fail, each with its reason. Samplers get the checks of
# samplers, classifiers those for labels.
ESTIMATORS = [
    (VAEOverSampler(**SMALL), {}),
    (GANOverSampler(**SMALL_GAN), {}),
]
# imbalanced-learn's own decorator hands pytest a generator, which pytest 9 warns about.
CHECKS = [
    pair
    for estimator, failures in ESTIMATORS
    for pair in estimator_checks_generator(estimator, expected_failed_checks=failures, mark="xfail")
]


def name_of(value):
    return value.func.__name__ if hasattr(value, "func") else type(value).__name__


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name_of)
def test_passes_imbalanced_learns_check(estimator, check):
    check(estimator)
