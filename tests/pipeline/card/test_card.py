"""The model card says what the packaged model carries: the same numbers in every format."""

import copy
import doctest
import json
import re
import shutil
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from pipeline.__main__ import cli
from pipeline.card.command import card as card_command
from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import file_sha256, read_json, write_json
from pipeline.model import folder as model_folder
from pipeline.model.card import figures as model_card_figures
from pipeline.model.card import files as model_card_files
from pipeline.model.card import words as model_card_words
from pipeline.model.card.card import build_card, card_of, state_sha256
from pipeline.model.card.figures import METRICS, figures_at, reading
from pipeline.model.card.files import FORMATS, TEMPLATES, markdown, render
from pipeline.model.card.pages import sections
from pipeline.model.card.words import threshold_reason
from pipeline.model.evidence import FOLDER as EVIDENCE
from pipeline.model.evidence import ROWS, RUN
from pipeline.pages import numbers as model_card_numbers

REPOSITORY = Path(__file__).parents[3]
HOSTILE = "<script>alert(1)</script>|[x](javascript:y) `a` \u202e*b*\n# c"


class Page(HTMLParser):
    """What a browser would make of a page: tags, text of cells, and whether tags close."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.attributes = [], [], []
        self.rows, self.ids = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def model(trained_project):
    return trained_project.path("evaluate", "model")


@pytest.fixture(scope="module")
def metrics(trained_project):
    return read_json(trained_project.path("evaluate", "metrics.json"))


@pytest.fixture(scope="module")
def parts(model):
    """Manifest and run, which a card is made from."""
    return model_folder.read_manifest(model), read_json(model / EVIDENCE / RUN)


@pytest.fixture(scope="module")
def card(model):
    return card_of(model)


@pytest.fixture
def own(model, tmp_path):
    """A copy of the model to change."""
    return Path(shutil.copytree(model, tmp_path / "model"))


def with_threshold(folder, value):
    """Change the threshold as a command without retraining would."""
    manifest = read_json(folder / "model.json")
    manifest["threshold"] |= {"value": value, "rule": "alerts", "values": {"alerts_share": 0.02}}
    write_json(manifest, folder / "model.json")
    return folder


def command(*arguments):
    """Return what the command line prints; its errors are raised."""
    arguments = [str(argument) for argument in arguments]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    return result.output


def section_of(card, name):
    return next(section for section in sections(card) if section.name == name)


def cells(card, name):
    """Return every cell of the tables of a section."""
    return [cell for block in section_of(card, name).blocks for row in block.rows for cell in row]


def test_every_figure_is_that_of_metrics_json(card, metrics):
    of_sgan = metrics["sgan"]
    found = {one["name"]: one for one in card["results"]["metrics"]}
    assert set(found) == set(METRICS)
    for name, one in found.items():
        assert {key: one[key] for key in ("value", "low", "high")} == of_sgan[name]
    assert card["results"]["counts"].items() <= of_sgan.items()
    assert {one["name"] for one in card["challengers"]} == set(metrics["challengers"])
    for one in card["challengers"]:
        for difference in one["differences"]:
            expected = metrics["differences"][one["name"]][difference["name"]]
            assert expected.items() <= difference.items()
        f1 = next(figure for figure in one["metrics"] if figure["name"] == "f1")
        assert f1["low"] == metrics["challengers"][one["name"]]["f1"]["low"]
    assert card["calibration"]["slope_on_test_rows"] == of_sgan["calibration_slope"]
    assert card["calibration"]["expected_frauds"] == of_sgan["expected_frauds"]
    assert card["stability"]["members"] == of_sgan["members"]
    best = card["challengers"][0]["metrics"][0]["value"]
    assert best == max(one["average_precision"]["value"] for one in metrics["challengers"].values())


def test_data_and_split_are_those_of_the_run(card, trained_project):
    summary = trained_project.artifacts.data_summary()
    assert card["data"]["sha256"] == summary["sha256"]
    assert card["data"]["n_frauds"] == summary["n_frauds"] == 100
    split = read_json(trained_project.path("split", "split.json"))
    assert card["split"]["parts"] == split["parts"]
    assert card["split"]["label_budget"] == {"n_labelled_frauds": 48, "n_labelled_genuine": 200}
    assert card["versions"]["keras"]


def test_the_ablation_is_the_paired_difference_to_the_sgan_without_synthetic_frauds(card, metrics):
    expected = metrics["differences"]["sgan_without_augmentation"]
    found = {one["name"]: one["value"] for one in card["augmentation"]["ablation"]}
    assert found == {name: of["value"] for name, of in expected.items()}
    privacy = card["augmentation"]["fidelity"]["privacy"]
    assert f"{privacy['synthetic_to_real']['median']:.3f}" in cells(card, "augmentation")
    assert str(privacy["n_exact_copies"]) in cells(card, "augmentation")


def test_counts_stand_beside_rates(card, metrics):
    of_sgan = metrics["sgan"]
    text = render(card, "md")
    caught = f"{of_sgan['n_caught']} of {of_sgan['n_frauds']} frauds caught"
    assert text.count(caught) >= 2
    assert f"{of_sgan['n_false_alarms']} false alarm" in text
    assert f"{of_sgan['n_caught']} of {of_sgan['n_frauds']}" in cells(card, "challengers")


def test_the_guidance_of_today_is_named(card):
    for format in FORMATS:
        text = render(card, format)
        for name in ("SR 26-2", "OCC Bulletin 2026-13", "replaced SR 11-7 in April 2026",
                     "(EU) 2024/1689", "Annex III point 5(b)", "Article 22"):  # fmt: skip
            assert name in text.replace("\\", "")


def test_markdown_and_html_show_the_same_cells_which_are_the_numbers_of_the_json(card):
    laid_out = [
        list(map(str, row))
        for section in sections(card)
        for block in section.blocks
        if block.kind == "table"
        for row in [block.header, *block.rows]
    ]
    assert Page(render(card, "html")).rows == laid_out
    lines = [line for line in render(card, "md").splitlines() if line.startswith("| ")]
    shown = [line for line in lines if not re.fullmatch(r"[|: -]+", line)]
    assert shown == ["| " + " | ".join(map(markdown, row)) + " |" for row in laid_out]
    f1 = next(one for one in card["results"]["metrics"] if one["name"] == "f1")
    row = ["F1 at the threshold", f"{f1['value']:.3f}", f"{f1['low']:.3f} to {f1['high']:.3f}"]
    assert row in laid_out


def test_the_stored_card_is_the_one_that_the_model_gives_again(model, card, trained_project):
    for format in FORMATS:
        stored = (model / "card" / f"model_card.{format}").read_bytes()
        assert stored.decode() == render(card, format)
        assert trained_project.path("evaluate", f"model_card.{format}").read_bytes() == stored
    assert json.loads(render(card, "json")) == card
    files = model_folder.read_manifest(model)["files"]
    assert files["card/model_card.md"] == file_sha256(model / "card" / "model_card.md")


def test_the_page_is_whole_quiet_and_navigable(card):
    text = render(card, "html")
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert not re.search(r"https?://|url\(|@import", text), "needs the network"
    assert len(page.ids) == len(set(page.ids))
    links = {value[1:] for tag, name, value in page.attributes if (tag, name) == ("a", "href")}
    assert links == {section.name for section in sections(card)}
    assert ("html", "lang", "en") in page.attributes
    scopes = {value for tag, name, value in page.attributes if (tag, name) == ("th", "scope")}
    assert scopes == {"col", "row"}
    assert page.tags.count("h1") == 1
    for wanted in ("prefers-color-scheme: dark", "@media print", "width=device-width"):
        assert wanted in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(card, scheme):
    styles = re.findall(r":root \{(.*?)\}", render(card, "html"), flags=re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w{6})", styles[("light", "dark").index(scheme)]))
    for name in ("text", "quiet", "accent"):
        light, dark = sorted((luminance(colours[name]), luminance(colours["page"])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, name


def luminance(colour):
    """Relative luminance of WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_names_from_files_are_shown_and_never_obeyed(parts):
    manifest, run = copy.deepcopy(parts)
    manifest["inputs"][0] = HOSTILE
    manifest["schema"]["label"] = HOSTILE
    manifest["approvals"] = [{"by": HOSTILE, "for": HOSTILE, "at": "x", "note": HOSTILE}]
    run["data"]["files"] = [{"name": HOSTILE, "n_rows": 1, "sha256": "0"}]
    card = build_card(manifest, run)
    page = Page(render(card, "html"))
    assert page.open == []
    assert "script" not in page.tags
    names = [cell for row in page.rows for cell in row]
    assert sum("<script>alert(1)</script>|[x]" in cell for cell in names) >= 5
    text = render(card, "md")
    assert "<" not in text
    assert "\u202e" not in text
    assert "\n# c" not in text
    rows = [line for line in text.splitlines() if "alert(1)" in line and line.startswith("|")]
    assert len(rows) >= 3
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in rows}
    assert widths == {4, 7}, "a bar in a name opened a cell"
    assert not re.search(r"(?<!\\)\[x", text)


