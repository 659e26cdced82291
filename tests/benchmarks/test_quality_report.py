import json
import re

import numpy as np
import pytest

from benchmarks.quality.jobs import figures_version
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.outcomes import Outcomes
from benchmarks.quality.report import write_report
from benchmarks.quality.studies import CONFIRMING, plan
from benchmarks.quality.tables import spread

QUALITY = {"sgan": 3.0, "xgboost": 2.0}  # how far frauds score above genuine rows
N_ROWS = 200


def made_up_line(job, data, average_precision):
    line = {
        "key": job.key(data), "job": job.name, "data": data, "split": job.split,
        "fit_seed": job.fit_seed, "versions": {"python": "3.11"}, "seconds": 12.0,
        "average_precision": average_precision, "recall_at_100_alerts": 0.8,
        "n_test": N_ROWS, "frauds_came": 20, "judged_by": figures_version(),
    }  # fmt: skip
    if job.study != "few_labels":
        line |= {"threshold": 0.5, "f1": 0.87, "n_caught": 15, "n_false_alarms": 3,
                 "calibration_slope": 1.0, "frauds_predicted": 20.0}  # fmt: skip
    if job.study == "steady":
        last = 0.9 if job.variant.name == "sgan" else 0.0
        line |= {"best_f1": 0.9, "last_f1": last, "n_collapses": 0, "curve": [0.5, 0.9, last],
                 "member_curves": [[0.5, 0.9, last]] * 3, "member_best_f1": [0.9] * 3,
                 "member_last_f1": [last] * 3}  # fmt: skip
    return line


def fill(ledger, jobs, data="data", quality=lambda job: QUALITY.get(job.variant.name, 1.0)):
    done = set()
    for number, job in enumerate(jobs):
        if job.key(data) in done:  # an equal fit of another study
            continue
        done.add(job.key(data))
        fold = job.split.get("fold", 0)
        rng = np.random.default_rng(fold)
        y = np.repeat([1, 0], [20, N_ROWS - 20])
        log_odds = quality(job) * (2 * y - 1) + rng.normal(size=N_ROWS)
        arrays = {
            "rows": np.arange(N_ROWS) + fold * N_ROWS,
            "y": y,
            "score": 1 / (1 + np.exp(-log_odds)),
            "weight": np.ones(N_ROWS),
        }
        precision = {"sgan": 0.88, "xgboost": 0.85}.get(job.variant.name, 0.8)
        ledger.add(made_up_line(job, data, precision + number % 2 / 1000), arrays)


@pytest.fixture(scope="module")
def small_plan():
    return plan(small=True, n_steady_seeds=2)


def report(tmp_path, jobs, ledger, **options):
    page = tmp_path / "docs" / "RESULTS.md"
    write_report(jobs, ledger, "data", page, command="make bench-quality", **options)
    return page.read_text()


def test_a_full_results_file_gives_every_table_and_picture(tmp_path, small_plan):
    ledger = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(ledger, small_plan)
    page = report(tmp_path, small_plan, ledger)
    assert "Not measured yet" not in page
    assert f"{len(small_plan)} of {len(small_plan)} jobs are done" in page
    for title in ("Targets", "Full labels", "Out of time", "Few labels", "Steadiness",
                  "Augmentation", "Habits of GAN training", "Calibration"):  # fmt: skip
        assert re.search(rf"^##+ {title}", page, re.MULTILINE), title
    counts = re.findall(r"^\| [^|]+ \| (\d+) of (\d+) \|", page, re.MULTILINE)
    assert counts
    assert all(n_done == n_planned for n_done, n_planned in counts)
    pictures = re.findall(r"\]\((images/results/[a-z_]+\.png)\)", page)
    assert len(pictures) == 3
    for picture in pictures:
        assert (tmp_path / "docs" / picture).stat().st_size > 5000
        assert (tmp_path / "docs" / picture).with_suffix(".csv").exists()
    assert str(tmp_path) not in page
    targets = page.split("## Protocol")[0]
    assert re.search(r"full labels, average precision \|.*\| yes", targets)
    assert re.search(r"gap to the best peer \|.*\| yes", targets)


