"""Compares Counterfoil's estimators with each other by cross-validation, without the pipeline.

Run from the repository: ``python -m examples.estimators``.
Scaling, encoders and samplers are steps of an `imblearn.pipeline.Pipeline`, so each fold fits them
on its own training rows, and only those are oversampled.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no start-up lines of TensorFlow

from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from features.latent import AutoencoderFeatures
from features.oversampling import VAEOverSampler
from features.scaling import TransactionScaler
from features.simulation import simulate_transactions
from models.classifier import SGANClassifier

N_ROWS = 6_000
FRAUD_RATE = 0.02
N_FOLDS = 3
WANTED_FRAUDS = 0.1  # per genuine row, after oversampling


def candidates():
    """Return pipelines by name; each starts from raw columns."""
    encode = FeatureUnion(
        [
            ("columns", FunctionTransformer()),
            ("autoencoder", AutoencoderFeatures(epochs=10, random_state=0)),
        ]
    )
    vae = VAEOverSampler(
        sampling_strategy=WANTED_FRAUDS, beta=0.01, beta_warmup_epochs=2, epochs=10, random_state=0
    )
    smote = SMOTE(sampling_strategy=WANTED_FRAUDS, random_state=0)
    regression = LogisticRegression(max_iter=1_000)
    sgan = SGANClassifier(
        n_members=2, epochs=4, steps_per_epoch=50, batch_size=128, validation_fraction=0.2,
        random_state=0,
    )  # fmt: skip
    steps = {
        "logistic regression": [regression],
        "SMOTE, logistic regression": [smote, regression],
        "VAE sampler, logistic regression": [vae, regression],
        "autoencoder features, logistic regression": [encode, StandardScaler(), regression],
        "SGAN": [sgan],
    }
    return {
        name: Pipeline(
            [("scale", TransactionScaler()), *((type(step).__name__, step) for step in rest)]
        )
        for name, rest in steps.items()
    }


def main():
    """Print average precision over the folds of each candidate."""
    transactions = simulate_transactions(N_ROWS, fraud_rate=FRAUD_RATE, seed=0)
    X, y = transactions.drop(columns=["Time", "Class"]), transactions["Class"]
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    print(f"{len(X):,} transactions, {y.sum()} frauds, {N_FOLDS} folds")
    print(f"{'':42} average precision  seconds a fit")
    for name, pipeline in candidates().items():
        result = cross_validate(pipeline, X, y, cv=folds, scoring="average_precision")
        mean, deviation = result["test_score"].mean(), result["test_score"].std()
        print(f"{name:42} {mean:.3f} +- {deviation:.3f}     {result['fit_time'].mean():.1f}")


if __name__ == "__main__":
    main()
