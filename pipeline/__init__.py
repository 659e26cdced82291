"""The edge of Counterfoil: reading, writing, tracking and the command line."""
