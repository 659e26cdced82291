"""The classifiers that the SGAN must beat, trained on the same rows in every run."""

from __future__ import annotations

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CHALLENGERS = ("logistic_regression", "gradient_boosting")


def make_challenger(name, random_state=0):
    """Return an unfitted challenger.

    Parameters
    ----------
    name : {"logistic_regression", "gradient_boosting"}
        Logistic regression on standardised inputs, or histogram gradient boosting with more
        regularisation than scikit-learn's default, which is unsteady on rare frauds.
    random_state : int, default=0
        Of gradient boosting.

    Returns
    -------
    scikit-learn classifier with ``predict_proba``

    Raises
    ------
    ValueError
        If there is no challenger of that name.
    """
    makers = {
        "logistic_regression": lambda: make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=2000)
        ),
        # No early stopping: it would set frauds aside that training cannot spare.
        "gradient_boosting": lambda: HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_iter=200,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=5.0,
            early_stopping=False,
            random_state=random_state,
        ),
    }
    if name not in makers:
        raise ValueError(f"challenger must be one of {CHALLENGERS}, got {name!r}")
    return makers[name]()
