"""Pictures of results: tidy numbers in, axis in, axis out; saving is the caller's job."""

from evaluation.plots.comparison import (
    plot_differences,
    plot_f1_curves,
    plot_recall_at_fpr,
    recall_by_false_positive_rate,
)
from evaluation.plots.monitoring import plot_indices, plot_score_shares
from evaluation.plots.results import (
    calibration_numbers,
    plot_calibration,
    plot_precision_recall,
    precision_recall_numbers,
)
from evaluation.plots.samples import (
    codes_numbers,
    fidelity_numbers,
    nearest_distance_numbers,
    plot_codes,
    plot_column_distances,
    plot_fidelity,
    plot_nearest_distances,
    plot_real_and_synthetic,
    plot_reconstruction,
    real_and_synthetic_numbers,
    reconstruction_numbers,
)
from evaluation.plots.training import (
    losses_numbers,
    metric_by_epoch_numbers,
    plot_losses,
    plot_metric_by_epoch,
)

__all__ = [
    "calibration_numbers",
    "codes_numbers",
    "fidelity_numbers",
    "losses_numbers",
    "metric_by_epoch_numbers",
    "nearest_distance_numbers",
    "plot_calibration",
    "plot_codes",
    "plot_column_distances",
    "plot_differences",
    "plot_f1_curves",
    "plot_fidelity",
    "plot_indices",
    "plot_losses",
    "plot_metric_by_epoch",
    "plot_nearest_distances",
    "plot_precision_recall",
    "plot_real_and_synthetic",
    "plot_recall_at_fpr",
    "plot_reconstruction",
    "plot_score_shares",
    "precision_recall_numbers",
    "real_and_synthetic_numbers",
    "recall_by_false_positive_rate",
    "reconstruction_numbers",
]
