"""`counterfoil run`: the stages that are stale, in order and in one process."""
