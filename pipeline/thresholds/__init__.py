"""Thresholds of packaged models: rules, history, and changing them without retraining."""
