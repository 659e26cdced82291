"""The packaged model: its folder, evidence, threshold, reasons and card."""
