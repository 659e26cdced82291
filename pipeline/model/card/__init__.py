"""The model card: its content, and its pages as Markdown and HTML."""
