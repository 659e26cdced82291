"""Scores a Spark DataFrame with a logged model; needs pyspark and Java 17.

Run as ``python -m examples.spark_scoring MODEL INPUT.parquet OUT``: MODEL is a model URI such as
``models:/cards/3`` or the folder of an MLflow model, OUT a folder for Parquet files.
"""

import argparse
import os
import sys

import mlflow.pyfunc
from pyspark.sql import SparkSession
from pyspark.sql.functions import struct

MEMORY = "2g"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("out")
    arguments = parser.parse_args()
    # Workers take the Python, and with it the packages, of this process.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = (
        SparkSession.builder.master("local[2]")
        .appName("counterfoil")
        .config("spark.driver.memory", MEMORY)
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    try:
        score(spark, arguments.model, arguments.input, arguments.out)
    finally:
        spark.stop()


def score(spark, model_uri, source, out):
    """Write all columns of a Parquet table with `score` and `decision` beside them."""
    model = mlflow.pyfunc.load_model(model_uri)
    names = model.metadata.get_input_schema().input_names()
    predict = mlflow.pyfunc.spark_udf(
        spark, model_uri, result_type="score double, decision long", env_manager="local"
    )
    transactions = spark.read.parquet(source)
    scored = transactions.withColumn("scored", predict(struct(*names)))
    scored.select(*transactions.columns, "scored.*").write.mode("overwrite").parquet(out)


if __name__ == "__main__":
    main()
