"""Each gate opens up to its limit and not beyond, by figures of other code."""

import numpy as np
import pytest

from evaluation.decisions import f1_at
from evaluation.metrics import prevalence_weights
from evaluation.ranking import average_precision
from pipeline.retrain.gates import Rows, failed, own_gates, paired_gates

METRICS = {"sgan": {"n_active_members": 3, "n_members": 3}}
FIDELITY = {"n_synthetic": 10, "ks": {"mean": 0.3}, "privacy": {"n_exact_copies": 0}}


def rows(rng, noise=0.0, *, n=4000, spread=3.0):
    # With a spread of 3 the scores are the probabilities that their making implies.
    label = (rng.random(n) < 0.05).astype(int)
    champion = rng.normal(3 * label - 3, 1)
    challenger = champion + rng.normal(0, noise, n)
    scores = [1 / (1 + np.exp(-spread * score)) for score in (champion, challenger)]
    return Rows(label, scores[1], scores[0], (0.5, 0.5), 0.01)


def names(gates):
    return {gate.name for gate in failed(gates)}


def test_an_equal_challenger_passes_and_a_worse_one_fails(rng, parameters):
    same = paired_gates(rows(rng), parameters.retrain, seed=0)
    assert names(same) == set()
    assert same[0].found == 0
    worse = paired_gates(rows(rng, noise=2.0), parameters.retrain, seed=0)
    assert "average_precision" in names(worse)


def test_the_margin_is_met_with_the_stated_confidence(rng, parameters):
    judged = rows(rng, noise=0.3)
    weight = prevalence_weights(judged.label, 0.01)
    difference = average_precision(judged.label, judged.challenger, weight) - average_precision(
        judged.label, judged.champion, weight
    )
    bounds = []
    for confidence in (0.6, 0.8, 0.99):
        limits = parameters.retrain.model_copy(update={"confidence": confidence})
        bounds.append(paired_gates(judged, limits, seed=0)[0].found)
    assert difference > bounds[0] > bounds[1] > bounds[2]
    bound = bounds[1]
    for margin, passes in ((bound - 1e-9, True), (bound + 1e-9, False)):
        limits = parameters.retrain.model_copy(update={"margin": margin})
        assert paired_gates(judged, limits, seed=0)[0].passed == passes


def test_f1_is_judged_at_the_own_thresholds(rng, parameters):
    judged = rows(rng)
    shifted = Rows(judged.label, judged.challenger, judged.champion, (0.9, 0.5), 0.01)
    gate = paired_gates(shifted, parameters.retrain, seed=0)[1]
    weight = prevalence_weights(judged.label, 0.01)
    loss = f1_at(judged.label, judged.champion, 0.5, weight) - f1_at(
        judged.label, judged.challenger, 0.9, weight
    )
    assert gate.found == pytest.approx(loss)


def test_a_handful_of_frauds_compares_nothing(rng, parameters):
    """With one fraud a model that is worse by far passes as often as not."""
    judged = rows(rng)
    few = np.append(np.flatnonzero(judged.label)[:9], np.flatnonzero(judged.label == 0))
    of_few = Rows(
        judged.label[few], judged.label[few].astype(float), judged.champion[few], (0.5, 0.5), 0.01
    )
    (gate,) = paired_gates(of_few, parameters.retrain, seed=0)
    assert (gate.name, gate.passed, gate.found, gate.limit) == ("frauds", False, 9, 10)
    none = Rows(np.zeros(3, int), np.zeros(3), np.zeros(3), (0.5, 0.5), 0.01)
    assert names(paired_gates(none, parameters.retrain, seed=0)) == {"frauds"}
    frauds = Rows(np.ones(12, int), np.ones(12), np.ones(12), (0.5, 0.5), 0.01)
    assert names(paired_gates(frauds, parameters.retrain, seed=0)) == {"frauds"}
    enough = parameters.retrain.model_copy(update={"min_frauds": 9})
    assert names(paired_gates(of_few, enough, seed=0)) == set()


def test_the_first_model_has_no_one_to_be_compared_with(rng, parameters):
    judged = rows(rng)
    alone = Rows(judged.label, judged.challenger, None, (0.5, 0.5), 0.01)
    assert paired_gates(alone, parameters.retrain, seed=0) == []


@pytest.mark.parametrize(
    ("metrics", "fidelity", "spread", "closed"),
    [
        ({}, {}, 3.0, set()),
        ({"n_active_members": 2}, {}, 3.0, {"collapse"}),
        ({}, {"ks": {"mean": 0.9}}, 3.0, {"fidelity"}),
        ({}, {"privacy": {"n_exact_copies": 1}}, 3.0, {"privacy"}),
        ({}, {}, 15.0, {"calibration_low"}),
        ({}, {}, 0.6, {"calibration_high"}),
    ],
)
def test_what_a_challenger_fails_by_itself(rng, parameters, metrics, fidelity, spread, closed):
    judged = rows(rng, spread=spread)
    found = own_gates(
        judged, {"sgan": METRICS["sgan"] | metrics}, FIDELITY | fidelity, parameters.retrain
    )
    assert names(found) == closed
    for gate in failed(found):
        assert f"{gate.limit:g}" in gate.words or gate.name == "collapse"


def test_without_synthetic_frauds_their_gates_are_no_question(rng, parameters):
    found = own_gates(rows(rng), METRICS, FIDELITY | {"n_synthetic": 0}, parameters.retrain)
    assert {gate.name for gate in found} == {"collapse", "calibration_low", "calibration_high"}
