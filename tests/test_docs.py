"""The docs name what there is, and their examples and links work."""

import ast
import doctest
import re
import tomllib
from pathlib import Path

import click
import pytest

from pipeline.__main__ import cli
from pipeline.stages.artifacts import STAGES

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), REPOSITORY / "data/README.md"]
)
ESTIMATOR_BASES = {"BaseEstimator", "BaseOverSampler", "_LatentFeatures"}


def read(name):
    return (REPOSITORY / name).read_text(encoding="utf-8")


def all_pages():
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def anchors(page):
    """Return the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def estimators():
    """Return the names of the public estimators, without importing TensorFlow."""
    found = set()
    for path in [*REPOSITORY.glob("features/*.py"), *REPOSITORY.glob("models/*.py")]:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            bases = {ast.unparse(b) for b in node.bases} if isinstance(node, ast.ClassDef) else ()
            if ESTIMATOR_BASES & set(bases) and not node.name.startswith("_"):
                found.add(node.name)
    return found


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name) if name else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_described(stage):
    row = rf"^\| `{stage}` \|"
    assert re.search(row, read("docs/run.md"), flags=re.MULTILINE)
    assert re.search(row, read("README.md"), flags=re.MULTILINE)


@pytest.mark.parametrize("command", sorted(set(cli.commands) - {"stage"}))
def test_every_command_is_shown_in_use(command):
    # `stage` is for `dvc repro`, not for people.
    assert re.search(rf"(counterfoil|python -m pipeline) {command}\b", all_pages())


def test_every_shown_command_and_option_exists():
    lines = re.findall(r"^\S*(?:counterfoil|python -m pipeline) (.+)", all_pages(), re.MULTILINE)
    assert len(lines) > 10
    for line in lines:
        name, *words = line.split("#")[0].split()
        command = cli.commands[name]
        if isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        options = {word for word in words if word.startswith("-")}
        known = {option for param in command.params for option in param.opts}
        assert options <= known, line


def test_every_option_of_run_is_described():
    pages = all_pages()
    described = {o for p in cli.commands["run"].params for o in p.opts if o.startswith("-")}
    assert {option for option in described if option not in pages} <= {"--quiet", "--verbose"}


def test_every_estimator_is_described():
    page = read("docs/estimators.md")
    assert {"SGANClassifier", "TransactionScaler", "VAEFeatures", "VAEOverSampler"} <= estimators()
    assert {name for name in estimators() if f"`{name}`" not in page} == set()


def test_every_preset_is_described():
    page = read("docs/data.md")
    presets = {path.stem for path in (REPOSITORY / "presets").glob("*.yaml")}
    assert {name for name in presets if f"| `{name}` |" not in page} == set()


def test_every_dependency_is_explained():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[\[<>=~! ]", line)[0] for group in groups for line in group}
    page = read("docs/dependencies.md")
    assert {name for name in names if not re.search(rf"[| ]{re.escape(name)}\b", page)} == set()


def test_every_make_target_is_mentioned():
    targets = set(re.findall(r"^([a-z-]+):.*##", read("Makefile"), flags=re.MULTILINE))
    pages = all_pages()
    assert {target for target in targets if f"make {target}" not in pages} == set()
    mentioned = set(re.findall(r"(?:^|`)make ([a-z-]+)", pages, flags=re.MULTILINE))
    assert mentioned <= targets


def test_every_command_has_its_page():
    words = {path.stem for path in (REPOSITORY / "pipeline" / "commands").glob("[a-z]*.py")}
    for word in words - {"logging_options", "numbers"}:
        assert f"counterfoil {word}" in read(f"docs/{word}.md"), word


def test_the_folder_tree_of_the_readme_exists():
    tree = read("README.md").split("## How it is built")[1].split("```")[1]
    names = [line.split()[0] for line in tree.strip().splitlines()]
    assert len(names) > 5
    assert [name for name in names if not (REPOSITORY / name).exists()] == []


@pytest.mark.slow
def test_the_examples_of_the_estimators_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(REPOSITORY / "docs/estimators.md"), module_relative=False)
    assert result.attempted > 20
    assert result.failed == 0
