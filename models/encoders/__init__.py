"""The autoencoder and the variational autoencoder of transactions, and how a network is trained."""
