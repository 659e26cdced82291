"""An Airflow 3 DAG that retrains every night; goes to the folder of DAGs.

The worker's environment names COUNTERFOIL_HOME, COUNTERFOIL_DATA, COUNTERFOIL_STATE,
MLFLOW_TRACKING_URI and what MLflow needs to log in.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

REJECTED = 20

with DAG(
    dag_id="counterfoil_retrain",
    description="Train a challenger on new deliveries, promote it if every gate opens.",
    schedule="17 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["counterfoil"],
):
    # A rejected challenger shows as skipped. No retries: after refused data the next call finds
    # nothing new, and the alarm would be lost.
    BashOperator(
        task_id="retrain",
        bash_command='"$COUNTERFOIL_HOME/deploy/retrain.sh"',
        env={"COUNTERFOIL_REJECTED_EXIT": str(REJECTED)},
        append_env=True,
        skip_on_exit_code=REJECTED,
        retries=0,
        execution_timeout=timedelta(hours=7),
    )