def test_missed_targets_are_plain_to_see(tmp_path, small_plan):
    ledger = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    jobs = [job for job in small_plan if job.study == "full_labels"]
    fill(ledger, jobs)
    weak = {line["key"]: line for line in ledger.lines() if ": sgan (" in line["job"]}
    for line in weak.values():
        ledger.add({**line, "average_precision": 0.86, "f1": 0.8}, ledger.scores(line))
    targets = report(tmp_path, small_plan, ledger).split("## Protocol")[0]
    assert re.search(r"full labels, average precision \|.*\| \*\*no\*\*", targets)
    assert re.search(r"full labels, F1[^|]*\|.*\| \*\*no\*\*", targets)
    assert re.search(r"out of time[^|]*\|.*not measured", targets)


def test_the_best_generator_of_many_is_named_with_an_interval_for_their_number(
    tmp_path, small_plan, monkeypatch
):
    jobs = [job for job in small_plan if job.study == "augmentation"]
    references = {"none", "class_weight"}
    compared = {(j.setting, j.variant.name) for j in jobs if j.variant.name not in references}
    again = {name for setting, name in compared if setting == CONFIRMING}
    for better, met in (("gan", "yes"), ("none", r"\*\*no\*\*")):
        monkeypatch.setitem(QUALITY, better, 3.0)
        folder = tmp_path / better
        ledger = Ledger(folder / "quality.jsonl", folder / "scores")
        fill(ledger, jobs)
        targets = report(folder, small_plan, ledger).split("## Protocol")[0]
        n_first = len(compared) - len(again)
        line = re.search(rf"augmentation: gain.*best of {n_first} comparisons: (.*)", targets)
        assert re.search(rf"Bonferroni\) \| {met} \|", line[1])
        assert line[1].startswith("GAN, ")
        assert f"best of {len(again)} comparisons tried again on other rows: VAE " in line[1]


def test_a_gain_on_rows_that_did_not_choose_counts_by_itself(tmp_path, small_plan):
    """Only the two that are tried again are ahead, and only there."""
    jobs = [job for job in small_plan if job.study == "augmentation"]
    ledger = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(ledger, jobs, quality=lambda job: 3.0 if is_generated_against_time(job) else 1.0)
    targets = report(tmp_path, small_plan, ledger).split("## Protocol")[0]
    assert re.search(r"augmentation: gain.*Bonferroni\) \| yes \|", targets)


def is_generated_against_time(job):
    return job.setting == CONFIRMING and job.variant.name != "none"


def test_an_unfinished_target_says_how_much_is_done(tmp_path, small_plan):
    ledger = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(ledger, [j for j in small_plan if j.study == "full_labels" and j.split["fold"] == 0])
    targets = report(tmp_path, small_plan, ledger).split("## Protocol")[0]
    assert "yes (1 of 2 jobs)" in targets


def test_without_scores_the_means_remain(tmp_path, small_plan):
    full = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(full, [job for job in small_plan if job.study == "full_labels"])
    page = report(tmp_path, small_plan, Ledger(full.path, tmp_path / "elsewhere"))
    assert re.search(r"\| SGAN \| 2 of 2 \| 0\.88", page)
    assert "full_labels.png" not in page


def test_what_a_report_made_from_scores_stays_where_they_are_not(tmp_path, small_plan):
    full = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(full, small_plan)
    page = report(tmp_path / "first", small_plan, full)
    elsewhere = Ledger(full.path, tmp_path / "elsewhere")
    assert elsewhere.scores(elsewhere.lines()[0]) is None
    assert report(tmp_path / "second", small_plan, elsewhere) == page
    for picture in ("full_labels", "reliability", "steady"):
        csv = f"docs/images/results/{picture}.csv"
        assert (tmp_path / "second" / csv).read_text() == (tmp_path / "first" / csv).read_text()


