"""One file per stage: each reads artifacts, calls `features`, `models` or `evaluation`, writes."""
