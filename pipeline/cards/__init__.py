"""The model card: what is laid out, in which formats, and who approved the model."""
