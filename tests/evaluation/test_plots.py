"""Pictures: the numbers behind them, and that what must be seen is drawn."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from evaluation import plots
from evaluation.fidelity import fidelity_report, nearest_distances
from evaluation.metrics import average_precision, precision_recall_points, prevalence_weights
from evaluation.plots.style import FRAUD, GENUINE, metric_label


@pytest.fixture
def ax():
    figure = Figure(figsize=(8, 5), layout="constrained")
    yield figure.subplots()
    figure.canvas.draw()  # a picture that cannot be rendered fails its test


HISTORY = pd.DataFrame(
    {
        "epoch": [0, 1, 0, 1],
        "member": [0, 0, 1, 1],
        "validation_f1": [0.2, 0.6, 0.4, 1.0],
        "discriminator_loss": [2.0, 1.0, 4.0, 3.0],
        "generator_loss": [1.0, 2.0, 1.0, 2.0],
    }
)


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_metric_by_epoch_is_mean_and_range_over_members(ax):
    numbers = plots.metric_by_epoch_numbers(HISTORY, "validation_f1")
    np.testing.assert_allclose(numbers["epoch"], [0, 1])
    np.testing.assert_allclose(numbers["mean"], [0.3, 0.8])
    np.testing.assert_allclose(numbers["std"], np.sqrt([0.02, 0.08]))
    np.testing.assert_allclose(numbers[["low", "high"]], [[0.2, 0.4], [0.6, 1.0]])
    assert plots.plot_metric_by_epoch(HISTORY, "validation_f1", ax, chosen_epoch=1) is ax
    assert legend_texts(ax) == ["mean, range of 2 members", "chosen epoch 1: 0.800"]
    assert ax.get_ylabel() == "Validation F1"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.3, 0.8])
    assert len(ax.collections) == 1


def test_one_member_and_one_epoch_are_drawn_without_a_band(ax):
    single = pd.DataFrame({"epoch": [0], "f1": [0.5]})
    assert plots.metric_by_epoch_numbers(single, "f1")["std"].tolist() == [0.0]
    plots.plot_metric_by_epoch(single, "f1", ax, chosen_epoch=7)
    assert len(ax.collections) == 0
    assert ax.lines[0].get_marker() == "o"


def test_losses_are_found_by_name(ax):
    numbers = plots.losses_numbers(HISTORY)
    assert numbers["loss"].tolist() == ["discriminator_loss"] * 2 + ["generator_loss"] * 2
    np.testing.assert_allclose(numbers["mean"], [3, 2, 1, 2])
    plots.plot_losses(HISTORY, ax, chosen_epoch=1)
    assert legend_texts(ax) == [
        "Discriminator loss, range of 2 members",
        "Generator loss, range of 2 members",
        "chosen epoch 1",
    ]


def test_missing_columns_are_named():
    with pytest.raises(KeyError, match="no column \\['f2'\\]"):
        plots.metric_by_epoch_numbers(HISTORY, "f2")
    with pytest.raises(KeyError, match="ends in '_loss'"):
        plots.losses_numbers(HISTORY[["epoch", "validation_f1"]])


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    y = np.repeat([1, 0], [60, 4_000])
    score = 1 / (1 + np.exp(-rng.normal(5 * y - 5, 1.5)))
    return y, score, prevalence_weights(y, 0.00167)


def test_precision_recall_states_average_precision_choice_and_prevalence(ax, scored):
    y, score, weight = scored
    curves = {
        "SGAN": precision_recall_points(y, score, weight),
        "noise": precision_recall_points(y, score[::-1], weight),
    }
    plots.plot_precision_recall(curves, ax, chosen={"SGAN": (0.5, 0.7)}, prevalence=0.00167)
    assert legend_texts(ax) == [
        f"SGAN (AP {average_precision(y, score, weight):.3f})",
        f"noise (AP {average_precision(y, score[::-1], weight):.3f})",
        "chosen threshold",
        "random order (prevalence 0.00167)",
    ]
    dots = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [(dot.get_xdata()[0], dot.get_ydata()[0]) for dot in dots] == [(0.5, 0.7)]
    assert any(np.allclose(line.get_ydata(), 0.00167) for line in ax.lines)
    numbers = plots.precision_recall_numbers(curves)
    assert numbers.groupby("method").size().to_dict() == {
        method: len(recall) for method, (recall, _) in curves.items()
    }


def test_calibration_bins_hold_every_row_and_both_classes(ax, scored):
    y, score, weight = scored
    numbers = plots.calibration_numbers(y, score, weight)
    assert numbers["n_frauds"].sum() == 60
    assert numbers["n_genuine"].sum() == 4_000
    assert (numbers["n_genuine"] > 0).all()
    assert numbers["predicted"].is_monotonic_increasing
    assert ((numbers["low"] < numbers["observed"]) & (numbers["observed"] < numbers["high"])).all()
    plots.plot_calibration({"raw": numbers}, ax)
    assert ax.get_xscale() == ax.get_yscale() == "logit"
    assert legend_texts(ax)[0] == "perfectly calibrated"


def test_calibration_of_true_probabilities_lies_on_the_diagonal():
    rng = np.random.default_rng(0)
    score = 1 / (1 + np.exp(-rng.normal(-3, 2, 100_000)))
    y = (rng.random(100_000) < score).astype(int)
    numbers = plots.calibration_numbers(y, score)
    np.testing.assert_allclose(numbers["observed"], numbers["predicted"], rtol=0.1)
    genuine_for_four = np.where(y == 1, 1.0, 4.0)
    weighted = plots.calibration_numbers(y, score, genuine_for_four)
    odds = [n["observed"] / (1 - n["observed"]) for n in (numbers, weighted)]
    np.testing.assert_allclose(odds[0], 4 * odds[1])


def test_calibration_survives_saturated_scores(ax):
    y, score = np.repeat([1, 0], [10, 50]), np.repeat([1.0, 0.0], [10, 50])
    plots.plot_calibration({"saturated": plots.calibration_numbers(y, score)}, ax)


def test_reconstruction_bars_stand_beside_each_other(ax):
    original, reconstruction = np.array([0.5, -0.2]), np.array([0.4, 0.1])
    plots.plot_reconstruction(original, reconstruction, ["V1", "Amount"], ax)
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, [0.5, -0.2, 0.4, 0.1])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["V1", "Amount"]
    assert ax.get_title(loc="right") == "Mean squared error 0.05"
    numbers = plots.reconstruction_numbers(original, reconstruction, ["V1", "Amount"])
    assert list(numbers.columns) == ["column", "original", "reconstruction"]


def test_codes_draw_frauds_red_on_top_of_blue_genuine_rows(ax):
    embedding = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    plots.plot_codes(embedding, [0, 1, 0], ax)
    genuine, fraud = ax.collections
    assert to_hex(genuine.get_facecolor()[0]) == GENUINE.lower()
    assert to_hex(fraud.get_facecolor()[0]) == FRAUD.lower()
    assert fraud.get_zorder() > genuine.get_zorder()
    np.testing.assert_allclose(fraud.get_offsets(), [[1, 1]])
    assert legend_texts(ax) == ["genuine (2)", "fraud (1)"]
    with pytest.raises(ValueError, match=r"shape \(n_samples, 2\), got \(3, 1\)"):
        plots.codes_numbers(embedding[:, :1], [0, 1, 0])


def test_axes_of_the_plane_come_from_real_frauds_alone(ax):
    rng = np.random.default_rng(0)
    real = rng.normal(size=(40, 3)) * [3, 1, 0.1]
    synthetic = rng.normal(size=(100, 3)) * [0.1, 1, 30]  # would take the axes over
    numbers = plots.real_and_synthetic_numbers(real, synthetic)
    placed = numbers[numbers["source"] == "real"]
    np.testing.assert_allclose(np.abs(placed["x"]), np.abs(real[:, 0] - real[:, 0].mean()), atol=1)
    assert numbers.attrs["explained"] == pytest.approx([0.9, 0.1], abs=0.05)
    alone = plots.real_and_synthetic_numbers(real, synthetic[:0])
    np.testing.assert_allclose(alone["x"], placed["x"])
    plots.plot_real_and_synthetic(real, synthetic, ax)
    assert legend_texts(ax) == ["synthetic frauds (100)", "real frauds (40)"]
    with pytest.raises(ValueError, match="at least two rows and two columns"):
        plots.real_and_synthetic_numbers(real[:1], synthetic)


def test_fidelity_panels_show_the_report(ax):
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(9, 2)), rng.normal([0, 3], size=(30, 2))
    report = fidelity_report(real, synthetic, ["V1", "V2"], holdout=real[:4], rng=rng)
    numbers = plots.fidelity_numbers(report)
    assert numbers["column"].tolist() == ["V2", "V1"]
    assert numbers["ks"].tolist() == [report["ks"]["per_column"][name] for name in ("V2", "V1")]
    figure = Figure(layout="constrained")
    axes = figure.subplots(1, 2)
    distances = nearest_distances(real, synthetic)
    plots.plot_fidelity(report, *distances, axes)
    assert [bar.get_width() for bar in axes[0].patches] == numbers["ks"].tolist()
    assert legend_texts(axes[1]) == ["synthetic to real (30)", "real to real (9)"]
    figure.canvas.draw()
    counts = plots.nearest_distance_numbers(*distances).groupby("pair").size().to_dict()
    assert counts == {"synthetic to real": 30, "real to real": 9}


def test_a_report_without_synthetic_rows_still_draws(ax):
    rng = np.random.default_rng(0)
    report = fidelity_report(np.ones((1, 2)), np.empty((0, 2)), ["a", "b"], rng=rng)
    assert plots.fidelity_numbers(report).empty
    plots.plot_column_distances(report, ax)
    plots.plot_nearest_distances(*nearest_distances(np.ones((1, 2)), np.empty((0, 2))), ax)


def test_metrics_are_called_as_in_the_field():
    assert metric_label("validation_f1") == "Validation F1"
    assert metric_label("kl_loss") == "KL loss"
    assert metric_label("feature_matching_loss") == "Feature matching loss"
