"""How results are judged: arrays in, numbers and axes out."""
