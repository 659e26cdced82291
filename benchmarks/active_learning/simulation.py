"""Asks for labels batch by batch, and judges the network that each number of labels gives."""

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from benchmarks.quality.rows import FEATURES, N_FOLDS, UNLABELLED, Table
from evaluation.ranking import average_precision
from models.active_learning import STRATEGIES, choose_queries

START = {1: 3, 0: 47}  # labels of each class that every strategy starts from
COUNTS = (50, 100, 200, 300, 400)  # labels at which every strategy is judged
LATER_COUNTS = (700, 1000)  # and random alone
TARGET_COUNT, TARGET_BUDGET = 1000, 400
# Near presets/few_labels.yaml, with fewer members and epochs and without encoders. What those
# fits depend on is said here, whatever the defaults of the classifier become.
SETTINGS = {
    "n_members": 4, "epochs": 6, "steps_per_epoch": 100, "batch_size": 128,
    "unsupervised_batch_size": 64, "column_encoding": "none", "column_share": 1.0,
    "dropout": 0.5, "input_noise": 1.0, "final_input_noise": 1.0, "fraud_share": 0.1,
    "discriminator_units": [128, 64], "learning_rate": 1e-3, "learning_rate_schedule": "constant",
    "unsupervised_weight": 0.1,
}  # fmt: skip
PSEUDO_LABEL_WEIGHTS = (0.0, 0.5)  # everything is simulated with each
SMALL = {"n_members": 2, "epochs": 1, "steps_per_epoch": 5}


@dataclass(frozen=True)
class Fold:
    """The rows of one seed: a pool that labels are asked for, and test rows.

    Attributes
    ----------
    X, y : float32 (n_pool, n_features), int8 (n_pool,)
        Training rows, scaled by all of them.
    X_test, y_test, weight
        The fifth of the rows that nothing is chosen by.
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Job:
    """One fit: so many labels, chosen by a strategy from a start of its seed."""

    strategy: str
    seed: int
    n_labels: int
    pseudo_label_weight: float
    small: bool

    @property
    def key(self):
        """Name of the job, the same for the start of every strategy."""
        settings = SETTINGS | (SMALL if self.small else {})
        content = asdict(self) | {"settings": settings, "start": list(START.items())}
        if self.n_labels == COUNTS[0]:
            content["strategy"] = ["start of", *STRATEGIES]
        content["counts"] = [n for n in (*COUNTS, *LATER_COUNTS) if n <= self.n_labels]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_fold(table: Table, seed):
    """Fold number `seed` of five."""
    from features.scaling import TransactionScaler

    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    train, test = list(folds.split(table.y, table.y))[seed % N_FOLDS]
    frame = pd.DataFrame(table.X, columns=list(FEATURES))
    scaler = TransactionScaler(method="arcsinh").fit(frame.iloc[train])
    X = scaler.transform(frame).astype(np.float32)
    return Fold(X[train], table.y[train], X[test], table.y[test], table.weight[test])


def start_rows(fold, seed):
    """Positions of the rows that are labelled from the start, the same for all strategies."""
    rng = np.random.default_rng([seed, 1])
    drawn = [rng.permutation(np.flatnonzero(fold.y == label))[:n] for label, n in START.items()]
    return np.sort(np.concatenate(drawn))


def run_job(job, fold, labelled):
    """Fit with those labels, judge on the test rows; return the figures and the test scores.

    The figures hold what the strategy asks for next, `queried`, for the size of its next batch.
    """
    import keras

    from models.classifier import SGANClassifier
    from models.sgan.lending import forget_trainers

    started = time.perf_counter()
    y = np.full(len(fold.y), UNLABELLED)
    y[labelled] = fold.y[labelled]
    settings = SETTINGS | (SMALL if job.small else {})
    classifier = SGANClassifier(
        **settings, pseudo_label_weight=job.pseudo_label_weight,
        random_state=1000 * job.seed + job.n_labels,
    )  # fmt: skip
    classifier.fit(fold.X, y)
    score = classifier.decision_function(fold.X_test)
    pool = np.flatnonzero(y == UNLABELLED)
    log_odds = classifier.decision_function_members(fold.X[pool])
    forget_trainers()
    keras.backend.clear_session()
    later = [n for n in counts_of(job.strategy) if n > job.n_labels]
    queried = {}
    # The start is fitted once, and asked by every strategy.
    for strategy in STRATEGIES if job.n_labels == COUNTS[0] else [job.strategy]:
        if later:
            rng = np.random.default_rng([job.seed, job.n_labels, 2])
            chosen = choose_queries(
                strategy, later[0] - job.n_labels, fold.X[pool], expit(log_odds),
                score=expit(log_odds.mean(axis=1)), known=fold.X[labelled], rng=rng,
            )  # fmt: skip
            queried[strategy] = np.sort(pool[chosen]).tolist()
    figures = {
        "key": job.key, **asdict(job),
        "average_precision": float(average_precision(fold.y_test, score, fold.weight)),
        "n_labelled_frauds": int(fold.y[labelled].sum()),
        "queried": queried,
        "seconds": round(time.perf_counter() - started, 2),
    }  # fmt: skip
    return figures, score


def counts_of(strategy):
    """Numbers of labels at which a strategy is judged."""
    return COUNTS + (LATER_COUNTS if strategy == "random" else ())


def simulate(table, ledger, seeds, *, small):
    """Run what the results file lacks, the strategies one after the other."""
    done = ledger.by_key()
    folds = {}
    # First "random", which the page compares the others with.
    in_order = sorted(STRATEGIES, key=lambda name: name != "random")
    for weight, strategy in product(PSEUDO_LABEL_WEIGHTS, in_order):
        for seed in seeds:
            fold = folds[seed] = folds.get(seed) or make_fold(table, seed)
            labelled = start_rows(fold, seed)
            for n_labels in counts_of(strategy):
                job = Job(strategy, seed, n_labels, weight, small)
                if job.key not in done:
                    figures, score = run_job(job, fold, labelled)
                    ledger.add(figures, {"score": score})
                    done[job.key] = figures
                    print(*asdict(job).values(), figures["average_precision"], flush=True)
                queried = done[job.key]["queried"].get(strategy, [])
                labelled = np.sort(np.append(labelled, queried)).astype(int)


def collect(ledger, seeds, *, small):
    """Figures of the jobs of finished strategies, those that have all seeds at all counts.

    Columns: pseudo_label_weight, strategy, seed, n_labels, average_precision,
    n_labelled_frauds, seconds.
    """
    done = ledger.by_key()
    rows = [
        {"pseudo_label_weight": weight, "strategy": strategy, "seed": seed, "n_labels": n_labels}
        | {name: line[name] for name in ("average_precision", "n_labelled_frauds", "seconds")}
        for weight, strategy, seed in product(PSEUDO_LABEL_WEIGHTS, STRATEGIES, seeds)
        for n_labels in counts_of(strategy)
        if (line := done.get(Job(strategy, seed, n_labels, weight, small).key))
    ]
    found = pd.DataFrame(rows)
    n_jobs = found.groupby(["pseudo_label_weight", "strategy"])["seed"].transform("size")
    wanted = found["strategy"].map(lambda name: len(seeds) * len(counts_of(name)))
    return found[n_jobs == wanted].reset_index(drop=True)


def finished(results):
    """Names of the strategies that have all their results."""
    return [name for name in STRATEGIES if (results["strategy"] == name).any()]
