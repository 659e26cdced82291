"""Speed of training, encoders, scoring and the whole pipeline; see `__main__`."""
