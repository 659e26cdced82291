"""A tiny project in which every stage did its real work, and copies of it to tamper with."""

import hashlib
import shutil
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from pipeline.params.sections import load_params
from pipeline.run.session import Session
from pipeline.stages.artifacts import STAGES, Artifacts

REPOSITORY = Path(__file__).parents[2]

# 60 training frauds and 12 unlabelled ones of them; figures weighted to a prevalence of 1 %.
TINY = {
    "data.simulated.n_rows": 1000,
    "data.simulated.fraud_rate": 0.1,
    "split.n_labelled_frauds": 48,
    "split.n_labelled_genuine": 200,
    "autoencoder.epochs": 2,
    "vae.epochs": 2,
    "vae.beta_warmup_epochs": 1,
    "augment.sampling_strategy": 0.4,
    "sgan.n_members": 2,
    "sgan.epochs": 4,
    "sgan.steps_per_epoch": 8,
    "sgan.batch_size": 64,
    "sgan.generator_units": [16],
    "sgan.discriminator_units": [16],
    "sgan.ema_decay": 0.9,
    "evaluate.prevalence": 0.01,
    "evaluate.n_resamples": 100,
}


class TrainedProject:
    """Artifacts under `folder`, made with the parameters `TINY`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.artifacts = Artifacts(self.folder / "artifacts")

    @staticmethod
    def params(**overrides):
        """Return the parameters; ``sgan__seed=1`` overrides ``sgan.seed``."""
        dotted = {key.replace("__", "."): value for key, value in overrides.items()}
        return load_params(REPOSITORY / "params.yaml", TINY | dotted)

    def run(self, *stages, **overrides):
        """Run stages with real training, all of them unless some are named."""
        params = self.params(**overrides)
        options = {"root": self.folder, "home": self.folder, "tracking": False}
        # On tables this small threads wait for each other longer than they compute.
        with threadpool_limits(1), Session(params, self.artifacts, **options) as session:
            for stage in stages or STAGES:
                session.run_stage(stage)
        return self

    def copy(self, folder):
        """Return a copy of the project in another folder."""
        shutil.copytree(self.folder, folder)
        return TrainedProject(folder)

    def path(self, stage, name):
        """Return the path of a file of a stage."""
        return self.artifacts.folder(stage) / name

    def digests(self, *stages):
        """Return the SHA-256 of every file that the stages wrote, by stage/name."""
        return {
            path.relative_to(self.artifacts.root).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for stage in stages
            for path in sorted(self.artifacts.folder(stage).rglob("*"))
            if path.is_file()
        }

    def rows_of(self, part, *, is_labelled=None):
        """Return a mask of the rows of a part, of its labelled or of its unlabelled rows."""
        split = self.artifacts.split()
        mask = split["part"] == part
        if is_labelled is not None:
            mask &= split["is_labelled"] == is_labelled
        return mask.to_numpy()

    def tamper(self, rows, change):
        """Replace rows of the ingested table by what `change` makes of them."""
        table = self.artifacts.transactions()
        changed = change(table.loc[rows].copy())
        rest = table.loc[~rows]
        table = pd.concat([rest, changed.astype(table.dtypes)]).sort_index()
        table.to_parquet(self.path("ingest", "transactions.parquet"), index=False)
        return self
