"""`counterfoil threshold`: shows the threshold of a packaged model, or changes it."""
