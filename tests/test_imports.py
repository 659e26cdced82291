"""Who imports whom: arrows between our packages, and libraries that have one home."""

import ast
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ARROWS = {
    "pipeline": {"pipeline", "features", "models", "evaluation"},
    "features": {"features", "models"},
    "models": {"models"},
    "evaluation": {"evaluation"},
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
