"""The command at the terminal."""

import pytest
from click.testing import CliRunner

import pipeline.tracking.reports
from pipeline.__main__ import cli
from pipeline.errors import CounterfoilError

pytestmark = pytest.mark.slow


def test_a_server_that_is_away_costs_no_figure(models, monkeypatch):
    def away(*_):
        raise CounterfoilError("the tracking server cannot be reached")

    arguments = ["compare", str(models.a), str(models.b), "--resamples", "100"]
    told = CliRunner().invoke(cli, arguments)
    monkeypatch.setattr(pipeline.tracking.reports, "log_report", away)
    result = CliRunner().invoke(cli, [*arguments, "--log", "comparisons"])
    assert (told.exit_code, result.exit_code) == (0, 1)
    assert len(told.stdout) > 500
    assert result.stdout == told.stdout
    assert "cannot be reached" in str(result.exception)
