"""Scikit-learn transformers and imbalanced-learn samplers for transaction tables."""
