"""params.yaml: what is read, what is refused, and that other places agree with it."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import yaml

from pipeline.errors import ParamsError
from pipeline.params.reading import find_preset, flatten, merge_overrides, read_overrides, read_yaml
from pipeline.params.sections import Params, check_params, known_keys, load_params

REPOSITORY = Path(__file__).resolve().parents[3]
PARAMS = REPOSITORY / "params.yaml"
COST = {"evaluate__threshold": "cost", "evaluate__cost_per_false_alarm": 5.0}
BUDGET = {"evaluate__threshold": "alerts_per_day", "evaluate__threshold_value": 100}
PRESETS = sorted(path.stem for path in (REPOSITORY / "presets").glob("*.yaml"))


def refusal(**changes):
    """Return the message for values of params.yaml changed: ``refusal(sgan__epochs=0)``."""
    overrides = {key.replace("__", "."): value for key, value in changes.items()}
    with pytest.raises(ParamsError) as caught:
        load_params(PARAMS, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_every_key_of_the_file_is_read_unchanged():
    content = read_yaml(PARAMS)
    assert load_params(PARAMS).model_dump(mode="json") == content
    assert load_params(PARAMS).flatten() == dict(flatten(content))


def test_checked_params_cannot_be_changed():
    params = load_params(PARAMS)
    with pytest.raises(ValueError, match="frozen"):
        params.sgan.epochs = 3


@pytest.mark.parametrize(
    ("text", "cure"), [("1e-3", "0.001"), ("25e-6", "2.5e-05"), ("1e-5", "1.0e-05")]
)
def test_number_that_yaml_reads_as_text_is_refused_with_a_spelling_that_works(text, cure, tmp_path):
    path = tmp_path / "params.yaml"
    file = PARAMS.read_text().replace(
        "generator_learning_rate: 2.5e-4", "generator_learning_rate: X"
    )
    path.write_text(file.replace("generator_learning_rate: X", f"generator_learning_rate: {text}"))
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    message = str(caught.value)
    assert message.startswith("params.yaml: sgan.generator_learning_rate: ")
    assert message.endswith(f"(YAML reads {text} as text; write it as {cure})")
    assert yaml.safe_load(cure) == float(text)


def test_quoted_number_is_refused_with_the_cure():
    assert refusal(sgan__epochs="30") == (
        "params.yaml: sgan.epochs: input should be a valid integer, got '30' "
        "(write it without quotes)"
    )


def test_misspelt_keys_in_the_file_name_the_key_and_the_likely_one():
    content = read_yaml(PARAMS)
    content["sgan"]["lerning_rate"] = content["sgan"].pop("learning_rate")
    with pytest.raises(ParamsError) as caught:
        check_params(content)
    lines = str(caught.value).splitlines()
    assert (
        "params.yaml: sgan.learning_rate is missing; docs/parameters.md gives its default" in lines
    )
    assert (
        "params.yaml: sgan.lerning_rate is not a known key; did you mean sgan.learning_rate?"
        in lines
    )


def test_misspelt_override_names_the_likely_key():
    assert refusal(sgan__lerning_rate=0.1) == (
        "params.yaml has no key sgan.lerning_rate; did you mean sgan.learning_rate?"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sgan__epochs": True}, "sgan.epochs: input should be a valid integer, got True"),
        ({"sgan__epochs": 2.5}, "sgan.epochs: .* integer.*, got 2.5"),
        ({"sgan__epochs": 0}, "sgan.epochs: .* greater than or equal to 1, got 0"),
        ({"sgan__dropout": 1.0}, "sgan.dropout: .* less than 1, got 1.0"),
        ({"sgan__dropout": float("nan")}, "sgan.dropout: .*, got nan"),
        ({"sgan__learning_rate": float("inf")}, "sgan.learning_rate: .*, got inf"),
        ({"sgan__learning_rate": None}, "sgan.learning_rate: .* number, got None"),
        ({"sgan__spectral_norm": "no"}, "sgan.spectral_norm: .* boolean, got 'no'"),
        ({"sgan__generator_units": 64}, "sgan.generator_units: .*list, got 64"),
        ({"sgan__generator_units": [64, 0]}, "sgan.generator_units: .*, got 0"),
        ({"sgan__inputs": ["code"]}, "sgan.inputs: .*'vae_code', got 'code'"),
        ({"vae__seed": -1}, "vae.seed: .*, got -1"),
        ({"vae__seed": 2**32}, "vae.seed: .*, got 4294967296"),
        ({"device": "tpu"}, "device: .*'auto', 'cpu' or 'gpu', got 'tpu'"),
        ({"data__features": 3}, "data.features: expected auto or a list of column names, got 3"),
        ({"data__features": []}, r"data.features: expected auto .*, got \[\]"),
        ({"data__simulated": None}, "data.simulated: .*, got None"),
        ({"data__simulated__n_rows": 99}, "data.simulated.n_rows: .*100, got 99"),
        ({"scale__columns": {"V1": "log"}}, "scale.columns.V1: .*'arcsinh', got 'log'"),
        (
            {"split__test_fraction": 0.8},
            "split: validation_fraction \\+ test_fraction = 1 leaves no training rows",
        ),
        ({"vae__reconstruction_loss": "binary_cross_entropy"}, "vae: .* needs output_activation"),
        ({"evaluate__threshold": "alerts"}, "evaluate: threshold_value must be null for .*f1"),
        (
            {"evaluate__threshold": "precision", "evaluate__threshold_value": 1.0},
            "evaluate: threshold_value must be .* a share between 0 and 1 for alerts or precision",
        ),
        ({"evaluate__threshold_value": -1.0}, "evaluate.threshold_value: .*greater than 0"),
        ({"evaluate__threshold": "alerts_per_day"}, "evaluate: .* number of alerts for alerts_per"),
        ({"evaluate__threshold": "cost"}, "evaluate: cost_per_false_alarm must be a number above"),
        ({"evaluate__cost_per_false_alarm": 5.0}, "evaluate: .* null for any other rule; got .*f1"),
        (
            {"evaluate__threshold": "cost", "evaluate__cost_per_false_alarm": 0.0},
            "evaluate.cost_per_false_alarm: .*greater than 0, got 0",
        ),
        ({"evaluate__cost_per_missed_unit": None}, "evaluate.cost_per_missed_unit: .*got None"),
        (
            COST | {"data__amount": None},
            "evaluate.threshold: cost needs data.amount, got null; name the column",
        ),
        (
            BUDGET | {"data__time": None},
            "evaluate.threshold: alerts_per_day needs data.time, got null; name the column",
        ),
        ({"evaluate__threshold_value": 0.1}, "evaluate: threshold_value must be null for .*f1"),
        ({"monitor__psi": 0.0}, "monitor.psi: .* greater than 0, got 0"),
        ({"monitor__classifier_auc": 0.4}, "monitor.classifier_auc: .*0.5, got 0.4"),
        ({"monitor__alert_share_ratio": 0.5}, "monitor.alert_share_ratio: .*1, got 0.5"),
        ({"monitor__f1_decay": -0.1}, "monitor.f1_decay: .*0, got -0.1"),
        ({"monitor__n_resamples": None}, "monitor.n_resamples: .*integer, got None"),
        ({"evaluate__prevalence": 1.0}, "evaluate.prevalence: .* less than 1, got 1.0"),
    ],
)
def test_impossible_values_name_the_key_and_what_came(changes, message):
    assert re.fullmatch(f"params.yaml: {message}.*", refusal(**changes))


@pytest.mark.parametrize("changes", [COST, BUDGET], ids=["cost", "alerts_per_day"])
def test_rules_of_the_threshold_fit_the_file(changes):
    evaluate = load_params(PARAMS, {k.replace("__", "."): v for k, v in changes.items()}).evaluate
    assert evaluate.threshold == changes["evaluate__threshold"]


def test_columns_with_a_scaling_of_their_own_are_free_keys():
    params = load_params(PARAMS, {"scale.columns.Amount": "robust"})
    assert params.scale.columns == {"Amount": "robust"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist; run from a folder with params.yaml, or name it with --params"),
        (b"sgan: [1", "is not readable as YAML"),
        (b"\xff\xfe\x00", "is not readable as YAML"),
        (b"- 1\n- 2\n", "must hold sections"),
        (b"", "must hold sections"),
    ],
)
def test_unreadable_file_is_named(content, message, tmp_path):
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ParamsError, match=f"{re.escape(str(path))} {message}"):
        load_params(path)


def test_assignments_win_over_presets_and_later_ones_over_earlier_ones(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("sgan:\n  epochs: 3\n  seed: 4\n  dropout: 0.1\n")
    second.write_text("sgan:\n  seed: 5\n")
    texts = ["sgan.epochs=5", "sgan.epochs=7", "data.time=null"]
    assert read_overrides(texts, [first, second]) == {
        "sgan.epochs": 7,
        "sgan.seed": 5,
        "sgan.dropout": 0.1,
        "data.time": None,
    }


@pytest.mark.parametrize("text", ["sgan.epochs", "=3", "sgan.inputs=[1"])
def test_assignment_that_cannot_be_read_is_quoted(text):
    with pytest.raises(ParamsError, match=re.escape(f"-S {text}")):
        read_overrides([text])


def test_merging_leaves_the_content_it_was_given_alone():
    content = {"sgan": {"epochs": 3}}
    assert merge_overrides(content, {"sgan.epochs": 5}, "params.yaml") == {"sgan": {"epochs": 5}}
    assert content == {"sgan": {"epochs": 3}}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_fits_params_yaml(name):
    overrides = read_overrides([], [find_preset(name, REPOSITORY)])
    load_params(PARAMS, overrides)
    assert overrides


def test_unknown_preset_lists_those_that_exist():
    with pytest.raises(ParamsError, match="--preset crditcard: .*: " + ", ".join(PRESETS)):
        find_preset("crditcard", REPOSITORY)


def test_every_key_is_documented_with_its_default():
    page = (REPOSITORY / "docs" / "parameters.md").read_text()
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.+?) \|", page, flags=re.MULTILINE))
    defaults = dict(flatten(read_yaml(PARAMS)))
    assert set(rows) == set(defaults)
    assert {key: yaml.safe_load(rows[key].strip("`")) for key in rows} == defaults
    sections = set(known_keys()) - set(defaults)
    assert sections <= {*Params.model_fields, "data.simulated", "data.openml"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "names", "of_the_stage"),
    [
        # The picture is the stage's own matter.
        (
            "autoencoder",
            ["encoders.autoencoder.TabularAutoencoder", "encoders.training.TrainingSettings"],
            {"n_pictured_rows"},
        ),
        ("vae", ["encoders.vae.TabularVAE", "encoders.training.TrainingSettings"], set()),
        # The estimator's seed is called random_state; the challenger is the stage's own matter.
        ("sgan", ["classifier.SGANClassifier"], {"seed", "challenge_augmentation"}),
    ],
)
def test_fields_are_named_like_the_arguments_of_the_class(section, names, of_the_stage):
    arguments = set()
    for name in names:
        module, _, attribute = name.rpartition(".")
        built = getattr(importlib.import_module(f"models.{module}"), attribute)
        arguments |= set(inspect.signature(built).parameters)
    fields = set(Params.model_fields[section].annotation.model_fields)
    assert fields - arguments == of_the_stage
