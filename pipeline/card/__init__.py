"""`counterfoil card` and `counterfoil approve`: shows a model card, and signs it."""
