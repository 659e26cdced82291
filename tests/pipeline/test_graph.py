"""dvc.yaml agrees with the code: what each stage reads, which parameters and which modules."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from pipeline.run.request import UPSTREAM
from pipeline.stages.artifacts import STAGES

REPOSITORY = Path(__file__).resolve().parents[2]
GRAPH = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())
SECTIONS = set(yaml.safe_load((REPOSITORY / "params.yaml").read_text()))

# What surrounds every stage, and what only draws: a change there is no reason to train again.
SURROUNDINGS = (
    "artifacts",
    "context",
    "errors",
    "figures",
    "params",
    "params_file",
    "result_pictures",
    "version",
)
WRITTEN_BY = {
    "transactions": "ingest",
    "data_summary": "ingest",
    "split": "split",
    "scaled": "scale",
    "input_names": "scale",
    "training_set": "augment",
}


def code_of(stage):
    """Return the files whose code computes the outputs of a stage."""
    found, waiting = set(), [Path("pipeline/stages") / f"{stage}.py"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [other for other in imported_files(path) if computes(other)]
    return sorted(map(str, found))


def imported_files(path):
    names = set()
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    files = [Path(name.replace(".", "/") + ".py") for name in names]
    return [file for file in files if (REPOSITORY / file).is_file()]


def computes(path):
    if path.parts[0] == "pipeline":
        surrounds = path.parent == Path("pipeline") and path.stem in SURROUNDINGS
        return path.parent.name != "stages" and not surrounds
    return "plots" not in path.parts


def source_of(stage):
    """Return the source of a stage and of the modules beside it that it is made of."""
    files = [path for path in code_of(stage) if path.startswith("pipeline/")]
    return "\n".join((REPOSITORY / path).read_text() for path in files)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_that_it_runs(stage):
    named = sorted(path for path in GRAPH["stages"][stage]["deps"] if path.endswith(".py"))
    assert named == code_of(stage), "put these files under `deps` of the stage in dvc.yaml"


def test_what_the_model_card_is_laid_out_by_is_named():
    templates = (REPOSITORY / "pipeline/templates").glob("model_card.*.jinja")
    expected = sorted(path.relative_to(REPOSITORY).as_posix() for path in templates)
    named = GRAPH["stages"]["evaluate"]["deps"]
    assert [path for path in named if path.endswith(".jinja")] == expected
    assert len(expected) == 2


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_parameters_that_it_reads(stage):
    read = set(re.findall(r"\bparams\.(\w+)", source_of(stage))) & SECTIONS
    named = {str(key).split(".")[0] for key in GRAPH["stages"][stage]["params"]}
    assert read - {"yaml"} == named - {"mode"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_stages_that_it_reads(stage):
    source = source_of(stage)
    read = set(re.findall(r"artifacts\.folder\(\"(\w+)\"\)", source))
    read |= {writer for method, writer in WRITTEN_BY.items() if f"artifacts.{method}()" in source}
    assert read == set(UPSTREAM[stage])


def test_the_graph_has_one_entry_for_each_stage():
    assert tuple(GRAPH["stages"]) == STAGES
    for name, stage in GRAPH["stages"].items():
        folders = [path.split("/")[1] for path in stage["deps"] if path.startswith("artifacts/")]
        assert tuple(folders) == UPSTREAM[name]
        assert stage["outs"] == [{f"artifacts/{name}": {"persist": True}}]
        assert stage["cmd"] == f"python -m pipeline stage {name}"
        assert (REPOSITORY / "pipeline" / "stages" / f"{name}.py").is_file()


def test_only_training_and_judging_depend_on_the_mode():
    trained = {name for name, stage in GRAPH["stages"].items() if "mode" in stage["params"]}
    assert trained == {"autoencoder", "vae", "augment", "sgan", "evaluate"}