def test_a_model_that_nobody_approved_says_so(card):
    assert card["approvals"] == []
    for format in ("md", "html"):
        assert "Nobody has approved this model yet." in render(card, format)


def test_a_changed_threshold_changes_the_figures_and_names_the_former(own, card):
    rows = pd.read_parquet(own / EVIDENCE / ROWS)
    test = rows[rows["part"] == "test"]
    # Every fraud is caught at the lowest score of one.
    value = float(test.loc[test["label"] == 1, "score"].min())
    changed = card_of(with_threshold(own, value))
    counts = changed["results"]["counts"]
    assert counts["n_caught"] == counts["n_frauds"] == (test["label"] == 1).sum()
    assert counts["n_alerts"] == (test["score"] >= value).sum()
    assert changed["threshold"]["value"] == value
    assert changed["threshold"]["when_packaged"] == card["threshold"]["value"] != value
    assert "share of 0.02" in changed["threshold"]["reason"]
    assert changed["model"]["sha256"] != card["model"]["sha256"]
    assert "packaged with" in render(changed, "md")
    # What does not depend on the threshold stays.
    assert changed["results"]["metrics"][0] == card["results"]["metrics"][0]


def test_figures_at_the_old_threshold_are_those_of_metrics_json(model, metrics):
    rows = pd.read_parquet(model / EVIDENCE / ROWS)
    params = read_json(model / EVIDENCE / RUN)["params"]["evaluate"]
    of_sgan = metrics["sgan"]
    figures = figures_at(rows, of_sgan["threshold"], params)
    for name, figure in figures.items():
        assert figure == pytest.approx(of_sgan[name]), name


