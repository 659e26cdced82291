"""What a retraining does when parameters, people or a kill come between."""

import pytest

import pipeline.retrain.retrain as retraining
from pipeline.retrain.promotion import roll_back, verified_history
from pipeline.retrain.retrain import retrain
from pipeline.retrain.state import State
from pipeline.tracking.registry import Registry
from pipeline.tracking.server import connect, tracking_uri

pytestmark = pytest.mark.slow


def test_inputs_that_are_dropped_and_promotions_that_are_taken_back(
    folder, request_in, week, monkeypatch
):
    registry, state = Registry("counterfoil", tracking_uri(folder)), State(folder / "retraining")
    week(0, 3000).to_parquet(folder / "in" / "0.parquet")
    assert retrain(request_in(folder)).outcome == "promoted"

    # A challenge that was interrupted is not thrown away by a delivery that is refused.
    state.work("c" * 64).mkdir(parents=True)
    week(1, 3000).assign(Class=2).to_parquet(folder / "in" / "bad.parquet")
    assert retrain(request_in(folder)).outcome == "refused"
    assert state.work("c" * 64).is_dir()

    # Judged by other parameters the bad file would be refused once more.
    (folder / "in" / "bad.parquet").unlink()

    # The champion still scores rows of a challenger that has given up one of its inputs.
    week(1, 3000).to_parquet(folder / "in" / "1.parquet")
    fewer = request_in(folder, "data.ignored=[V5]")
    second = retrain(fewer)
    assert (second.outcome, second.facts.get("challenger")) == ("promoted", "2"), second
    gates = {gate["name"]: gate for gate in second.facts["gates"]}
    assert gates["frauds"]["found"] == second.facts["judged_on"]["n_frauds"] >= 10
    assert "average_precision" in gates
    files = connect(tracking_uri(folder)).list_artifacts(second.facts["retrain_run_id"])
    assert {file.path for file in files} == {"retrain.json", "compare.html"}

    # Killed after a promotion that a person then takes back: it is recorded, and not repeated.
    week(2, 3000).to_parquet(folder / "in" / "2.parquet")
    with monkeypatch.context() as patch:
        patch.setattr(retraining, "_record", lambda *_: pytest.exit("killed"))
        with pytest.raises(pytest.exit.Exception):
            retrain(fewer)
    assert registry.champion() == "3"
    roll_back(registry, state, reason="alarms")
    third = retrain(fewer)
    assert third.reason == "version 3 had been promoted already; version 2 is the champion"
    assert registry.champion() == "2"
    assert [entry["version"] for entry in verified_history(registry, state)] == ["1", "2", "3", "2"]
    assert retrain(fewer).outcome == "nothing_new"

    # Where there is a champion there were frauds: a window without any needs a person.
    lost = retrain(request_in(folder, "retrain.window_days=0.0001"))
    assert (lost.outcome, lost.exit_code) == ("refused", 30)
    assert "no fraud to learn from" in lost.reason
