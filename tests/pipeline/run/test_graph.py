"""dvc.yaml agrees with the code: what each stage reads, which parameters and which modules."""

import re
from pathlib import Path

import pytest
import yaml

from pipeline.files.source_code import OUR_PACKAGES, all_imported_files
from pipeline.run.request import UPSTREAM, needed
from pipeline.stages.artifacts import STAGES

REPOSITORY = Path(__file__).resolve().parents[3]
GRAPH = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())
SECTIONS = set(yaml.safe_load((REPOSITORY / "params.yaml").read_text()))

# What surrounds every stage, and what only draws: a change there is no reason to train again.
SURROUNDINGS = (
    "evaluation/plots",
    "pipeline/errors.py",
    "pipeline/files/atomic.py",
    "pipeline/files/version.py",
    "pipeline/params",
    "pipeline/stages/artifacts.py",
    "pipeline/stages/context.py",
    "pipeline/stages/figures.py",
    "pipeline/stages/result_pictures.py",
)
WRITTEN_BY = {
    "transactions": "ingest",
    "data_summary": "ingest",
    "split": "split",
    "scaled": "scale",
    "input_names": "scale",
    "training_set": "augment",
}


def computes(path):
    """Whether a change of a file can change what a stage writes."""
    return path.name != "__init__.py" and not any(path.is_relative_to(one) for one in SURROUNDINGS)


def code_of(stage):
    """Return the files whose code computes the outputs of a stage: what it imports."""
    start = Path(f"pipeline/stages/{stage}.py")
    return set(filter(computes, all_imported_files([start], REPOSITORY, follow=computes)))


def watched_by(stage):
    """Return the files of code that the stage depends on by dvc.yaml, those in folders too."""
    named = [Path(dep) for dep in GRAPH["stages"][stage]["deps"] if dep.startswith(OUR_PACKAGES)]
    files = {
        path.relative_to(REPOSITORY)
        for name in named
        for path in ([*(REPOSITORY / name).rglob("*")] or [REPOSITORY / name])
        if path.suffix in {".py", ".jinja"}
    }
    return set(filter(computes, files))


def source_of(stage):
    """Return the source of a stage and of the modules of `pipeline` that it is made of."""
    files = sorted(path for path in code_of(stage) if path.parts[0] == "pipeline")
    return "\n".join((REPOSITORY / path).read_text() for path in files)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_that_it_runs(stage):
    missing = code_of(stage) - watched_by(stage)
    assert not missing, "put these files, or their folder, under `deps` of the stage in dvc.yaml"


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_is_stale_by_code_that_neither_it_nor_a_stage_before_it_runs(stage):
    in_vain = watched_by(stage) - set().union(*map(code_of, [*needed(stage), stage]))
    if stage == STAGES[-1]:
        # It is last and trains no network: of what only draws and judges it watches whole folders.
        shared = ("evaluation", "pipeline/model", "pipeline/pages")
        in_vain = {path for path in in_vain if not any(map(path.is_relative_to, shared))}
    assert not in_vain, "dvc.yaml watches these in vain"


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_imports_another(stage):
    others = {Path(f"pipeline/stages/{other}.py") for other in STAGES if other != stage}
    assert not code_of(stage) & others, "DVC would not see that it depends on it"


def test_what_the_model_card_is_laid_out_by_is_watched():
    templates = {
        path.relative_to(REPOSITORY)
        for path in (REPOSITORY / "pipeline/model/card").glob("model_card.*.jinja")
    }
    assert len(templates) == 2
    assert templates <= watched_by("evaluate")


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
