"""The page in Chromium: a click shows the right row, a path is the decoder's, all is silent."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location(
    "browsing", Path(__file__).parents[1] / "compare" / "browsing.py"
)
browsing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(browsing)

pytestmark = [browsing.needs_chromium, pytest.mark.slow]


@pytest.fixture
def opened(drawn):
    """Open the page; at the end it must have been silent."""
    from contextlib import contextmanager

    @contextmanager
    def open_page(**options):
        with browsing.opened(drawn.html.as_uri(), **options) as (page, said):
            page.wait_for_function("document.getElementById('map').dataset.drawn")
            yield page
            page.wait_for_timeout(50)
        assert said == []

    return open_page


def rows_of(page, selector):
    """Return the cells of a table by the name of the line."""
    return {
        line.locator("th").inner_text(): line.locator("td").all_inner_texts()
        for line in page.locator(f"{selector} tbody tr").all()
    }


def number(text):
    return float(text.replace(",", ""))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_silent_page_no_wider_than_the_screen(opened, width, scheme):
    with opened(width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (colour == "rgb(251, 251, 248)") == (scheme == "light")
        page.check("input[name=colour][value=cluster]")
        page.check("input[name=encoder][value=autoencoder]")
        page.check("input[name=colour][value=score]")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_click_shows_the_row_that_lies_there(opened, drawn):
    score = drawn.model.predict(drawn.table)["score"]
    with opened() as page:
        page.locator("#map").scroll_into_view_if_needed()
        box = page.locator("#map").bounding_box()
        hits = 0
        for row in drawn.frauds[:6]:
            x, y = page.evaluate(f"document.getElementById('map').whereIs({row})")
            page.mouse.click(box["x"] + x, box["y"] + y)
            shown = {name: cells[0] for name, cells in rows_of(page, "#transaction").items()}
            found = int(shown["Row"])
            hits += found == row
            real = drawn.table.iloc[found]
            for name in (*drawn.model.schema.inputs, "Time"):
                assert number(shown[name]) == pytest.approx(real[name], rel=1e-6)
            assert shown["Class"] == ("fraud" if real["Class"] else "genuine")
            assert shown["Score"].split(",")[0] == in_words(score[found])
            assert ("alert" in shown["Score"]) == (score[found] >= drawn.model.threshold)
            assert f"A: row {found}, " in page.inner_text("#message")
            assert page.input_value("#row-a") == str(found)
        assert hits >= 5  # another fraud may lie at the same place


def in_words(score):
    return "<0.001" if 0 < score < 0.0005 else f"{score:.3f}"


def test_two_rows_show_the_path_of_the_command_line(opened, drawn):
    for encoder in ("vae", "autoencoder"):
        path = next(one for one in drawn.content["paths"] if one["encoder"] == encoder)
        with opened() as page:
            page.check(f"input[name=encoder][value={encoder}]")
            shown = rows_of(page, "#path-table")
        steps = [path["steps"][i] for i in (0, 2, 4, 6, 8)]
        scores = [path["a"]["score"], *(step["score"] for step in steps), path["b"]["score"]]
        assert shown["Score"] == [in_words(score) for score in scores]
        nearest = [drawn.pair[0], *(step["nearest"] for step in steps), drawn.pair[1]]
        assert shown["Nearest row"] == list(map(str, nearest))
        for name in drawn.model.schema.inputs:
            cells = [number(cell) for cell in shown[name]]
            spread = drawn.table[name].std()
            assert cells[0] == pytest.approx(drawn.table[name][drawn.pair[0]], rel=1e-3)
            # Codes in the page are rounded to 65,536 steps.
            decoded = [step["columns"][name] for step in steps]
            assert cells[1:-1] == pytest.approx(decoded, rel=1e-2, abs=1e-3 * spread)


def test_other_rows_are_decoded_in_the_page(opened, drawn):
    from features.latent_paths import latent_path

    a, b = int(drawn.frauds[0]), 7
    with opened() as page:
        page.fill("#row-a", str(a))
        page.fill("#row-b", str(b))
        page.click("text=Show")
        shown = rows_of(page, "#path-table")
        assert "Score" not in shown
        assert f"counterfoil latent --path {a}:{b}" in page.inner_text("#path-note")
    scaled = drawn.model.scaled(drawn.table.iloc[[a, b]])
    _, decoded = latent_path(drawn.model.classifier.model_.vae, scaled[0], scaled[1], 5)
    numeric = drawn.model.scaler.named_transformers_["numeric"]
    values = numeric.inverse_transform(decoded.astype(np.float64))
    for j, name in enumerate(drawn.model.schema.inputs):
        cells = [number(cell) for cell in shown[name]][1:-1]
        spread = drawn.table[name].std()
        assert cells == pytest.approx(values[:, j].tolist(), rel=1e-2, abs=1e-3 * spread)


def test_draws_stand_beside_their_fraud(opened, drawn):
    example = drawn.content["draws"]["example"]
    row = example["row"]["row"]
    with opened() as page:
        page.fill("#row-a", str(row))
        page.click("text=Show")
        shown = rows_of(page, "#draws-table")
        assert f"Row {row} and 5 draws" in page.inner_text("#draws-note")
        page.fill("#row-a", "0")
        page.fill("#row-b", "2")
        page.click("text=Show")
        assert "Pick a fraud" in page.inner_text("#draws-table")
    scores = [example["row"]["score"], *(one["score"] for one in example["draws"])]
    assert shown["Score"] == [in_words(score) for score in scores]
    for name in drawn.model.schema.inputs:
        expected = [drawn.table[name][row], *(one["columns"][name] for one in example["draws"])]
        assert [number(cell) for cell in shown[name]] == pytest.approx(expected, rel=1e-3)


def test_the_legend_counts_and_hides(opened, drawn):
    with opened() as page:
        text = page.inner_text("#legend")
        assert f"Genuine ({len(drawn.table) - len(drawn.frauds)})" in text
        assert f"Fraud ({len(drawn.frauds)})" in text
        box = page.locator("#map").bounding_box()
        page.locator("#legend input").nth(1).uncheck()
        x, y = page.evaluate(f"document.getElementById('map').whereIs({drawn.frauds[0]})")
        page.mouse.click(box["x"] + x, box["y"] + y)
        assert rows_of(page, "#transaction")["Class"][0] == "genuine"  # a hidden row is not picked
        page.check("input[name=colour][value=cluster]")
        vae = drawn.content["pictures"][1]
        counted = [int(n) for n in re.findall(r"\((\d+)", page.inner_text("#legend"))]
        assert sum(counted) == len(drawn.table)
        assert counted[-1] == vae["n_rows_in_none"] or not vae["n_rows_in_none"]


def test_the_map_is_worked_by_keys_alone(opened):
    with opened() as page:
        page.focus("#map")
        before = page.inner_text("#message")
        place = "(() => { const m = document.getElementById('map'); return m.whereIs(5); })()"
        start = page.evaluate(place)
        page.keyboard.press("+")
        assert page.evaluate(place) != start
        page.keyboard.press("0")
        assert page.evaluate(place) == pytest.approx(start)
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowLeft")
        after = page.inner_text("#message")
        assert after.startswith("A: row ")
        assert after != before
        page.keyboard.press("Enter")
        assert page.inner_text("#message").startswith("B: row ")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.inner_text("#message").startswith("B: row ")


def test_arrow_keys_go_where_they_point(opened):
    with opened() as page:
        page.focus("#map")
        field = "document.getElementById('row-a').value"
        where = f"document.getElementById('map').whereIs(Number({field}))"
        for key, axis, sign in (("ArrowRight", 0, 1), ("ArrowUp", 1, -1), ("ArrowLeft", 0, -1)):
            before = page.evaluate(where)
            page.keyboard.press(key)
            after = page.evaluate(where)
            assert sign * (after[axis] - before[axis]) > 0


def test_a_cluster_of_the_table_is_shown_on_the_map(opened, drawn):
    button = "button[data-encoder=autoencoder] >> nth=0"
    with opened() as page:
        page.click(button)
        assert page.is_checked("input[name=encoder][value=autoencoder]")
        assert page.is_checked("input[name=colour][value=cluster]")
        assert page.inner_text("#message").startswith("Cluster ")


def test_a_row_that_is_not_drawn_is_named(opened):
    with opened() as page:
        page.fill("#row-a", "4000")
        page.click("text=Show")
        assert "Row 4000 is not drawn: rows go from 0 to 399" in page.inner_text("#message")


def test_without_scripts_the_clusters_are_there(drawn):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browsing.CHROMIUM, args=list(browsing.OPTIONS)
        )
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(drawn.html.as_uri())
        assert "effect" in page.inner_text("#clusters tbody >> nth=0")
        assert "need JavaScript" in page.inner_text("#picture")
        browser.close()


def test_no_name_of_a_column_can_break_out_of_the_page(drawn, tmp_path):
    import pandas as pd

    from pipeline.latent.packing import _column

    column = _column("</script><b>", pd.Series(["</script>", "b"]))
    assert column["name"] == "</script><b>"
    html = drawn.html.read_text()
    data = html.split('id="rows">')[1].split("</script>")[0]
    assert "<" not in data
    assert json.loads(data)["n"] == len(drawn.table)
