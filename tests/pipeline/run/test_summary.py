"""The closing summary: what it says, and that it fits a terminal."""

from pipeline.files.atomic import write_json
from pipeline.run.summary import summarize
from pipeline.stages.artifacts import Artifacts

FIGURES = {
    "average_precision": {"value": 0.8421, "low": 0.8012, "high": 0.8803},
    "f1": {"value": 0.85, "low": 0.8, "high": 0.9},
}


def test_summary_says_what_was_found_and_where_to_look(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    artifacts = Artifacts(tmp_path / "artifacts")
    artifacts.folder("evaluate").mkdir(parents=True)
    came = {"expected": 93.4, "low": 84, "high": 103, "observed": 95}
    top = {"expected": 88.2, "low": 80, "high": 96, "observed": 91}
    expected_frauds = {"all": came, "highest_1000": top}
    counts = {"n_frauds": 95, "n_caught": 81, "n_false_alarms": 1014, "chosen_epoch": 17}
    content = {
        "data": {"n_rows": 100000, "n_frauds": 167, "prevalence": 0.00167},
        "sgan": {**FIGURES, **counts, "expected_frauds": expected_frauds},
        "challengers": {"sgan_without_augmentation": FIGURES, "logistic_regression": {}},
    }
    write_json(content, artifacts.folder("evaluate") / "metrics.json")
    text = summarize(artifacts)
    assert max(map(len, text.splitlines())) <= 80
    for part in (
        "100,000 transactions, 167 frauds (0.167%); figures at 0.167%",
        "epoch 17 chosen on validation rows",
        "81 of 95 frauds caught, 1,014 false alarms",
        "0.842 (0.801-0.880)    0.850 (0.800-0.900)",
        "Predicted    93 frauds (84-103), 95 came; top 1,000: 88 (80-96), 91 came\n",
        "sgan without augmentation",
        "  artifacts/evaluate ",
        "make ui",
    ):
        assert part in text
    assert text.index("logistic regression") < text.index("sgan without augmentation")


def test_what_does_not_fit_beside_many_frauds_is_left_out(tmp_path):
    artifacts = Artifacts(tmp_path)
    artifacts.folder("evaluate").mkdir(parents=True)
    many = {"expected": 93_400.0, "low": 92_801, "high": 93_999, "observed": 93_123}
    expected_frauds = {"all": many, "highest_1000": many | {"observed": 17}}
    write_json({"sgan": {"expected_frauds": expected_frauds}}, tmp_path / "evaluate/metrics.json")
    text = summarize(artifacts)
    assert "Predicted    93,400 frauds (92,801-93,999), 93,123 came\n" in text
    assert "MLflow" in text
    assert "MLflow" not in summarize(artifacts, tracked=False)


def test_biased_pseudo_labels_that_taught_the_chosen_epoch_are_named(tmp_path):
    artifacts = Artifacts(tmp_path)
    artifacts.folder("evaluate").mkdir(parents=True)
    warnings = [
        {"epoch": epoch, "beside": beside, "reason": "x", "are_used": True}
        for epoch, beside in ((2, "labelled"), (2, "validation"), (5, "labelled"), (9, "labelled"))
    ]
    for chosen, words in ((1, ""), (4, "in 1 epoch ("), (7, "in 2 epochs (")):
        content = {"sgan": {"chosen_epoch": chosen, "pseudo_label_warnings": warnings}}
        write_json(content, tmp_path / "evaluate/metrics.json")
        text = summarize(artifacts)
        assert ("Warning      pseudo-labels look biased " + words in text) == bool(words)
        named = [line for line in text.splitlines() if "Warning" in line]
        assert len(named) == bool(words)
        assert all(len(line) <= 80 for line in named)


def test_there_is_no_summary_before_there_are_figures(tmp_path):
    assert summarize(Artifacts(tmp_path)) == ""
