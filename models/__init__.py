"""What is learned: autoencoder, variational autoencoder and semi-supervised GAN."""
