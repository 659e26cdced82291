"""MLflow: runs, models, reports and the registry."""
