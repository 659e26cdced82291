"""params.yaml as frozen, typed sections; a key that is unknown or wrong is an error naming it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import ParamsError
from pipeline.params.reading import explain, flatten, merge_overrides, read_yaml

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Units = Annotated[tuple[Count, ...], Field(strict=False)]
ScalingMethod = Literal["min_max", "standard", "robust", "arcsinh"]
Optimizer = Literal["adam", "adamw", "rmsprop"]
OutputActivation = Literal["linear", "sigmoid", "tanh"]
Activation = Literal[
    "elu", "gelu", "leaky_relu", "linear", "relu", "selu", "sigmoid", "silu", "softplus", "tanh"
]
SGANInput = Literal["autoencoder_code", "reconstruction_error", "vae_code"]


class Section(BaseModel):
    """One section of params.yaml: no defaults, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SimulatedParams(Section):
    """`data.simulated`: the built-in simulator."""

    n_rows: Annotated[int, Field(ge=100)]
    fraud_rate: OpenShare
    drift: Share
    n_days: Positive
    seed: Seed


class OpenMLParams(Section):
    """`data.openml`: a data set of openml.org."""

    id: Count
    cache: str


def _read_features(value: Any) -> Any:
    """Accept ``auto`` or a list of names; a union would complain once for each variant."""
    if value == "auto":
        return value
    if isinstance(value, (list, tuple)) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ValueError(f"expected auto or a list of column names, got {value!r}")


class DataParams(Section):
    """`data`: where transactions come from and what their columns mean."""

    source: Literal["simulated", "file", "openml"]
    path: str
    label: str
    time: str | None
    amount: str | None
    features: Annotated[Literal["auto"] | tuple[str, ...], BeforeValidator(_read_features)]
    ignored: Annotated[tuple[str, ...], Field(strict=False)]
    simulated: SimulatedParams
    openml: OpenMLParams


class IngestParams(Section):
    """`ingest`: what happens to rows that cannot be used, and to those without a label."""

    on_bad_rows: Literal["error", "quarantine"]
    on_missing_label: Literal["error", "unlabelled"]


class SplitParams(Section):
    """`split`: training, validation and test part, and the label budget."""

    method: Literal["stratified", "time"]
    validation_fraction: OpenShare
    test_fraction: OpenShare
    delay_days: NonNegative
    n_labelled_frauds: Annotated[int, Field(ge=2)] | None
    n_labelled_genuine: Annotated[int, Field(ge=2)] | None
    seed: Seed

    @model_validator(mode="after")
    def _leave_rows_for_training(self) -> SplitParams:
        held_out = self.validation_fraction + self.test_fraction
        if held_out >= 1:
            raise ValueError(
                f"validation_fraction + test_fraction = {held_out:g} leaves no training rows; "
                "their sum must be below 1"
            )
        return self


class ScaleParams(Section):
    """`scale`: how each column is scaled."""

    method: ScalingMethod
    columns: dict[str, ScalingMethod]


class AutoencoderParams(Section):
    """`autoencoder`: architecture and training."""

    hidden_units: Units
    latent_dim: Count
    code_activation: Activation
    output_activation: OutputActivation
    input_noise: NonNegative
    optimizer: Optimizer
    learning_rate: Positive
    batch_size: Count
    epochs: Count
    n_pictured_rows: Annotated[int, Field(ge=4)]
    seed: Seed


class VAEParams(Section):
    """`vae`: architecture, loss and training."""

    hidden_units: Units
    latent_dim: Count
    hidden_activation: Activation
    output_activation: OutputActivation
    reconstruction_loss: Literal["squared_error", "binary_cross_entropy"]
    beta: NonNegative
    beta_warmup_epochs: Annotated[int, Field(ge=0)]
    optimizer: Optimizer
    learning_rate: Positive
    batch_size: Count
    epochs: Count
    seed: Seed

    @model_validator(mode="after")
    def _match_loss_to_output(self) -> VAEParams:
        if self.reconstruction_loss == "binary_cross_entropy" and self.output_activation != (
            "sigmoid"
        ):
            raise ValueError(
                "reconstruction_loss: binary_cross_entropy needs output_activation: sigmoid "
                f"(and scale.method: min_max), got {self.output_activation}"
            )
        return self


