"""The detector of unusual windows and the generators pass scikit-learn's own checks."""

import pytest
import tensorflow as tf
from sklearn.utils.estimator_checks import parametrize_with_checks

from features.generators import GANGenerator, VAEGenerator
from features.sequences import SequenceAnomalyDetector

pytestmark = pytest.mark.slow

SMALL = {"latent_dim": 3, "units": 8, "epochs": 1, "batch_size": 500, "random_state": 0}


@pytest.fixture
def without_compiling():
    """Run step by step: compiling takes seconds, and the checks fit some hundred times."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


# The checks give tables: for the detector each row is a window of one value a step.
ESTIMATORS = [
    SequenceAnomalyDetector(**SMALL),
    VAEGenerator(hidden_units=(4,), latent_dim=2, epochs=1, batch_size=500, random_state=0),
    GANGenerator(
        generator_units=(4,), discriminator_units=(4,), epochs=1, steps_per_epoch=2, batch_size=8,
        random_state=0,
    ),
]  # fmt: skip


ROUNDING = (
    "asks for scores equal to 1e-7, but the network works in float32, whose rounding may depend "
    "on the rows beside a row: 2e-6 was seen"
)
EXPECTED_FAILURES = {
    SequenceAnomalyDetector: dict.fromkeys(
        ("check_methods_subset_invariance", "check_methods_sample_order_invariance"), ROUNDING
    )
}


@pytest.mark.usefixtures("without_compiling")
@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator), {}),
    xfail_strict=False,  # another processor may round alike
)
def test_passes_scikit_learns_check(estimator, check):
    check(estimator)
