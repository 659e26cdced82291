"""The report in real Chromium: silent, as wide as a phone, and equal to the command line."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location("browsing", Path(__file__).parent / "browsing.py")
browsing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(browsing)

pytestmark = [browsing.needs_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def report(models, tmp_path_factory):
    from pipeline.compare.command import CompareRequest, compare

    path = tmp_path_factory.mktemp("browser") / "report.html"
    data = models.projects[0].path("ingest", "transactions.parquet")
    names = (str(models.a), str(models.b))
    compare(CompareRequest(names, data=data, by=("V3",), n_resamples=100, html=path), path.parent)
    return path


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_silent_page_no_wider_than_the_screen(report, width, scheme):
    with browsing.opened(report.as_uri(), width=width, scheme=scheme) as (page, said):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.title() == "Comparison of 2 models"
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (colour == "rgb(251, 251, 248)") == (scheme == "light")
        page.screenshot(full_page=True)
    assert said == []


def settings_at_random(n):
    rng = np.random.default_rng(8)
    budgets = [{"alerts_per_day": float(round(a, 2))} for a in rng.uniform(1, 1500, n // 2)]
    costs = [
        {
            "cost_per_false_alarm": float(round(rng.uniform(0, 60), 2)),
            "cost_per_missed_unit": float(round(rng.uniform(0, 2), 2)),
        }
        for _ in range(n - n // 2)
    ]
    return budgets + costs


def test_the_explorer_gives_the_numbers_of_the_command_line(report, compared):
    fields = {
        "alerts_per_day": "#alerts-per-day",
        "cost_per_false_alarm": "#cost-per-false-alarm",
        "cost_per_missed_unit": "#cost-per-missed-unit",
    }
    seen = set()
    with browsing.opened(report.as_uri()) as (page, said):
        for setting in settings_at_random(10):
            rule = "alerts_per_day" if "alerts_per_day" in setting else "cost"
            page.check(f"input[name=rule][value={rule}]")
            for name, value in setting.items():
                page.fill(fields[name], str(value))
            shown = {
                row.get_attribute("data-label"): row.locator("td").all_inner_texts()
                for row in page.locator("#operating-points tbody tr").all()
            }
            points = compared(n_resamples=100, **setting)["operating_points"]
            assert shown == {label: in_words(point) for label, point in points.items()}, setting
            seen.add(str(shown))
    assert said == []
    assert len(seen) > 5  # the settings do make a difference


def in_words(point):
    """As the page writes an operating point."""
    return [
        "none" if point["threshold"] is None else f"{point['threshold']:.6g}",
        f"{point['alerts_per_day']:,.1f}",
        f"{point['n_caught']:,} of {point['n_frauds']:,}",
        f"{point['n_false_alarms']:,}",
        f"{point['amount_caught']:,.2f}",
    ]


def test_the_explorer_is_worked_by_keys_alone(report):
    with browsing.opened(report.as_uri()) as (page, _):
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "rule":
                break
        assert page.evaluate("document.activeElement.value") == "stored"
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        assert page.evaluate("document.activeElement.value") == "alerts_per_day"
        before = page.inner_text("#operating-points tbody")
        page.keyboard.press("Tab")
        page.keyboard.type("9")
        assert page.input_value("#alerts-per-day").endswith("9")
        page.fill("#alerts-per-day", "0")
        assert page.inner_text("#operating-points tbody") != before
        assert "--alerts-per-day 0" in page.inner_text("#command")


def test_without_scripts_the_numbers_are_there(report):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browsing.CHROMIUM, args=list(browsing.OPTIONS)
        )
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(report.as_uri())
        assert "of" in page.inner_text("#operating-points tbody")
        browser.close()