class AugmentParams(Section):
    """`augment`: how training frauds are multiplied."""

    method: Literal["vae", "gan", "smote", "borderline_smote", "adasyn", "random", "none"]
    sampling_strategy: Annotated[float, Field(gt=0, le=1)]
    generation: Literal["posterior", "prior", "interpolation"]
    n_neighbors: Count
    labels: str
    seed: Seed


class SGANParams(Section):
    """`sgan`: the classifier; all but `inputs` and the last two are `SGANClassifier` arguments."""

    inputs: Annotated[tuple[SGANInput, ...], Field(strict=False)]
    n_members: Count
    epochs: Count
    steps_per_epoch: Count
    batch_size: Annotated[int, Field(ge=2)]
    unsupervised_batch_size: Annotated[int, Field(ge=2)]
    fraud_share: OpenShare | None
    column_encoding: Literal["none", "piecewise_linear"]
    n_bins: Count
    column_share: Annotated[float, Field(gt=0, le=1)]
    noise_dim: Count
    generator_units: Units
    discriminator_units: Units
    normalization: Literal["none", "batch", "layer"]
    spectral_norm: bool
    dropout: Rate
    generator_dropout: Rate
    real_fake_head: Literal["shared", "separate"]
    optimizer: Optimizer
    learning_rate: Positive
    generator_learning_rate: Positive
    learning_rate_schedule: Literal["constant", "linear", "cosine"]
    beta_1: Rate
    weight_decay: NonNegative
    clip_norm: Positive | None
    ema_decay: Rate
    unsupervised_weight: NonNegative
    feature_matching_weight: NonNegative
    historical_averaging_weight: NonNegative
    diversity_weight: NonNegative
    target_networks: bool
    stop_at_equilibrium: bool
    real_label: Annotated[float, Field(gt=0.5, le=1)]
    label_noise: Annotated[float, Field(ge=0, lt=0.5)]
    input_noise: NonNegative
    final_input_noise: NonNegative
    replay_share: Rate
    pseudo_label_weight: NonNegative
    pseudo_label_confidence: Annotated[float, Field(ge=0.5, lt=1)]
    pseudo_label_agreement: Share
    drop_biased_pseudo_labels: bool
    separate_batches: bool
    jit_compile: bool
    challenge_augmentation: bool
    seed: Seed


class EvaluateParams(Section):
    """`evaluate`: at which fraud rate, with which threshold and how many resamples."""

    prevalence: OpenShare | None
    threshold: Literal["f1", "alerts", "alerts_per_day", "precision", "cost"]
    threshold_value: Positive | None
    cost_per_false_alarm: Positive | None
    cost_per_missed_unit: Positive
    n_resamples: Annotated[int, Field(ge=100)]
    seed: Seed

    @model_validator(mode="after")
    def _match_value_to_rule(self) -> EvaluateParams:
        value, is_free = self.threshold_value, self.threshold in ("f1", "cost")
        is_share = self.threshold in ("alerts", "precision")
        if is_free != (value is None) or (is_share and value is not None and value >= 1):
            raise ValueError(
                "threshold_value must be null for threshold: f1 or cost, a share between 0 and 1 "
                "for alerts or precision, and a number of alerts for alerts_per_day; got "
                f"threshold: {self.threshold}, threshold_value: {value}"
            )
        return self

    @model_validator(mode="after")
    def _match_cost_to_rule(self) -> EvaluateParams:
        if (self.threshold == "cost") != (self.cost_per_false_alarm is not None):
            raise ValueError(
                "cost_per_false_alarm must be a number above 0 for threshold: cost, in the unit "
                f"of the amount, and null for any other rule; got threshold: {self.threshold}, "
                f"cost_per_false_alarm: {self.cost_per_false_alarm}"
            )
        return self


