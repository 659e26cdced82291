"""Asks people for labels: which rows, the review of guesses, what becomes of them."""
