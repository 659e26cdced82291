"""The crontab, run by Debian's cron for a minute, in a mount namespace that hides the system's."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from features.simulation import simulate_transactions

REPOSITORY = Path(__file__).parents[2]
CRONTAB = (REPOSITORY / "deploy" / "cron" / "counterfoil").read_text()
CRON = shutil.which("cron", path=f"{os.environ['PATH']}:/usr/sbin")
SENDMAIL = """\
#!/bin/sh
cat > "$(mktemp "{folder}/mail/XXXXXX")"
"""
# cron reads fixed paths; here they are ours, for its processes alone.
HIDE = """\
set -eu
for name in cron.d crontab; do mount --bind "$1/$name" "/etc/$name"; done
mount --bind "$1/spool" /var/spool/cron
mount --bind "$1/run" "$(readlink -f /var/run)"
mount --bind "$1/sbin" "$(readlink -f /usr/sbin)"
exec "$1/sbin/cron" -f
"""
ISOLATE = (
    "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
    "--mount-proc",
)  # fmt: skip
FAKE_EXITS = (0, 10, 20, 30, 40, 1, 2)
REAL = (
    "--preset quick -S tracking.system_metrics=false -S sgan.epochs=2 "
    "-S sgan.challenge_augmentation=false -S retrain.min_calibration_slope=0.0 "
    "-S retrain.max_calibration_slope=20.0 -S retrain.max_mean_ks=1.0"
)


def why_not():
    if CRON is None:
        return "cron is not installed (package cron)"
    if os.geteuid() != 0:
        return "only root can run a cron of its own"
    tried = subprocess.run([*ISOLATE, "true"], capture_output=True, text=True, check=False)
    return f"no mount namespace here: {tried.stderr.strip()}" if tried.returncode else ""


def crontab(**settings):
    """The shipped crontab, due every minute, for this user, with other settings."""
    due, n_lines = re.subn(
        r"^17 2 \* \* \*  counterfoil ", "* * * * * root ", CRONTAB, flags=re.MULTILINE
    )
    assert n_lines == 1
    for name, value in settings.items():
        line = f"{name}={value}"
        if re.search(rf"^{name}=", due, flags=re.MULTILINE):
            due = re.sub(rf"^{name}=.*$", lambda _, line=line: line, due, flags=re.MULTILINE)
        else:
            due = due.replace("\n\n", f"\n{line}\n\n", 1)
    return due


class Cron:
    """The folders that cron sees, and what came of a minute."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("cron.d", "spool/crontabs", "run", "sbin", "mail"):
            (folder / name).mkdir(parents=True)
        (folder / "crontab").touch()
        shutil.copy(CRON, folder / "sbin" / "cron")
        sendmail = folder / "sbin" / "sendmail"
        sendmail.write_text(SENDMAIL.format(folder=folder))
        sendmail.chmod(0o755)

    def install(self, name, text):
        path = self.folder / "cron.d" / name
        path.write_text(text)
        path.chmod(0o644)

    def run_until(self, done, seconds):
        """Run cron until `done()`; then end it, and with it every process that it started."""
        with (self.folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [*ISOLATE, "sh", "-c", HIDE, "sh", self.folder], stdout=output, stderr=output
            )
        try:
            deadline = time.monotonic() + seconds
            while not done() and time.monotonic() < deadline:
                assert process.poll() is None, (self.folder / "output").read_text()
                time.sleep(0.2)
        finally:
            process.kill()
            process.wait(10)

    def mails(self):
        return [path.read_text() for path in (self.folder / "mail").iterdir()]


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def ended(path):
    """The exit codes in a log."""
    return [int(code) for code in re.findall(r"\(exit code (\d+)\)", "\n".join(lines(path)))]


@pytest.mark.slow
@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_a_minute_of_cron(tmp_path, fake, mlflow_database):
    cron = Cron(tmp_path / "cron")
    logs = {code: tmp_path / f"{code}.log" for code in FAKE_EXITS}
    shared = {"COUNTERFOIL_HOME": tmp_path / "home with a space", "MAILTO": "risk"}
    fake.home.rename(shared["COUNTERFOIL_HOME"])
    shutil.copytree(REPOSITORY / "deploy", shared["COUNTERFOIL_HOME"] / "deploy")
    for code, log in logs.items():
        cron.install(
            f"fake{code}",
            crontab(
                **shared, PATH=f"{fake.bin}:/usr/bin:/bin", COUNTERFOIL_LOG=log,
                COUNTERFOIL_STATE=tmp_path / "state", MLFLOW_TRACKING_URI="http://127.0.0.1:9",
                FAKE_EXIT=code, FAKE_CALLS=fake.calls,
            ),
        )  # fmt: skip

    real = tmp_path / "real"
    (real / "in").mkdir(parents=True)
    shutil.copy(REPOSITORY / "params.yaml", real)
    shutil.copytree(REPOSITORY / "presets", real / "presets")
    shutil.copytree(REPOSITORY / "deploy", real / "deploy")
    shutil.copy(mlflow_database.path, real / "mlflow.db")
    simulate_transactions(4000, fraud_rate=0.015, n_days=7, seed=0).to_parquet(
        real / "in" / "0.parquet", index=False
    )
    command = real / "counterfoil"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline "$@"\n')
    command.chmod(0o755)
    text = crontab(
        COUNTERFOIL_HOME=real, COUNTERFOIL_DATA=real / "in", COUNTERFOIL_LOG=real / "log",
        COUNTERFOIL_STATE=real / "state", MLFLOW_TRACKING_URI=f"sqlite:///{real}/mlflow.db",
        MAILTO="real", COUNTERFOIL_COMMAND=command, PYTHONPATH=REPOSITORY, OMP_NUM_THREADS=1,
    )  # fmt: skip
    cron.install("real", text.replace('retrain.sh"', f'retrain.sh" {REAL}'))

    cron.run_until(
        lambda: all(ended(log) for log in logs.values()) and 0 in ended(real / "log"), 240
    )

    for code, log in logs.items():
        assert set(ended(log)) == {code}
        assert "a line of the log" in lines(log)
        call = fake.call(code)
        state = tmp_path / "state"
        assert call["ARGUMENTS"] == (f"retrain --data /srv/counterfoil/deliveries --state {state}")
        assert call["FOLDER"] == str(shared["COUNTERFOIL_HOME"])
        assert call["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:9"
        assert "FAKE_CALLS" in call
        assert "PYTEST_CURRENT_TEST" not in call  # cron's own environment, not this one
    mails = [mail for mail in cron.mails() if "To: risk" in mail]
    mailed = {int(code) for mail in mails for code in re.findall(r"exit code (\d+)", mail)}
    assert mailed == {20, 30, 1, 2}

    # The real command was called every minute: the second call found the first at work.
    assert ended(real / "log")[-1] == 0
    assert set(ended(real / "log")) <= {0, 40}
    outcome = json.loads(lines(real / "log")[-1].partition(") ")[2])
    assert (outcome["outcome"], outcome["challenger"]) == ("promoted", "1")
    assert (real / "state" / "history.jsonl").exists()
    assert not [mail for mail in cron.mails() if "To: real" in mail]
