"""Writes simulated transactions to a file."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import UsageError
from pipeline.files.atomic import atomic_path

SUFFIXES = (".csv", ".parquet")
SECONDS_PER_DAY = 86_400.0


def simulate(
    out: Path, *, n_rows: int, fraud_rate: float, seed: int, drift: float, n_days: float,
    first_day: float,
) -> None:  # fmt: skip
    """Write a table from `features.simulation.simulate_transactions`.

    Parameters
    ----------
    out : Path
        ``.csv`` or ``.parquet``; replaced in one step.
    n_rows, fraud_rate, seed, drift, n_days
        See `simulate_transactions`.
    first_day : float
        Days that are added to every time.

    Raises
    ------
    UsageError
        If the suffix is neither, if the folder does not exist, or if the numbers do not go
        together.
    """
    if out.suffix not in SUFFIXES:
        raise UsageError(f"--out {out}: expected a name that ends in .csv or .parquet")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: the folder {out.parent} does not exist; create it first")
    from features.simulation import simulate_transactions

    try:
        table = simulate_transactions(
            n_rows, fraud_rate=fraud_rate, drift=drift, n_days=n_days, seed=seed
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    table = table.assign(Time=table["Time"] + first_day * SECONDS_PER_DAY)
    with atomic_path(out) as fresh:
        if out.suffix == ".csv":
            table.to_csv(fresh, index=False)
        else:
            table.to_parquet(fresh, index=False)
