"""The studies of the benchmark: which variants are fitted on which splits, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import get_args

from benchmarks.quality import variants
from benchmarks.quality.jobs import Job, Variant
from benchmarks.quality.peers import AS_GENUINE
from benchmarks.quality.rows import N_FOLDS
from benchmarks.quality.variants import network, peer
from pipeline.params.sections import AugmentParams

N_SEEDS = 3
SHARES = (0.6, 0.7, 0.8)
BUDGETS = {"20 + 480": (20, 480), "50 + 450": (50, 450), "all + 500": (None, 500)}
N_STEADY_SEEDS = 50
REFERENCE_GROUP = 10  # members of one fit; each is a GAN of its own
N_FEW_FRAUDS = 20
DRIFT = "out of time"
# What was ahead out of time is tried again on rows that had no part in choosing it.
CONFIRMING = "against time"
CONFIRMED = ("none", "vae_posterior", "vae_interpolation")
NEW = "new patterns"
SYNTHETIC_PER_FRAUD = {
    "all frauds": 1.0, "20 frauds": 10.0, NEW: 1.0, DRIFT: 1.0, CONFIRMING: 1.0,
}  # fmt: skip

FULL_PEERS = (
    "xgboost", "hist_gradient_boosting", "random_forest", "logistic_regression",
    "smote_xgboost", "balanced_random_forest",
)  # fmt: skip
TIME_PEERS = ("xgboost", "random_forest", "hist_gradient_boosting", "logistic_regression")
NEW_PEERS = ("xgboost", "hist_gradient_boosting", "logistic_regression")
FEW_PEERS = (
    "logistic_regression", "shrunken_logistic_regression", "xgboost", "random_forest",
    "xgboost" + AS_GENUINE, "logistic_regression" + AS_GENUINE,
)  # fmt: skip
INPUTS = {
    "raw": [],
    "autoencoder_code": ["autoencoder_code"],
    "reconstruction_error": ["reconstruction_error"],
    "vae_code": ["vae_code"],
    "all": ["autoencoder_code", "reconstruction_error", "vae_code"],
}


def plan(
    *,
    small: bool = False,
    studies: Iterable[str] = (),
    only: Iterable[str] = (),
    n_steady_seeds: int = N_STEADY_SEEDS,
) -> list[Job]:
    """Return all jobs, the most telling first: the first split of every variant, then the second.

    Parameters
    ----------
    small : bool
        A smoke test: few rows, few splits, short fits.
    studies, only : iterable of str
        Keep these studies and these variants; all where empty.
    n_steady_seeds : int
        Seeds of the study `steady`.

    Raises
    ------
    ValueError
        If a study or a variant is unknown.
    """
    chosen = list(studies) or list(STUDIES)
    unknown = [name for name in chosen if name not in STUDIES]
    if unknown:
        raise ValueError(f"no study is called {unknown[0]!r}; there are {', '.join(STUDIES)}")
    jobs = []
    for name in chosen:
        make = STUDIES[name]
        jobs += make(small, n_steady_seeds) if name == "steady" else make(small)
    wanted = set(only)
    known = {job.variant.name for job in jobs}
    if wanted - known:
        raise ValueError(
            f"no variant is called {min(wanted - known)!r}; there are {', '.join(sorted(known))}"
        )
    jobs = [job for job in jobs if not wanted or job.variant.name in wanted]
    return sorted(jobs, key=lambda job: job.round)


def _full_labels(small: bool) -> list[Job]:
    everything = [
        network("sgan", small=small),
        *(peer(name, small=small) for name in FULL_PEERS),
        variants.dense_net(small=small),
        variants.autoencoder_error(small=small),
    ]
    return [
        _fold_job("full_labels", "", variant, seed=seed, fold=fold, round=seed * N_FOLDS + fold)
        for seed, fold in _splits(small, N_SEEDS)
        for variant in everything
    ]


def _out_of_time(small: bool) -> list[Job]:
    everything = [
        network("sgan", small=small),
        *(peer(name, small=small) for name in TIME_PEERS),
    ]
    return _time_jobs("out_of_time", None, everything, small)


def _new_patterns(small: bool) -> list[Job]:
    everything = [
        network("sgan", small=small),
        *(peer(name, small=small) for name in NEW_PEERS),
        variants.autoencoder_error(small=small),
    ]
    return _pattern_jobs("new_patterns", None, everything, small, N_SEEDS)


def _few_labels(small: bool) -> list[Job]:
    # The preset holds what a user with some tens of labelled frauds should set; with all frauds
    # labelled, the defaults.
    few = network("sgan", presets=("few_labels",), small=small)
    peers = [peer(name, small=small) for name in FEW_PEERS]
    return [
        Job(
            study="few_labels", setting=setting, variant=variant,
            split={"function": "few_labels", "n_frauds": n_frauds, "n_genuine": n_genuine,
                   "seed": 0, "fold": fold},
            fit_seed=0, round=fold,
        )
        for _, fold in _splits(small, 1)
        for setting, (n_frauds, n_genuine) in BUDGETS.items()
        for variant in [few if n_frauds else network("sgan", small=small), *peers]
    ]  # fmt: skip


def _steady(small: bool, n_seeds: int) -> list[Job]:
    n_seeds = min(n_seeds, 2) if small else n_seeds
    group = min(REFERENCE_GROUP, n_seeds)
    shipped = network("sgan", small=small)
    reference = network(
        "reference",
        presets=("reference",),
        overrides={"sgan.n_members": group},
        small=small,
    )
    split = {"seed": 0, "fold": 0}
    jobs = [
        Job("steady", "", shipped, {"function": "stratified_fold", **split}, seed, seed // 5)
        for seed in range(n_seeds)
    ]
    few = {"function": "few_genuine", "n_genuine": 500, **split}
    return jobs + [
        Job("steady", "", reference, few, number, 2 * number)
        for number in range(-(-n_seeds // group))
    ]


def _inputs(small: bool) -> list[Job]:
    everything = [
        network(name, overrides={"sgan.inputs": inputs}, small=small)
        for name, inputs in INPUTS.items()
    ]
    return _ablation("inputs", everything, small)


def _augmentation(small: bool) -> list[Job]:
    jobs = []
    for setting, synthetic_per_fraud in SYNTHETIC_PER_FRAUD.items():
        few = {"n_frauds": N_FEW_FRAUDS} if setting == "20 frauds" else {}
        everything = _augmentation_variants(small, synthetic_per_fraud)
        if setting == NEW:
            jobs += _pattern_jobs("augmentation", setting, everything, small, 1)
            continue
        if setting in (DRIFT, CONFIRMING):
            backwards = setting == CONFIRMING
            if backwards:
                everything = [variant for variant in everything if variant.name in CONFIRMED]
            jobs += _time_jobs("augmentation", setting, everything, small, backwards=backwards)
            continue
        jobs += _ablation("augmentation", everything, small, setting=setting, **few)
    return jobs


def _augmentation_variants(small: bool, synthetic_per_fraud: float) -> list[Variant]:
    methods = get_args(AugmentParams.model_fields["method"].annotation)
    make = partial(network, small=small)
    nothing = {"augment.method": "none"}
    made = [
        make("none", overrides=nothing),
        # Frauds drawn more often than they come: class weights, realised by sampling.
        make("class_weight", overrides={**nothing, "sgan.fraud_share": 0.1}),
    ]
    plain = [m for m in ("random", "smote", "borderline_smote", "adasyn", "gan") if m in methods]
    choices = {name: {"augment.method": name} for name in plain} | {
        f"vae_{generation}": {"augment.method": "vae", "augment.generation": generation}
        for generation in ("posterior", "prior", "interpolation")
    }
    for name, overrides in choices.items():
        made.append(make(name, overrides=overrides, synthetic_per_fraud=synthetic_per_fraud))
    return made


def _habits(small: bool) -> list[Job]:
    return _ablation("habits", variants.habit_variants(small=small), small)


def _pseudo_labels(small: bool) -> list[Job]:
    # The rows of `few_labels` at 20 + 480, so that the shipped variant is the fit of that study.
    setting = "20 + 480"
    n_frauds, n_genuine = BUDGETS[setting]
    return [
        Job(
            study="pseudo_labels", setting=setting, variant=variant,
            split={"function": "few_labels", "n_frauds": n_frauds, "n_genuine": n_genuine,
                   "seed": 0, "fold": fold},
            fit_seed=0, round=fold,
        )
        for _, fold in _splits(small, 1)
        for variant in variants.pseudo_label_variants(small=small)
    ]  # fmt: skip


def _training_length(small: bool) -> list[Job]:
    everything = variants.training_length_variants(small=small)
    jobs = _ablation("training_length", everything, small, setting="five folds")
    return jobs + _time_jobs("training_length", DRIFT, everything, small)


def _ablation(
    study: str,
    everything: list[Variant],
    small: bool,
    *,
    setting: str = "",
    n_frauds: int | None = None,
) -> list[Job]:
    return [
        _fold_job(study, setting, variant, seed=seed, fold=fold, round=fold, n_frauds=n_frauds)
        for seed, fold in _splits(small, 1)
        for variant in everything
    ]


def _time_jobs(
    study: str, setting: str | None, everything: list[Variant], small: bool, *,
    backwards: bool = False,
) -> list[Job]:  # fmt: skip
    """Every variant on the splits by time; without a name, each split is a setting of its own."""
    split = {"function": "out_of_time", **({"backwards": True} if backwards else {})}
    return [
        Job(
            study, setting or f"first {share:.0%}", variant, {**split, "share": share},
            fit_seed=seed, round=seed * len(SHARES) + index,
        )
        for seed in range(1 if small else N_SEEDS)
        for index, share in enumerate(SHARES[-1:] if small else SHARES)
        for variant in everything
    ]  # fmt: skip


def _pattern_jobs(
    study: str, setting: str | None, everything: list[Variant], small: bool, n_seeds: int
) -> list[Job]:  # fmt: skip
    """Every variant without each pattern of fraud; without a name, each is a setting of its own."""
    return [
        _fold_job(study, setting or f"pattern {fold + 1}", variant, seed=seed, fold=fold,
                  round=seed * N_FOLDS + fold, function="new_pattern")
        for seed, fold in _splits(small, n_seeds)
        for variant in everything
    ]  # fmt: skip


def _fold_job(
    study: str, setting: str, variant: Variant, *, seed: int, fold: int, round: int,
    n_frauds: int | None = None, function: str = "stratified_fold",
) -> Job:  # fmt: skip
    split = {"function": function, "seed": seed, "fold": fold}
    if n_frauds is not None:
        split |= {"function": "few_frauds", "n_frauds": n_frauds}
    return Job(study, setting, variant, split, fit_seed=seed, round=round)


def _splits(small: bool, n_seeds: int) -> list[tuple[int, int]]:
    """Seeds and folds of a study."""
    if small:
        return [(0, 0), (0, 1)]
    return [(seed, fold) for seed in range(n_seeds) for fold in range(N_FOLDS)]


STUDIES = {
    "full_labels": _full_labels,
    "out_of_time": _out_of_time,
    "new_patterns": _new_patterns,
    "few_labels": _few_labels,
    "steady": _steady,
    "inputs": _inputs,
    "augmentation": _augmentation,
    "habits": _habits,
    "training_length": _training_length,
    "pseudo_labels": _pseudo_labels,
}
