"""A `counterfoil` that records how it was called and ends as it is told."""

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "deploy" / "retrain.sh"
FAKE = """\
#!/bin/sh
# Records the call under its exit code, prints what the real command would.
exit_code=${FAKE_EXIT:-0}
{
  printf 'ARGUMENTS=%s\\n' "$*"
  printf 'FOLDER=%s\\n' "$(pwd)"
  env
} > "$FAKE_CALLS/$exit_code"
echo "a line of the log" >&2
case $exit_code in
  0 | 10 | 20 | 30) printf '{"exit_code": %s, "reason": "5 %% worse"}\\n' "$exit_code" ;;
  *) echo "Error: no server" >&2 ;;
esac
exit "$exit_code"
"""


class Fake:
    """The fake command, a project for it, and what was recorded."""

    script = SCRIPT

    def __init__(self, folder):
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        for made in (self.home, self.bin, self.calls):
            made.mkdir()
        self.command = self.bin / "counterfoil"
        self.command.write_text(FAKE)
        self.command.chmod(0o755)
        self.environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "COUNTERFOIL_HOME": str(self.home),
            "COUNTERFOIL_DATA": "/srv/new files",
            "FAKE_CALLS": str(self.calls),
        }

    def call(self, exit_code):
        """What the command found when it was told to end with this code."""
        lines = (self.calls / str(exit_code)).read_text().splitlines()
        return dict(line.partition("=")[::2] for line in lines)

    def run(self, *arguments, exit_code=0, **more):
        return subprocess.run(
            [SCRIPT, *arguments], env=self.environment | {"FAKE_EXIT": str(exit_code)} | more,
            text=True, capture_output=True, check=False, timeout=60, cwd="/",
        )  # fmt: skip


@pytest.fixture
def fake(tmp_path):
    return Fake(tmp_path)
