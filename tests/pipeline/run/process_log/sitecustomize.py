"""Write down every Python process and the heavy libraries it imported; for PYTHONPATH.

One line of JSON when an interpreter starts (or forks), and one when it ends.
"""

import atexit
import json
import os
import sys
from pathlib import Path

HEAVY = ("tensorflow", "keras", "mlflow", "sklearn")


def _write(event):
    imported = [name for name in HEAVY if name in sys.modules]
    line = json.dumps({"event": event, "pid": os.getpid(), "imported": imported})
    with Path(os.environ["PROCESS_LOG"]).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


_write("start")
atexit.register(_write, "end")
os.register_at_fork(after_in_child=lambda: _write("start"))
