"""`counterfoil score`: scoring of tables of any size: read in chunks, scored, written in chunks."""
