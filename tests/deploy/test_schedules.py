"""What all schedules must have in common, and that the image gets all that the command needs."""

import ast
import configparser
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".pyc")
CRON = (DEPLOY / "cron" / "counterfoil").read_text()
CONTAINERFILE = (DEPLOY / "kubernetes" / "Containerfile").read_text()
PAGE = (REPOSITORY / "docs" / "schedules.md").read_text()


def unit(name):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(DEPLOY / "systemd" / name)
    return parser


def manifest(kind):
    documents = yaml.safe_load_all((DEPLOY / "kubernetes" / "cronjob.yaml").read_text())
    return next(one for one in documents if one["kind"] == kind)


def workflow():
    return yaml.safe_load((DEPLOY / "github" / "retrain.yml").read_text())


def dag(monkeypatch):
    """Run the DAG file against a stand-in for Airflow; return what it built."""
    built = {}

    class DAG:
        def __init__(self, **options):
            built["dag"] = options

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    def operator(**options):
        built.setdefault("tasks", []).append(options)

    for name in ("airflow", "airflow.providers", "airflow.providers.standard",
                 "airflow.providers.standard.operators"):  # fmt: skip
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    for name, content in (
        ("airflow.sdk", {"DAG": DAG}),
        ("airflow.providers.standard.operators.bash", {"BashOperator": operator}),
    ):
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    path = DEPLOY / "airflow" / "counterfoil_retrain.py"
    exec(compile(path.read_text(), path.name, "exec"), {"__name__": "counterfoil_retrain"})
    return built


def test_runs_do_not_overlap(monkeypatch):
    assert unit("counterfoil-retrain.service")["Service"]["Type"] == "oneshot"
    assert workflow()["concurrency"] == {
        "group": "counterfoil-retrain",
        "cancel-in-progress": False,
    }
    assert manifest("CronJob")["spec"]["concurrencyPolicy"] == "Forbid"
    assert dag(monkeypatch)["dag"]["max_active_runs"] == 1


def test_nothing_calls_again_after_refused_data(monkeypatch):
    # The second call would find nothing new, end well, and hide the alarm of the first.
    assert not any("Restart" in section for section in unit("counterfoil-retrain.service").values())
    job = manifest("CronJob")["spec"]["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["template"]["spec"]["restartPolicy"]) == (0, "Never")
    (task,) = dag(monkeypatch)["tasks"]
    assert task["retries"] == 0


def test_all_call_the_script(monkeypatch):
    (task,) = dag(monkeypatch)["tasks"]
    steps = workflow()["jobs"]["retrain"]["steps"]
    calls = (
        CRON.splitlines()[-1],
        unit("counterfoil-retrain.service")["Service"]["ExecStart"],
        steps[-1]["run"],
        CONTAINERFILE.splitlines()[-1],
        task["bash_command"],
    )
    assert all("/deploy/retrain.sh" in call for call in calls), calls
    assert not task["bash_command"].endswith(".sh")  # Airflow would take it for a template


def test_a_rejection_shows_in_airflow_and_a_failure_elsewhere(monkeypatch):
    (task,) = dag(monkeypatch)["tasks"]
    assert task["env"]["COUNTERFOIL_REJECTED_EXIT"] == str(task["skip_on_exit_code"]) == "20"
    assert task["append_env"] is True
    service = unit("counterfoil-retrain.service")
    assert service["Service"].get("SuccessExitStatus") is None
    assert (DEPLOY / "systemd" / service["Unit"]["OnFailure"]).exists()


def secrets_in(text):
    """What is given to a password or token in clear, and addresses that carry one."""
    given = re.findall(r"MLFLOW_TRACKING_(?:PASSWORD|TOKEN)\s*[:=]\s*(\S.*)", text)
    given += re.findall(r"name: MLFLOW_TRACKING_(?:PASSWORD|TOKEN)\s+value: (.*)", text)
    clear = [value for value in given if not value.startswith(("${{ secrets.", "$(cat "))]
    return clear + re.findall(r"//[^/\s]+:[^/\s]+@", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_holds_a_secret(path):
    assert secrets_in(path.read_text()) == []
    assert "kind: Secret" not in path.read_text()


@pytest.mark.parametrize(
    "line",
    [
        "MLFLOW_TRACKING_PASSWORD=tiger",
        "MLFLOW_TRACKING_PASSWORD: tiger",
        "- name: MLFLOW_TRACKING_TOKEN\n  value: tiger",
        "MLFLOW_TRACKING_URI=https://me:tiger@mlflow",
    ],
)
def test_a_secret_would_be_found(line):
    assert secrets_in(line)


def test_the_page_describes_every_variable_of_the_script():
    script = (DEPLOY / "retrain.sh").read_text()
    names = set(re.findall(r"COUNTERFOIL_[A-Z_]+|MLFLOW_[A-Z_]+", script))
    assert len(names) > 8
    assert {name for name in names if f"| `{name}` |" not in PAGE} == set()
    others = {
        name
        for path in FILES
        for name in re.findall(r"\bCOUNTERFOIL_(?!RUNNER)[A-Z_]+", path.read_text())
    }
    assert others <= names


def test_the_page_names_every_file():
    assert [path.name for path in FILES if path.name not in PAGE] == []


def copied():
    """What the image copies from the repository: (source, target)."""
    found = []
    for line in re.findall(r"^COPY (.+)$", CONTAINERFILE, flags=re.MULTILINE):
        *sources, target = [word for word in line.split() if not word.startswith("--")]
        found += [
            (source, f"{target}{source}" if target.endswith("/") else target) for source in sources
        ]
    return found


def test_the_builder_is_sent_what_the_image_copies_and_nothing_else():
    ignore = (DEPLOY / "kubernetes" / "Containerfile.dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert sent == {source for source, _ in copied()}


@pytest.mark.slow
def test_what_the_image_copies_is_enough(tmp_path):
    # No engine builds images here: the same files, the same installation step, the same call.
    image, packages = tmp_path / "image", tmp_path / "packages"
    for source, target in copied():
        (image / target).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (REPOSITORY / source).is_dir() else shutil.copy
        copy(REPOSITORY / source, image / target)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--target", packages, "."],
        cwd=image, check=True, timeout=300,
    )  # fmt: skip
    # The installed packages alone: not those in the folder of the image, nor in this repository.
    (tmp_path / "counterfoil").write_text(
        f'#!/bin/sh\ncd "{image}" && exec "{sys.executable}" -P -m pipeline "$@"\n'
    )
    (tmp_path / "counterfoil").chmod(0o755)
    (tmp_path / "in").mkdir()
    done = subprocess.run(
        [image / "deploy" / "retrain.sh"], check=False, capture_output=True, text=True, timeout=300,
        env={
            "PATH": "/usr/bin:/bin", "PYTHONPATH": str(packages), "COUNTERFOIL_HOME": str(image),
            "COUNTERFOIL_COMMAND": str(tmp_path / "counterfoil"),
            "COUNTERFOIL_DATA": str(tmp_path / "in"), "COUNTERFOIL_STATE": str(tmp_path / "state"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "HOME": str(tmp_path),
        },
    )  # fmt: skip
    assert "(exit code 10)" in done.stderr, done.stderr
    assert done.returncode == 0
    assert list(packages.glob("pipeline/compare/*.jinja"))


def test_the_dag_file_imports_only_airflow():
    tree = ast.parse((DEPLOY / "airflow" / "counterfoil_retrain.py").read_text())
    names = {
        node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    assert names == {"__future__", "datetime", "airflow"}
