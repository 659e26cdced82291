"""Every estimator of ours passes scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from features.latent import AutoencoderFeatures, VAEFeatures

pytestmark = pytest.mark.slow

SMALL = {"epochs": 1, "latent_dim": 2, "random_state": 0}

# Estimator and the checks it is expected to fail, each with its reason.
ESTIMATORS = [
    (AutoencoderFeatures(**SMALL), {}),
    (VAEFeatures(hidden_units=(4,), **SMALL), {}),
]
EXPECTED_FAILURES = {type(estimator): failures for estimator, failures in ESTIMATORS}


@parametrize_with_checks(
    [estimator for estimator, _ in ESTIMATORS],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES[type(estimator)],
    xfail_strict=True,
)
def test_passes_scikit_learns_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", [e for e, _ in ESTIMATORS], ids=lambda e: type(e).__name__)
def test_every_expected_failure_names_its_reason(estimator):
    assert all(len(reason) > 10 for reason in EXPECTED_FAILURES[type(estimator)].values())
