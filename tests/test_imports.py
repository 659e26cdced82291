"""Who imports whom: arrows between packages and rooms, and libraries that have one home."""

import ast
import graphlib
import sys
from pathlib import Path

import pytest

from pipeline.files.source_code import imported_files

REPOSITORY = Path(__file__).resolve().parents[1]
ARROWS = {
    "pipeline": {"pipeline", "features", "models", "evaluation"},
    "features": {"features", "models"},
    "models": {"models"},
    "evaluation": {"evaluation"},
}
# Floors of rooms, the highest first: a room imports only from floors below its own. A room is a
# folder or a file of the package; "model/card" is a room above the rest of "model".
FLOORS = {
    "pipeline": (
        "__main__",
        "commands",
        "retrain",
        "compare monitor latent label",
        "score threshold card run",
        "tracking",
        "stages",
        "model/card",
        "model",
        "pages",
        "files",
        "params",
        "terminal errors",
    ),
    "models": (
        "classifier multiclass attributions decoder_layers challengers active_learning",
        "sgan series",
        "classifier_folder estimator_folder",
        "saving parameter_constraints labels devices",
        "encoders",
    ),
}
HOMES = {
    "tensorflow": ("models/",),
    "keras": ("models/",),
    "mlflow": ("pipeline/tracking/",),
    "dvc": ("pipeline/run/dvc_engine.py",),
    "xgboost": (),
}
NEVER = {"pickle", "joblib", "cloudpickle", "dill", "shelve"}
FILES = sorted(path for package in ARROWS for path in (REPOSITORY / package).rglob("*.py"))
NAMES = [path.relative_to(REPOSITORY).as_posix() for path in FILES]


def imported(path):
    """Return the top-level names that a file imports anywhere, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= {
                text.value.split(".")[0]
                for text in node.args[:1]
                if isinstance(text, ast.Constant) and isinstance(text.value, str)
            }
    return names


@pytest.mark.parametrize("name", NAMES)
def test_arrows_point_one_way(name):
    package = name.split("/")[0]
    ours = imported(REPOSITORY / name) & set(ARROWS)
    assert ours <= ARROWS[package]


def floor_and_room(path):
    """Return how low a file stands in its package, and in which room; None for ``__init__``."""
    package, inside = path.parts[0], path.relative_to(path.parts[0]).with_suffix("").as_posix()
    rooms = {room: floor for floor, line in enumerate(FLOORS[package]) for room in line.split()}
    fitting = [room for room in rooms if inside == room or inside.startswith(f"{room}/")]
    assert fitting, f"{path}: say in FLOORS on which floor this room stands"
    room = max(fitting, key=len)
    return rooms[room], room


@pytest.mark.parametrize("package", FLOORS)
def test_rooms_import_from_floors_below_only(package):
    paths = [Path(name) for name in NAMES if name.startswith(f"{package}/")]
    running_back = []
    for path in paths:
        if path.parts[1:] == ("__init__.py",):
            continue
        floor, room = floor_and_room(path)
        for other in imported_files(path, REPOSITORY, [package]):
            if other.parts[1:] == ("__init__.py",):
                continue
            floor_of_other, other_room = floor_and_room(other)
            if other_room != room and floor_of_other <= floor:
                running_back.append(f"{path} -> {other}")
    assert not running_back


def test_no_files_import_each_other_in_a_circle():
    """Whatever the place of an import: in a function and for the type checker as well."""
    packages = [*ARROWS, "benchmarks", "examples"]
    paths = [
        path.relative_to(REPOSITORY)
        for name in packages
        for path in (REPOSITORY / name).rglob("*.py")
    ]
    graph = {path: imported_files(path, REPOSITORY, packages) for path in paths}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(map(str, error.args[1])))


def test_a_folder_is_a_word_of_the_command_line_or_a_shared_room():
    """A command's word is its folder, its file in `commands` and its folder of tests."""
    commands = {path.stem for path in (REPOSITORY / "pipeline/commands").glob("[a-z]*.py")}
    commands -= {"logging_options", "numbers"}
    shared = {"commands", "files", "model", "pages", "params", "stages", "tracking"}
    rooms = {path.parent.name for path in (REPOSITORY / "pipeline").glob("*/__init__.py")}
    assert rooms == commands | shared
    tested = {path.name for path in (REPOSITORY / "tests/pipeline").iterdir() if path.is_dir()}
    assert tested - {"__pycache__"} == rooms - {"pages"}


@pytest.mark.parametrize("name", NAMES)
def test_libraries_stay_in_their_homes(name):
    names = imported(REPOSITORY / name)
    strangers = {
        library
        for library, homes in HOMES.items()
        if library in names and not any(name.startswith(home) for home in homes)
    }
    assert not strangers
    assert not names & NEVER


@pytest.mark.parametrize("name", NAMES)
def test_no_print_no_assert_no_lambda_layer(name):
    for node in ast.walk(ast.parse((REPOSITORY / name).read_text())):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert is for tests"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called != "print", f"line {node.lineno}"
            assert not called.endswith("layers.Lambda"), f"line {node.lineno}"


@pytest.mark.parametrize(
    "module", ["pipeline.__main__", "pipeline.run.running", "pipeline.run.session"]
)
def test_the_edge_imports_nothing_heavy(module, in_fresh_process):
    in_fresh_process(f"import {module}")


def test_the_checks_see_what_they_look_for(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def f():\n    from tensorflow.io import x\n    import mlflow.pyfunc as m\n")
    assert imported(path) == {"tensorflow", "mlflow"}
    assert "pipeline/tracking/run.py" in NAMES
    assert "ast" in sys.modules
