"""The autoencoder of windows of a series."""
