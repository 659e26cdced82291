"""What the command says of rows is what the model says of them; bad input ends with a cure."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import CounterfoilError, InputError, UsageError
from pipeline.latent.command import LatentRequest, latent
from pipeline.latent.rows import _chosen, _parts, data_beside
from pipeline.latent.text import as_text

pytestmark = pytest.mark.slow


def test_both_encoders_are_drawn_and_every_row_is_counted_once(drawn):
    assert [one["encoder"] for one in drawn.content["pictures"]] == ["autoencoder", "vae"]
    for one in drawn.content["pictures"]:
        in_clusters = sum(cluster["n_rows"] for cluster in one["clusters"])
        assert in_clusters + one["n_rows_in_none"] == len(drawn.table)
        frauds = sum(cluster["n_frauds"] for cluster in one["clusters"])
        assert frauds + one["n_frauds_in_none"] == len(drawn.frauds)
        assert 0.2 < one["neighbours_kept"] <= 1
    assert drawn.content["data"]["parts"] == {"new": 400}


def test_the_same_seed_gives_the_same_content(drawn):
    again = latent(replace(drawn.request, html=None, json=None), drawn.folder)
    assert json.loads(json.dumps(again)) == drawn.json


@pytest.mark.parametrize("encoder", ["autoencoder", "vae"])
def test_path_ends_are_the_reconstructions_with_their_scores(drawn, encoder):
    path = next(one for one in drawn.content["paths"] if one["encoder"] == encoder)
    ends = drawn.table.iloc[list(drawn.pair)]
    network = getattr(drawn.model.classifier.model_, encoder)
    decoded = np.asarray(network(drawn.model.scaled(ends)))
    numeric = drawn.model.scaler.named_transformers_["numeric"]
    expected = pd.DataFrame(numeric.inverse_transform(decoded), columns=drawn.model.schema.inputs)
    for step, (_, row) in zip(
        (path["steps"][0], path["steps"][-1]), expected.iterrows(), strict=True
    ):
        assert step["columns"] == pytest.approx(row.to_dict(), rel=1e-3, abs=1e-3)
    scores = drawn.model.predict(expected)["score"]
    assert [path["steps"][i]["score"] for i in (0, -1)] == pytest.approx(scores.tolist(), abs=1e-4)
    assert [path["steps"][i]["nearest"] for i in (0, -1)] == list(drawn.pair)
    own = drawn.model.predict(ends)["score"].tolist()
    assert [path["a"]["score"], path["b"]["score"]] == pytest.approx(own)
    assert (path["a"]["label"], path["b"]["label"]) == (0, 1)


def test_draws_are_of_all_frauds(drawn):
    draws = drawn.content["draws"]
    assert (draws["n_rows"], draws["n_draws"]) == (len(drawn.frauds), 5 * len(drawn.frauds))
    score = drawn.model.predict(drawn.table)["score"].to_numpy()
    assert draws["example"]["row"]["row"] == drawn.frauds[score[drawn.frauds].argmax()]
    assert draws["n_rows_alerts"] == (score[drawn.frauds] >= drawn.model.threshold).sum()
    first, second = (one["columns"] for one in draws["example"]["draws"][:2])
    assert set(first) == set(drawn.model.schema.inputs)
    assert first != second


def test_the_text_fits_a_terminal_and_opens_with_the_answer(drawn):
    text = as_text(drawn.content)
    assert max(map(len, text.splitlines())) <= 80
    assert " ".join(text.split()).startswith(drawn.content["answer"])
    assert f"row {drawn.pair[0]} (genuine" in text


def test_rows_without_labels_are_drawn(drawn, tmp_path):
    drawn.table.drop(columns=["Class", "Time"]).to_csv(tmp_path / "rows.csv", index=False)
    content = latent(replace(drawn.request, data=tmp_path / "rows.csv", html=tmp_path / "x.html",
                             json=None, paths=()), tmp_path)  # fmt: skip
    assert content["answer"].startswith("400 transactions without known frauds form clusters")
    assert content["data"]["has_labels"] is False
    score = drawn.model.predict(drawn.table)["score"]
    assert content["draws"]["n_rows"] == (score >= drawn.model.threshold).sum()
    assert "no labels" in (tmp_path / "x.html").read_text()
    assert "alerts" in as_text(content)


def test_rows_are_thinned_evenly_and_frauds_come_first():
    is_fraud = np.zeros(10_000, bool)
    is_fraud[::100] = True
    chosen = _chosen(10_000, is_fraud, 1000, [1, 9_999])
    assert set(np.flatnonzero(is_fraud)) | {1, 9_999} <= set(chosen)
    assert 1000 <= len(chosen) <= 1002
    assert np.histogram(chosen, 10, (0, 10_000))[0].std() < 3
    assert len(_chosen(10_000, np.ones(10_000, bool), 1000, [])) == 500
    assert len(_chosen(900, None, 1000, [])) == 900
    assert len(_chosen(10_000, is_fraud, 1000, [1, 9_999])) == 1000
    assert len(_chosen(10_000, None, 300, [5, 6])) == 300


def test_parts_are_known_of_the_models_own_rows_only():
    class Evidence:
        rows = pd.DataFrame({"row_id": [1, 3], "part": ["validation", "test"]})

    rows = np.arange(4)
    own = _parts(rows, Evidence, is_own=True)
    assert own.tolist() == ["training", "validation", "training", "test"]
    assert set(_parts(rows, Evidence, is_own=False)) == {"new"}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"paths": ((3, 3),)}, UsageError, "--path 3:3 names one row twice"),
        ({"paths": ((3, 400),)}, InputError, r"no row 400: it has 400 rows, .* from 0 to 399"),
        ({"data": None}, UsageError, "does not lie in a project .* --data"),
        ({"data": Path("nowhere.parquet")}, InputError, "nowhere.parquet"),
        ({"html": Path("nowhere/x.html")}, InputError, "folder nowhere does not exist"),
        ({"html": Path("x.json"), "json": Path("x.json")}, UsageError, "give two files"),
        ({"model": "nowhere"}, InputError, "nowhere is no folder"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_nothing_is_written(
    drawn, tmp_path, monkeypatch, change, error, message
):
    monkeypatch.chdir(tmp_path)
    request = replace(drawn.request, **({"html": Path("x.html"), "json": None} | change))
    with pytest.raises(error, match=message) as caught:
        latent(request, tmp_path)
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[:3], "at least 4 rows"),
        (lambda table: table.drop(columns="V3"), "needs columns that are not there: V3"),
        (lambda table: table.assign(V3=np.nan), "V3: missing value in 400 rows"),
        (lambda table: table.assign(Class=2), "hold neither 0 .genuine. nor 1"),
    ],
)
def test_rows_that_cannot_be_drawn(drawn, tmp_path, change, message):
    change(drawn.table).to_parquet(tmp_path / "bad.parquet", index=False)
    request = replace(
        drawn.request, data=tmp_path / "bad.parquet", html=tmp_path / "x.html", paths=()
    )
    with pytest.raises(InputError, match=message):
        latent(request, tmp_path)
    assert not (tmp_path / "x.html").exists()


def test_without_the_library_the_cure_comes_before_any_work(drawn, tmp_path, monkeypatch):
    from evaluation import embedding

    def missing():
        raise embedding.EmbeddingUnavailableError(embedding.MISSING)

    monkeypatch.setattr(embedding, "check_available", missing)
    with pytest.raises(CounterfoilError, match="openTSNE is not installed"):
        latent(LatentRequest("nowhere", html=tmp_path / "x.html"), tmp_path)


def test_a_model_in_a_project_knows_its_data(tmp_path):
    (tmp_path / "ingest").mkdir()
    (tmp_path / "ingest" / "transactions.parquet").touch()
    assert data_beside(tmp_path / "evaluate" / "model") == tmp_path / "ingest/transactions.parquet"
    with pytest.raises(UsageError, match="--data"):
        data_beside(tmp_path / "elsewhere" / "model")


@pytest.mark.parametrize("pair", ["3", "3:", "a:b", "-1:2", "1:2:3"])
def test_pairs_are_checked(pair):
    from click.testing import CliRunner

    from pipeline.__main__ import cli

    result = CliRunner().invoke(cli, ["latent", "--path", pair])
    assert result.exit_code == 2
    assert "is no pair of rows such as 120:48301" in result.output


def test_encoders_in_processes_of_their_own_give_the_same_picture(drawn, monkeypatch):
    from evaluation.embedding import tsne
    from pipeline.latent import pictures

    codes = {name: np.random.default_rng(i).normal(size=(60, 3)) for i, name in enumerate("ab")}
    monkeypatch.setattr(pictures, "ROWS_FOR_PROCESSES", 10)
    monkeypatch.setattr(pictures, "_n_cores", lambda: 2)
    found = pictures._embed(codes, perplexity=10.0, seed=3)
    for name, one in codes.items():
        np.testing.assert_array_equal(found[name], tsne(one, perplexity=10.0, seed=3))
