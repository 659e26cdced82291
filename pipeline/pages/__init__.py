"""What reports share: the HTML page, pictures as SVG, numbers and lines in words."""