@pytest.mark.parametrize("scores", ["scores", "elsewhere"])
def test_neither_scores_nor_what_was_kept_of_other_figures_are_shown(
    tmp_path, small_plan, scores
):  # fmt: skip
    """A line of one SGAN is replaced: its scores, and intervals with it, are of the former one."""
    full = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(full, [job for job in small_plan if job.study == "full_labels"])
    report(tmp_path, small_plan, full)
    kept = full.kept.path.read_text()
    for line in full.lines():
        if ": sgan (seed 0 fold 1" in line["job"]:
            full.add_line({**line, "average_precision": 0.5})
    page = report(tmp_path, small_plan, Ledger(full.path, tmp_path / scores))
    of_sgan, of_forest = (
        re.search(rf"^\| {name} \| 2 of 2 \|.*", page, re.MULTILINE)[0]
        for name in ("SGAN", "random forest")
    )
    assert of_sgan.endswith("| - | - |")
    assert not of_forest.endswith("| - | - |")
    assert "calibration slope on test rows | 0.8 to 1.25 in every seed | not measured" in page
    assert set(json.loads(full.kept.path.read_text())) == set(json.loads(kept))


def test_a_seed_whose_scores_are_missing_is_neither_renamed_nor_passed_over(tmp_path):
    jobs = plan(studies=["full_labels"], only=["sgan", "xgboost"])
    ledger = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(ledger, jobs)
    line = next(one for one in ledger.lines() if ": sgan (seed 1 fold 2" in one["job"])
    (ledger.scores_folder / f"{line['key']}.npz").unlink()
    page = report(tmp_path, plan(), ledger)
    calibration = page.split("### Calibration")[1]
    assert re.findall(r"^\| SGAN \| (\d) \|", calibration, re.MULTILINE) == ["0", "2"]
    assert re.findall(r"^\| XGBoost \| (\d) \|", calibration, re.MULTILINE) == ["0", "1", "2"]
    assert "calibration slope on test rows | 0.8 to 1.25 in every seed | not measured" in page


def test_figures_that_were_made_elsewhere_are_said_to_be(tmp_path, small_plan):
    full = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(full, [job for job in small_plan if job.study == "full_labels"])
    assert "made elsewhere" not in report(tmp_path, small_plan, full)
    kept = json.loads(full.kept.path.read_text())
    name = next(name for name in kept if name.startswith("calibration"))
    kept[name]["from"] = "a sheet of paper"
    full.kept.path.write_text(json.dumps(kept))
    page = report(tmp_path, small_plan, Ledger(full.path, tmp_path / "elsewhere"))
    assert "1 of the intervals and calibrations below were made elsewhere (a sheet of p" in page


def test_other_code_of_intervals_makes_them_anew(tmp_path, small_plan, monkeypatch):
    full = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(full, [job for job in small_plan if job.study == "full_labels"])
    report(tmp_path, small_plan, full)
    monkeypatch.setattr("benchmarks.quality.outcomes.code_version", lambda names: "later")
    page = report(tmp_path, small_plan, Ledger(full.path, tmp_path / "elsewhere"))
    assert re.search(r"^\| random forest \| 2 of 2 \|.*\| - \| - \|$", page, re.MULTILINE)


def test_results_of_other_code_are_left_out_unless_asked_for(tmp_path, small_plan):
    ledger = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    fill(ledger, [job for job in small_plan if job.study == "full_labels"], data="earlier")
    assert "0 of " in report(tmp_path, small_plan, ledger)
    accepted = report(tmp_path, small_plan, ledger, accept_stale=True)
    assert "results come from earlier code" in accepted
    assert Outcomes(small_plan, ledger, "data").found == []


def test_an_empty_results_file_gives_a_page_of_unmeasured_targets(tmp_path, small_plan):
    page = report(tmp_path, small_plan, Ledger(tmp_path / "none.jsonl", tmp_path / "scores"))
    targets = page.split("## Protocol")[0]
    assert targets.count("**not measured**") == len(re.findall(r"^\| [a-z]", targets, re.M)) - 1


def test_spread_is_the_sample_s():
    assert spread([0.1, 0.3]) == "0.200 ± 0.141"
    assert spread([0.1]) == "0.100"
