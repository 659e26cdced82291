"""Simulates active learning on real rows: average precision against the number of labels."""
