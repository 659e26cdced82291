"""What each variant of the benchmark is: peers, the SGAN as shipped, and the SGAN changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.quality.jobs import ROOT, Variant
from benchmarks.quality.peers import candidates_of
from pipeline.params.reading import find_preset, merge_overrides, read_overrides, read_yaml
from pipeline.params.sections import Params, check_params

# What a user of the shipped preset for these rows gets.
PRESETS = ("creditcard",)
# The sections of params.yaml that a neural variant depends on.
SECTIONS = ("device", "mode", "scale", "autoencoder", "vae", "augment", "sgan")
SMALL = {
    "sgan.epochs": 2, "sgan.steps_per_epoch": 5, "sgan.n_members": 2, "sgan.batch_size": 32,
    "autoencoder.epochs": 1, "vae.epochs": 1,
}  # fmt: skip

# Weight against none at the shipped confidence, then the ways to be choosier about rows.
PSEUDO_LABELS: dict[str, dict[str, float]] = {
    "no_pseudo_labels": {"pseudo_label_weight": 0.0},
    **{f"weight_{weight:g}": {"pseudo_label_weight": weight} for weight in (0.25, 0.5, 1.0)},
    **{f"confidence_{level:g}": {"pseudo_label_confidence": level} for level in (0.9, 0.99)},
    "all_members_agree": {"pseudo_label_agreement": 1.0},
}

SHORTER_TRAININGS = (4, 8)  # epochs; the default are 20

# Each habit without and with; the one that the defaults do not have is tried against them.
HABITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "gan_game": ({"unsupervised_weight": 0.0}, {"unsupervised_weight": 0.5}),
    "feature_matching": ({"feature_matching_weight": 0.0}, {"feature_matching_weight": 1.0}),
    "historical_averaging": (
        {"historical_averaging_weight": 0.0},
        {"historical_averaging_weight": 0.01},
    ),
    "diversity_reward": ({"diversity_weight": 0.0}, {"diversity_weight": 1.0}),
    "target_networks": ({"target_networks": False}, {"target_networks": True}),
    "soft_labels": ({"real_label": 1.0}, {"real_label": 0.9}),
    "noisy_labels": ({"label_noise": 0.0}, {"label_noise": 0.05}),
    "decaying_input_noise": ({"input_noise": 0.0}, {"input_noise": 0.05}),
    "replay_of_old_fakes": ({"replay_share": 0.0}, {"replay_share": 0.25}),
    "separate_batches": ({"separate_batches": False}, {"separate_batches": True}),
    "separate_real_fake_head": ({"real_fake_head": "shared"}, {"real_fake_head": "separate"}),
    "batch_normalization": ({"normalization": "none"}, {"normalization": "batch"}),
    "layer_normalization": ({"normalization": "none"}, {"normalization": "layer"}),
    "spectral_norm": ({"spectral_norm": False}, {"spectral_norm": True}),
    "dropout": ({"dropout": 0.0}, {"dropout": 0.25}),
    "generator_dropout": ({"generator_dropout": 0.0}, {"generator_dropout": 0.25}),
    "weight_averaging": ({"ema_decay": 0.0}, {"ema_decay": 0.995}),
    "weight_decay": ({"weight_decay": 0.0}, {"weight_decay": 1.0e-4}),
    "gradient_clipping": ({"clip_norm": None}, {"clip_norm": 5.0}),
    "decaying_learning_rate": (
        {"learning_rate_schedule": "constant"},
        {"learning_rate_schedule": "linear"},
    ),
    "momentum_of_one_half": ({"beta_1": 0.9}, {"beta_1": 0.5}),
    "rmsprop": ({"optimizer": "adamw"}, {"optimizer": "rmsprop"}),
    "frauds_drawn_more_often": ({"fraud_share": None}, {"fraud_share": 0.1}),
    "column_encoding": ({"column_encoding": "none"}, {"column_encoding": "piecewise_linear"}),
    "columns_withheld_from_members": ({"column_share": 1.0}, {"column_share": 0.5}),
    "several_members": ({"n_members": 1}, {"n_members": 3}),
}


def params_of(sections: Mapping[str, Any]) -> Params:
    """Return checked parameters: these sections, the rest from params.yaml and `PRESETS`."""
    return check_params({**_content({}), **sections})


def peer(name: str, *, small: bool) -> Variant:
    """Return a peer with its candidates."""
    candidates = candidates_of(name, small=small)
    if small and name == "smote_xgboost":
        # The few rows of a smoke test have more frauds than the candidates ask for.
        candidates = [{**one, "sampling_strategy": 0.5} for one in candidates]
    return Variant(name, "peer", name, {"candidates": candidates})


def network(
    name: str,
    *,
    kind: str = "sgan",
    presets: tuple[str, ...] = (),
    overrides: Mapping[str, Any] | None = None,
    synthetic_per_fraud: float | None = None,
    small: bool,
) -> Variant:
    """Return a neural variant: params.yaml, presets, then overrides under dotted keys."""
    changes = {**_preset_changes(presets), **(SMALL if small else {}), **(overrides or {})}
    content = _content(changes)
    settings: dict[str, Any] = {"sections": {name: content[name] for name in SECTIONS}}
    if synthetic_per_fraud is not None:
        settings["synthetic_per_fraud"] = synthetic_per_fraud
    return Variant(name, "network", kind, settings)


def dense_net(*, small: bool) -> Variant:
    """Return the SGAN's class head alone: no real/fake game, no encoders, no synthetic frauds."""
    return network(
        "dense_net",
        kind="dense_net",
        overrides={
            "sgan.inputs": [],
            "sgan.unsupervised_weight": 0.0,
            "sgan.feature_matching_weight": 0.0,
            "augment.method": "none",
        },
        small=small,
    )


