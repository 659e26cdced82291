"""What the contenders are measured on: simulated rows and the project's own parameters."""

import inspect
from dataclasses import fields
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
N_ROWS = 50_000


def scaled_rows(n_rows=N_ROWS):
    """Standardised simulated rows without time, float32 (n_rows, 29), and their labels."""
    from features.simulation import simulate_transactions

    table = simulate_transactions(n_rows, seed=7)
    rows = table.drop(columns=["Time", "Class"]).to_numpy()
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    return rows.astype(np.float32), table["Class"].to_numpy()


def project_params(*presets):
    """Checked parameters of params.yaml with presets put in."""
    from pipeline.params.sections import check_params
    from pipeline.run.request import RunRequest
    from pipeline.run.running import resolve_params

    request = RunRequest(folder=ROOT, presets=presets)
    return check_params(resolve_params(request), "params.yaml")


def choose_device(params):
    """Set TensorFlow up as a run with these parameters does; the name of the device."""
    from models import devices

    return devices.configure(params.device, deterministic=params.mode == "deterministic")


def accepted(section, target):
    """Return the values of a section of parameters that a class or dataclass takes."""
    values = section.model_dump()
    if hasattr(target, "__dataclass_fields__"):
        names = {field.name for field in fields(target)}
    else:
        names = set(inspect.signature(target).parameters)
    return {name: value for name, value in values.items() if name in names}
