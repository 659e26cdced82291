"""The report as a file: self-contained, escaped, readable in both colour schemes, and small."""

import re
from pathlib import Path

import pytest

STYLE = Path(__file__).parents[3] / "pipeline" / "pages" / "report.css"


@pytest.fixture(scope="module")
def html(models, tmp_path_factory):
    from pipeline.compare.command import CompareRequest, compare

    path = tmp_path_factory.mktemp("page") / "report.html"
    request = CompareRequest((str(models.a), str(models.b)), n_resamples=100, html=path)
    compare(request, models.a.parent)
    return path.read_text()


def test_nothing_is_fetched(html):
    names = re.findall(r'(?:src|href|action)="([^"]*)"', html)
    assert all(name.startswith(("#", "data:")) for name in names)
    assert not re.findall(r"@import|url\((?!#)", html)
    known = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r'https?://[^\s"<]+', html)) <= known


def test_pictures_have_words_and_ids_are_unique(html):
    assert html.count("<svg") == 5
    assert len(re.findall(r'<div role="img" aria-label="[^"]{40,}"', html)) == 5
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'(?:xlink:)?href="#([^"]+)"', html):
        assert target in ids


def test_pictures_take_their_colours_from_the_page(html):
    pictures = "".join(re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL))
    assert not re.findall(r"#[0-9a-f]{6}\b", pictures)
    assert "var(--series-1)" in pictures


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ({}, "stored"),
        ({"alerts_per_day": 100.0}, "alerts_per_day"),
        ({"alerts_per_thousand": 5.0}, "alerts_per_thousand"),
        ({"cost_per_false_alarm": 5.0}, "cost"),
    ],
)
def test_the_page_opens_with_the_choice_of_the_terminal(compared, tmp_path, setting, rule):
    compared(html=tmp_path / "report.html", **setting)
    html = (tmp_path / "report.html").read_text()
    assert re.findall(r'name="rule" value="(\w+)" checked', html) == [rule]


def test_hostile_names_stay_text(compared, changed_copy, models, tmp_path):
    name = "<script>alert(1)<"
    copy = changed_copy(lambda run: run["params"]["data"].update(label="</script><b>"), name=name)
    compared(models.a, copy, html=tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert "</script><b>" not in html


def contrast(one, other):
    """WCAG 2.2 contrast ratio of two colours."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_lines_stand_out(scheme):
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(), flags=re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    for background in ("paper", "panel"):
        for name in ("ink", "soft", "link"):
            assert contrast(colours[name], colours[background]) >= 4.5, (name, background)
    for name in [*(f"series-{i}" for i in range(7)), "reference"]:
        # Letters in these colours are bold and large enough to count as such.
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