def autoencoder_error(*, small: bool) -> Variant:
    """Return the unsupervised line."""
    return network("autoencoder_error", kind="autoencoder_error", small=small)


def habit_variants(*, small: bool) -> list[Variant]:
    """Return the default and, for each habit, the default with that habit switched over."""
    defaults = _content({})["sgan"]
    variants = [network("default", small=small)]
    for name, (without, with_it) in HABITS.items():
        if not set(without) <= set(defaults):
            continue
        has_it = any(defaults[key] != value for key, value in without.items())
        if name in ("batch_normalization", "layer_normalization", "rmsprop"):
            has_it = defaults | with_it == defaults
        change = {f"sgan.{k}": v for k, v in (without if has_it else with_it).items()}
        title = f"{'without' if has_it else 'with'}_{name}"
        variants.append(network(title, overrides=change, small=small))
    if defaults["generator_learning_rate"] != defaults["learning_rate"]:
        change = {"sgan.generator_learning_rate": defaults["learning_rate"]}
        variants.append(network("without_two_time_scales", overrides=change, small=small))
    return variants


def training_length_variants(*, small: bool) -> list[Variant]:
    """Return the default, and shorter trainings whose learning rates go down to zero as well."""
    shorter = [
        network(f"{epochs}_epochs", overrides={"sgan.epochs": epochs}, small=small)
        for epochs in SHORTER_TRAININGS
    ]
    return [network("default", small=small), *shorter]


def pseudo_label_variants(*, small: bool) -> list[Variant]:
    """Return the preset for few labels by what unlabelled rows may do in it."""
    defaults = _content(_preset_changes(("few_labels",)))["sgan"]
    made = []
    for name, changes in PSEUDO_LABELS.items():
        is_shipped = changes.items() <= defaults.items()
        title = f"{name}_as_shipped" if is_shipped else name
        overrides = {f"sgan.{key}": value for key, value in changes.items()}
        made.append(network(title, presets=("few_labels",), overrides=overrides, small=small))
    return made


def _preset_changes(names: tuple[str, ...]) -> dict[str, Any]:
    """Values of presets; only those of sections that a fit depends on."""
    changes = read_overrides((), [find_preset(name, ROOT) for name in names])
    return {key: value for key, value in changes.items() if key.split(".")[0] in SECTIONS}


def _content(changes: Mapping[str, Any]) -> dict[str, Any]:
    shipped = read_overrides((), [find_preset(name, ROOT) for name in PRESETS])
    return merge_overrides(read_yaml(ROOT / "params.yaml"), {**shipped, **changes}, "params.yaml")
