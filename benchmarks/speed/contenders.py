"""What is measured: one class a contender, living in a process of its own.

A contender is made once and then asked for a case again and again: ``run(case, seconds)`` works
for about that long and returns how much it did and how long that took. Heavy libraries are
imported when a contender is made, never when this module is.
"""

import importlib.util
import time
from pathlib import Path

from benchmarks.speed.samples import accepted, choose_device, project_params, scaled_rows

STEPS_PER_CALL = 100  # of the compiled loops; our default


class MissingLibraryError(Exception):
    """A contender's library is not installed."""


class OurTraining:
    """Our SGANTrainer, under the preset `reference` and under params.yaml as it is."""

    def __init__(self):
        self.rows, self.labels = scaled_rows()
        self.params = {"reference": project_params("reference"), "default": project_params()}
        choose_device(self.params["default"])
        self.trainers = {}

    def run(self, case, seconds):
        """Train under ``case["params"]`` with ``case["members"]``; whole compiled calls."""
        key = case["params"], case["members"], case["jit_compile"]
        if key not in self.trainers:
            self.trainers[key] = self._trainer(*key)
        trainer, pools = self.trainers[key]
        n_calls, spent = repeat(lambda: trainer.run_epoch(pools, 0.0), seconds)
        return n_calls * trainer.settings.steps_per_epoch, spent

    def _trainer(self, name, n_members, jit_compile):
        import numpy as np

        from models.sgan.fit import FitData
        from models.sgan.model import SGAN
        from models.sgan.training import SGANTrainer, SGANTrainingSettings

        params = self.params[name]
        arguments = accepted(params.sgan, SGAN) | {"n_members": n_members, "seed": 0}
        if arguments["inputs"]:
            arguments |= encoders(params, self.rows.shape[1])
        settings = accepted(params.sgan, SGANTrainingSettings) | {
            "steps_per_epoch": STEPS_PER_CALL, "jit_compile": jit_compile,
        }  # fmt: skip
        trainer = SGANTrainer(
            SGAN(self.rows.shape[1], **arguments), SGANTrainingSettings(**settings), seed=1
        )
        codes, synthetic = self.labels.astype(np.int32), np.zeros(len(self.labels), bool)
        trainer.fit_inputs(self.rows, codes)
        return trainer, FitData(self.rows, codes, synthetic, None).pools()


class ReferenceTraining:
    """The reference loop in Keras: `predict` and three `train_on_batch` a step."""

    def __init__(self):
        from benchmarks.speed.reference_loop import ReferenceLoop

        self.loop = ReferenceLoop(*scaled_rows())

    def run(self, _case, seconds):
        """Take single steps."""
        return repeat(self.loop.step, seconds)


class JaxTraining:
    """The same networks as a hand-written `lax.scan`."""

    def __init__(self):
        need("jax")
        self.rows, self.labels = scaled_rows()
        self.loops = {}

    def run(self, case, seconds):
        """Train ``case["members"]`` at once; whole compiled calls."""
        import jax

        from benchmarks.speed.jax_loop import make_loop

        members = case["members"]
        if members not in self.loops:
            self.loops[members] = make_loop(self.rows, self.labels, members, STEPS_PER_CALL)
        state, advance = self.loops[members]

        def call():
            nonlocal state
            state, losses = advance(state)
            jax.block_until_ready((state, losses))

        n_calls, spent = repeat(call, seconds)
        self.loops[members] = state, advance
        return n_calls * STEPS_PER_CALL, spent


class TorchTraining:
    """The same networks as a PyTorch eager loop."""

    def __init__(self):
        need("torch")
        from benchmarks.speed.torch_loop import TorchLoop

        self.loop = TorchLoop(*scaled_rows())

    def run(self, _case, seconds):
        """Take single steps; a batch of steps between two looks at the clock."""
        n_calls, spent = repeat(lambda: [self.loop.step() for _ in range(10)], seconds)
        return 10 * n_calls, spent


class OurEncoders:
    """`models.encoders.training.train` on the autoencoder or the VAE of params.yaml."""

    def __init__(self):
        self.rows, _ = scaled_rows()
        self.params = project_params()
        choose_device(self.params)

    def run(self, case, seconds):
        """Train ``case["model"]``; whole epochs, the first one (which compiles) left out."""
        from models.encoders.training import TrainingSettings, train

        model = encoders(self.params, self.rows.shape[1])[case["model"]]
        section = getattr(self.params, case["model"])
        clock = EpochClock(seconds)
        settings = accepted(section, TrainingSettings) | {"epochs": 10_000}
        with clock:
            train(model, self.rows, TrainingSettings(**settings), on_epoch=clock.tick)
        return clock.n_epochs * len(self.rows), clock.seconds