def test_a_history_of_thresholds_is_shown(parts):
    manifest, run = copy.deepcopy(parts)
    values = {"alerts_per_day": 100.0, "transactions_per_day": 5000.0}
    first = {"value": 0.25, "rule": "f1", "values": {}, "since": None, "by": None, "reason": None}
    present = {"value": manifest["threshold"]["value"], "rule": "alerts_per_day", "values": values}
    second = {"since": "2026-11-21T10:00:00Z", "by": "ann", "reason": "two more people"}
    manifest["threshold"] = present | {"history": [first, present | second]}
    card = build_card(manifest, run)
    rows = section_of(card, "threshold").blocks[-1].rows
    assert rows[0] == ["as packaged", "0.250000", "f1", "-", "-"]
    assert rows[1][0] == "2026-11-21 10:00:00 UTC"
    assert rows[1][3:] == ["ann", "two more people"]
    assert "at most 100 alerts a day" in card["threshold"]["reason"]


def test_what_is_missing_says_why(parts):
    manifest, run = copy.deepcopy(parts)
    run["params"]["augment"]["method"] = "none"
    del run["metrics"]["differences"]["sgan_without_augmentation"]
    del run["metrics"]["challengers"]["sgan_without_augmentation"]
    run["data"]["time"] = manifest["schema"]["time"] = None
    del run["metrics"]["sgan"]["amount_saved"]
    card = build_card(manifest, run)
    for format in ("md", "html"):
        text = render(card, format)
        assert text.count("not available: ") >= 6
        assert "no synthetic frauds were made" in text
        assert "the data have no amount" in text
        assert "None" not in text


def test_members_that_collapsed_have_no_figures(parts):
    manifest, run = copy.deepcopy(parts)
    sgan = run["metrics"]["sgan"]
    sgan["members"][0], sgan["collapses"] = {}, [{"member": 0, "epoch": 1}]
    card = build_card(manifest, run)
    assert card["stability"]["spread"]["test_f1"]["standard_deviation"] is None
    assert ["Member 1", "-", "-", "-"] in section_of(card, "stability").blocks[1].rows
    assert "1 members collapsed" in render(card, "md")


PASSED = {
    "n_pseudo_frauds": 3017.0, "n_pseudo_genuine": 35766.0, "pseudo_fraud_share": 0.0778,
    "uses_pseudo_labels": 1.0,
}  # fmt: skip


def with_pseudo_labels(parts, warnings, **figures):
    manifest, run = copy.deepcopy(parts)
    run["chosen"]["figures"] |= PASSED | figures
    run["metrics"]["sgan"] |= {"chosen_epoch": 5, "pseudo_label_warnings": warnings}
    return build_card(manifest, run)


def test_the_card_says_what_unlabelled_rows_passed_for(parts):
    text = render(with_pseudo_labels(parts, []), "md")
    assert "3,017 unlabelled rows passed for frauds and 35,766 for genuine ones." in text
    assert "looked biased" not in text
    left_out = render(with_pseudo_labels(parts, [], uses_pseudo_labels=0.0), "md")
    assert "which was not used in training" in left_out


