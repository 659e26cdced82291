"""The semi-supervised GAN: its networks, its compiled training, its guards against collapse."""
