"""The figures: pure functions from result files to matplotlib figures, run by ``python -m figures``."""