class KerasEncoders:
    """`keras.Model.fit` on equal networks."""

    def __init__(self):
        self.rows, _ = scaled_rows()
        self.params = project_params()

    def run(self, case, seconds):
        """Train ``case["model"]``; whole epochs, the first one (which compiles) left out."""
        import keras

        from benchmarks.speed.keras_encoders import build

        section = getattr(self.params, case["model"])
        model, targets = build(case["model"], section, self.rows)
        clock = EpochClock(seconds)
        callback = keras.callbacks.LambdaCallback(on_epoch_end=clock.tick)
        with clock:
            model.fit(
                self.rows, targets, batch_size=section.batch_size, epochs=10_000, verbose=0,
                callbacks=[callback],
            )  # fmt: skip
        return clock.n_epochs * len(self.rows), clock.seconds


class OurScoring:
    """The packaged model of a run: raw table in, calibrated probability out."""

    def __init__(self, model):
        from pipeline.model import folder as model_folder

        choose_device(project_params())
        self.model = model_folder.load(Path(model))

    def run(self, case, seconds):
        """Score ``case["rows"]`` rows at a time."""
        table = raw_table(case["rows"])
        n_calls, spent = repeat(lambda: self.model.predict(table), seconds)
        return n_calls * len(table), spent


class XGBoostScoring:
    """XGBoost, 400 trees of depth 5, on the columns that our model reads."""

    def __init__(self):
        need("xgboost")
        from xgboost import XGBClassifier

        table = raw_table(N_TRAINING_ROWS)
        self.model = XGBClassifier(n_estimators=400, max_depth=5, learning_rate=0.1)
        self.model.fit(inputs(table), table["Class"])

    def run(self, case, seconds):
        """Score ``case["rows"]`` rows at a time."""
        table = raw_table(case["rows"])
        n_calls, spent = repeat(lambda: self.model.predict_proba(inputs(table))[:, 1], seconds)
        return n_calls * len(table), spent


N_TRAINING_ROWS = 50_000
CONTENDERS = {
    kind.__name__: kind
    for kind in (
        OurTraining, ReferenceTraining, JaxTraining, TorchTraining, OurEncoders, KerasEncoders,
        OurScoring, XGBoostScoring,
    )
}  # fmt: skip


class EpochClock:
    """Counts epochs after the first until the time is up, then ends the training."""

    class _TimeIsUpError(Exception):
        pass

    def __init__(self, seconds):
        self.wanted = seconds
        self.n_epochs, self.seconds = -1, 0.0

    def tick(self, *_):
        """Take note that an epoch has ended."""
        now = time.perf_counter()
        self.n_epochs += 1
        if self.n_epochs == 0:
            self.started = now
        self.seconds = now - self.started
        if self.n_epochs and self.seconds >= self.wanted:
            raise self._TimeIsUpError

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        return kind is self._TimeIsUpError


def repeat(call, seconds):
    """Call again and again for about that long: how often, and in how many seconds."""
    n_calls, spent = 0, 0.0
    started = time.perf_counter()
    while n_calls == 0 or spent < seconds:
        call()
        n_calls, spent = n_calls + 1, time.perf_counter() - started
    return n_calls, spent


def encoders(params, n_features):
    """Untrained autoencoder and VAE of the parameters, by argument of `SGAN`."""
    from models.encoders.autoencoder import TabularAutoencoder
    from models.encoders.vae import TabularVAE

    return {
        "autoencoder": TabularAutoencoder(
            n_features, **accepted(params.autoencoder, TabularAutoencoder)
        ),
        "vae": TabularVAE(n_features, **accepted(params.vae, TabularVAE)),
    }


def raw_table(n_rows):
    """Simulated transactions as they come, not scaled."""
    from features.simulation import simulate_transactions

    if n_rows not in _tables:
        # A very small table has no fraud, which the simulator refuses to draw.
        _tables[n_rows] = simulate_transactions(max(n_rows, 10_000), seed=8).head(n_rows)
    return _tables[n_rows]


_tables = {}


def inputs(table):
    """Return the columns that a model reads."""
    return table.drop(columns=["Time", "Class"])


def need(library):
    """Raise `MissingLibraryError` if a library is not installed."""
    if importlib.util.find_spec(library) is None:
        raise MissingLibraryError(f"{library} is not installed")
