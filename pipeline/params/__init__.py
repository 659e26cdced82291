"""The parameters: the typed sections of params.yaml, and how they are read."""
