"""MLflow's own UI: F1 curves of two runs in one plot, and the report inside a run."""

import importlib.util
import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.params.sections import load_params
from pipeline.stages.artifacts import Artifacts
from pipeline.tracking.run import PipelineRun

_spec = importlib.util.spec_from_file_location("browsing", Path(__file__).parent / "browsing.py")
browsing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(browsing)

pytestmark = [browsing.needs_chromium, pytest.mark.slow]

REPOSITORY = Path(__file__).parents[3]
SECONDS = 60_000  # milliseconds; the UI is three megabytes of scripts on a busy machine
CURVES = ([0.5, 0.6, 0.7], [0.4, 0.8, 0.75])


@pytest.fixture
def runs(server, tmp_path, monkeypatch):
    """The nested SGAN runs of two pipeline runs: (name, id, id of the experiment)."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    params = load_params(REPOSITORY / "params.yaml", {"tracking.system_metrics": False})
    found = []
    for number, curve in enumerate(CURVES):
        artifacts = Artifacts(tmp_path / f"project{number}" / "artifacts")
        artifacts.root.mkdir(parents=True)
        with PipelineRun.open(params, artifacts.root.parent, "cpu", artifacts) as run:
            with run.stage("sgan") as tracker:
                for epoch, f1 in enumerate(curve):
                    tracker.log_metrics({"validation_f1": f1}, step=epoch)
            run.finish()
            nested = run.client.get_run(tracker.run_id)
            found.append((nested.info.run_name, tracker.run_id, run.experiment_id))
        time.sleep(1.1)  # parents are named by the second
    return found


def test_curves_of_two_runs_stand_in_one_plot_under_their_names(server, runs):
    ids = quote(json.dumps([run_id for _, run_id, _ in runs]))
    experiments = quote(json.dumps([runs[0][2]]))
    metric, metrics = (quote(json.dumps(of)) for of in ("validation_f1", ["validation_f1"]))
    place = f"runs={ids}&metric={metric}&experiments={experiments}&plot_metric_keys={metrics}"
    url = f"{server}/#/metric/?{place}"
    assert runs[0][0] != runs[1][0]
    with browsing.opened(url, width=1600) as (page, _):
        for name, *_ in runs:
            legend = f"{name} (validation_f1)"
            page.get_by_text(legend).first.wait_for(state="attached", timeout=SECONDS)
        text = page.inner_text("body")
    for curve in CURVES:
        assert f"{curve[-1]} (step=2)" in text  # the last epoch
        assert f"{min(curve)} (step=0)" in text


def test_the_report_opens_inside_a_run(server, compared, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    content = compared(n_resamples=100, experiment="comparisons")
    from mlflow import MlflowClient

    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("comparisons")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.tags["counterfoil.answer"] == content["answer"]
    difference = content["figures"]["average_precision"]["B"]["difference"]
    assert run.data.metrics["average_precision_B_minus_A"] == pytest.approx(difference)
    place = f"experiments/{experiment.experiment_id}/runs/{run.info.run_id}/artifacts/compare.html"
    with browsing.opened(f"{server}/#/{place}", width=1600) as (page, _):
        report = page.frame_locator("iframe")
        report.get_by_role("heading", level=1).wait_for(timeout=SECONDS)
        assert report.get_by_role("heading", level=1).inner_text() == content["answer"]
        # Scripts run in there: the explorer answers.
        report.get_by_label("Cost", exact=True).check()
        report.get_by_label("Cost of a false alarm").fill("3")
        assert "--cost-per-false-alarm 3" in report.locator("#command").inner_text()
