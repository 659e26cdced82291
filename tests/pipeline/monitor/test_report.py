"""Terminal, page and JSON say the same; the page is whole, silent and fits a phone."""

import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.files.atomic import read_json
from pipeline.monitor.page import page
from pipeline.monitor.text import as_text, label_lines

_spec = importlib.util.spec_from_file_location(
    "browsing", Path(__file__).parents[1] / "compare" / "browsing.py"
)
browsing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(browsing)


class Words(HTMLParser):
    """The text of a page without styles and pictures."""

    def __init__(self):
        super().__init__()
        self.words, self.hidden = [], 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("style", "svg")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "svg")

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


def words_of(html):
    parser = Words()
    parser.feed(html)
    return re.sub(r"\s+", " ", " ".join(parser.words))


@pytest.fixture(params=["drifted, all labels", "no reference, no labels"])
def content(request, watched, monitored, tmp_path):
    table = watched.delivery(drift=1.0, n_rows=8_000)
    if request.param.startswith("no"):
        return monitored(table.drop(columns="Class"), json=tmp_path / "m.json")
    table["V5"] += table["V5"].std()
    return monitored(table, reference=watched.reference, json=tmp_path / "m.json")


def test_terminal_page_and_json_agree(content, tmp_path):
    html, text = words_of(page(content)), re.sub(r"\s+", " ", as_text(content))
    assert read_json(tmp_path / "m.json") == content
    assert content["answer"] in html
    assert content["answer"] in text
    for one in content["limits"]:
        numbers = [f"{one[key]:.3f}" for key in ("value", "low", "high") if one[key] is not None]
        for number in [*numbers, one["state"], f"{one['bound']:.3g}"]:
            assert number in html
            assert number in text
    for one in content["inputs"]:
        assert re.search(rf"{one['name']} {one['psi']:.3f} ", html)
    for one in content["inputs"][:10]:
        assert re.search(rf"{one['name']} {one['psi']:.3f} ", text)
    for one in content["labels"].get("decay", {}).values():
        for number in (f"{one['test']:.3f}", f"{one['new']:.3f}", f"{one['loss']:+.3f}"):
            assert number in html
            assert number in text
    for message in (one["missing"] for one in content["limits"] if "missing" in one):
        assert message in html
        assert message in text


def test_eighty_columns(content):
    content["model"]["name"] = "folder/" * 30
    content["inputs"][0]["name"] = "a_column_whose_name_takes_a_whole_line_of_its_own"
    assert max(map(len, as_text(content).splitlines())) <= 80


def test_every_exceeded_limit_is_named_with_both_numbers(content):
    beyond = [one for one in content["limits"] if one["state"] == "exceeded"]
    assert len(content["exceeded"]) == len(beyond)
    for sentence, one in zip(content["exceeded"], beyond, strict=True):
        assert f"{one['value']:.3g} (limit {one['bound']:.3g})" in sentence
    assert content["exit_code"] == (3 if beyond else 0)


def test_the_page_is_whole(content):
    html = page(content)
    assert all(name.startswith(("#", "data:"))
               for name in re.findall(r'(?:src|href|action)="([^"]*)"', html))  # fmt: skip
    assert not re.findall(r"@import|url\((?!#)", html)
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    pictures = "".join(re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL))
    assert not re.findall(r"#[0-9a-f]{6}\b", pictures)
    assert html.count("<svg") == len(re.findall(r'<div role="img" aria-label="[^"]{40,}"', html))
    assert len(html) < 300_000


def test_hostile_names_stay_text(content):
    for place in (content["model"], content["data"], content["inputs"][0]):
        place["name"] = "<script>alert(1)</script>"
    html = page(content)
    assert "<script>" not in html
    assert "&lt;script&gt;alert" in html


@browsing.needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_silent_page_no_wider_than_the_screen(content, tmp_path, width, scheme):
    path = tmp_path / "report.html"
    path.write_text(page(content))
    with browsing.opened(path.as_uri(), width=width, scheme=scheme) as (opened, said):
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.title() == "Monitoring of new.parquet"
        assert content["answer"] in opened.inner_text("h1")
        # No row of a table is torn into many lines.
        heights = opened.evaluate("[...document.querySelectorAll('tr')].map(r => r.offsetHeight)")
        assert max(heights) < 90
    assert said == []


def test_a_long_line_about_labels_goes_on_below_its_text():
    labels = {
        "state": "some rows have labels", "n_labelled": 120, "n_frauds": 3, "is_selective": True,
        "labelled_share_of_alerts": 0.9, "labelled_share_of_others": 0.01,
        "missing": "too few of them for figures",
    }  # fmt: skip
    first, *others = label_lines(labels)
    assert first.startswith("labels     some rows")
    assert len(others) > 1
    assert all(re.match(r" {11}\S", line) for line in others)
    assert max(map(len, (first, *others))) <= 80
