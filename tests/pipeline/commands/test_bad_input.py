"""Every mistake in the data ends with one message: what, where, expected, received, cure."""

import re

import pytest

from pipeline.errors import CounterfoilError


def test_bad_input_is_refused_with_a_message_that_helps(
    bad_input, transactions, run_stages, tmp_path
):
    good = tmp_path / "good.csv"
    transactions.to_csv(good, index=False)
    artifacts = run_stages("ingest", "split", data__source="file", data__path=str(good))
    before = _contents(artifacts.root)
    overrides = {"data.source": "file", "data.path": str(bad_input.write(tmp_path))}
    overrides = {key.replace(".", "__"): v for key, v in (overrides | bad_input.overrides).items()}

    stages = ["ingest"] if bad_input.stage == "ingest" else ["ingest", bad_input.stage]
    with pytest.raises(CounterfoilError) as caught:
        run_stages(*stages, **overrides)

    assert caught.value.exit_code == 2
    for expression in bad_input.says:
        assert re.search(expression, str(caught.value)), (expression, str(caught.value))
    after = _contents(artifacts.root)
    if bad_input.stage != "ingest":  # what succeeded before may be new
        before, after = _without(before, "ingest"), _without(after, "ingest")
    assert after == before


def _contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _without(contents, stage):
    return {name: content for name, content in contents.items() if not name.startswith(stage)}