def test_the_card_names_biased_pseudo_labels_up_to_the_chosen_epoch(parts):
    warnings = [
        {"epoch": epoch, "beside": "labelled", "reason": f"reason {epoch}", "are_used": True}
        for epoch in (3, 4, 6)
    ]
    card = with_pseudo_labels(parts, warnings)
    assert card["stability"]["pseudo_labels"]["warnings"] == warnings[:2]
    for format in ("md", "html"):
        text = render(card, format)
        assert "looked biased in 2 epochs, first in epoch 3: reason 3." in text
        assert "reason 6" not in text


def test_a_card_without_pseudo_labels_leaves_them_out(parts):
    manifest, run = copy.deepcopy(parts)
    run["chosen"]["figures"].pop("pseudo_fraud_share", None)
    card = build_card(manifest, run)
    assert "not_available" in card["stability"]["pseudo_labels"]
    assert "unlabelled rows passed" not in render(card, "md")


def test_a_model_without_evidence_is_refused_with_the_cure(packaged):
    with pytest.raises(InputError, match=r"without evidence.*run the stage evaluate again"):
        card_of(packaged.folder)


def test_the_state_is_of_files_and_threshold_not_of_card_and_approvals(parts):
    manifest = copy.deepcopy(parts[0])
    state = state_sha256(manifest)
    manifest["approvals"] = [{"by": "A"}]
    manifest["files"]["card/model_card.md"] = "0"
    assert state_sha256(manifest) == state
    manifest["files"]["scaler.skops"] = "0"
    assert state_sha256(manifest) != state
    manifest = copy.deepcopy(parts[0])
    manifest["threshold"]["value"] += 0.01
    assert state_sha256(manifest) != state


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.01, 0.2, "SGAN better"), (-0.2, -0.01, "SGAN worse"), (-0.1, 0.1, "could be chance"),
     (0, 0.1, "could be chance"), (0, 0, "no difference")],
)  # fmt: skip
def test_a_difference_is_read_by_its_interval(low, high, expected):
    assert reading({"value": (low + high) / 2, "low": low, "high": high}) == expected


def test_an_installed_counterfoil_has_the_templates():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packed = project["tool"]["setuptools"]["package-data"]["*"]
    names = {path.name for path in TEMPLATES.iterdir()}
    assert names >= {"model_card.md.jinja", "model_card.html.jinja"}
    suffixes = {path.suffix for path in (REPOSITORY / "pipeline").rglob("*") if path.is_file()}
    assert {f"*{suffix}" for suffix in suffixes - {".py", ".pyc"}} == set(packed)
    names = {re.split("[>=]", line)[0] for line in project["project"]["dependencies"]}
    assert "jinja2" in names


@pytest.mark.parametrize(
    "module", [model_card_files, model_card_figures, model_card_numbers, model_card_words]
)
def test_the_examples_of_the_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_a_rule_gives_its_reason_with_its_values():
    assert "a share of 0.001" in threshold_reason("alerts", {"alerts_share": 0.001})
    values = {"cost_per_false_alarm": 5.0, "cost_per_missed_unit": 1.0}
    assert "5 for each false alarm" in threshold_reason("cost", values)


@pytest.mark.parametrize("rule", ["cost", "luck", "alerts 0.001"])
def test_a_rule_that_is_not_known_or_lacks_a_value_is_refused(rule):
    with pytest.raises(InputError, match=f"rule '{rule}' with the values .* evaluate again"):
        threshold_reason(rule, {})


class TestCommand:
    """`counterfoil card`."""

    def test_prints_markdown_and_writes_by_suffix(self, own, card, tmp_path):
        assert command("card", own) == render(card, "md")
        for format in FORMATS:
            out = tmp_path / f"card.{format}"
            assert command("card", own, "--out", out) == f"model card: {out}\n"
            assert out.read_text(encoding="utf-8") == render(card, format)
        command("card", own, "--format", "json", "--out", tmp_path / "card.txt")
        assert json.loads((tmp_path / "card.txt").read_text(encoding="utf-8")) == card

    def test_refuses_other_names_and_folders_that_are_not_there(self, own):
        with pytest.raises(UsageError, match=r"ends in \.md, \.html, \.json"):
            command("card", own, "--out", "card.pdf")
        with pytest.raises(UsageError, match="does not exist"):
            command("card", own, "--out", own / "nowhere" / "card.md")

    def test_a_file_that_cannot_be_written_is_named(self, own, tmp_path):
        (tmp_path / "card.md").mkdir()
        with pytest.raises(InputError, match=r"card\.md cannot be written .* another place"):
            card_command(str(own), out=tmp_path / "card.md")