class RetrainParams(Section):
    """`retrain`: what a delivery may be like, and the gates a challenger has to pass."""

    model: Annotated[str, Field(pattern=r"^[^/:@]+$")]
    window_days: Positive | None
    label_delay_days: NonNegative
    max_psi: Positive
    max_fraud_rate_ratio: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    max_days_ahead: Positive | None
    min_label_agreement: Share
    min_frauds: Annotated[int, Field(ge=1)]
    margin: Annotated[float, Field(ge=-1, le=1)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    max_f1_loss: Share
    max_recall_loss: Share
    min_calibration_slope: NonNegative
    max_calibration_slope: Positive
    max_mean_ks: Share
    max_copies: Annotated[int, Field(ge=0)]


class TrackingParams(Section):
    """`tracking`: what MLflow is told; the server comes from MLFLOW_TRACKING_URI."""

    experiment: Annotated[str, Field(min_length=1)]
    system_metrics: bool


class MonitorParams(Section):
    """`monitor`: limits beyond which new data end `counterfoil monitor` with code 3."""

    psi: Positive | None
    classifier_auc: Annotated[float, Field(ge=0.5, lt=1)] | None
    alert_share_ratio: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None
    f1_decay: Rate | None
    n_resamples: Annotated[int, Field(ge=100)]
    seed: Seed


class Params(Section):
    """The whole of params.yaml."""

    device: Literal["auto", "cpu", "gpu"]
    mode: Literal["deterministic", "fast"]
    data: DataParams
    ingest: IngestParams
    split: SplitParams
    scale: ScaleParams
    autoencoder: AutoencoderParams
    vae: VAEParams
    augment: AugmentParams
    sgan: SGANParams
    evaluate: EvaluateParams
    retrain: RetrainParams
    tracking: TrackingParams
    monitor: MonitorParams

    @model_validator(mode="after")
    def _match_loss_to_scaling(self) -> Params:
        methods = {self.scale.method, *self.scale.columns.values()}
        if self.vae.reconstruction_loss == "binary_cross_entropy" and methods != {"min_max"}:
            raise ValueError(
                "vae.reconstruction_loss: binary_cross_entropy needs rows in [0, 1], so "
                f"scale.method: min_max for every column, got {', '.join(sorted(methods))}"
            )
        return self

    @model_validator(mode="after")
    def _match_threshold_to_columns(self) -> Params:
        needed = {"cost": "amount", "alerts_per_day": "time"}.get(self.evaluate.threshold)
        if needed and getattr(self.data, needed) is None:
            raise ValueError(
                f"evaluate.threshold: {self.evaluate.threshold} needs data.{needed}, got null; "
                f"name the column with the {needed}, or choose another rule"
            )
        return self

    def flatten(self) -> dict[str, Any]:
        """Return all values under dotted keys, e.g. ``{"sgan.learning_rate": 0.001}``."""
        return dict(flatten(self.model_dump(mode="json")))


def load_params(path: Path, overrides: Mapping[str, Any] | None = None) -> Params:
    """Read and check params.yaml.

    Parameters
    ----------
    path : Path
        The file.
    overrides : mapping, optional
        Values under dotted keys that replace those of the file, see
        `pipeline.params.reading.read_overrides`.

    Raises
    ------
    ParamsError
        If the file is missing or no YAML, or if a key is unknown, missing, of the wrong type
        or out of range; the message names file and key.
    """
    return check_params(merge_overrides(read_yaml(path), overrides or {}, path.name), path.name)


def check_params(content: Mapping[str, Any], origin: str = "params.yaml") -> Params:
    """Check the content of params.yaml against the typed sections.

    Raises
    ------
    ParamsError
        One line for each key that is wrong.
    """
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        known = list(known_keys())
        lines = (explain(origin, detail, content, known) for detail in error.errors())
        # Several items of one list may be wrong in the same way; once is enough.
        raise ParamsError("\n".join(dict.fromkeys(lines))) from None


def known_keys(section: type[BaseModel] = Params, prefix: str = "") -> Iterable[str]:
    """Yield every dotted key that params.yaml may have, those of sections included."""
    for name, field in section.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")
