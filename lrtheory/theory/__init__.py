"""Closed forms and predictions, one module a paper: NumPy, float64, NaN outside the regime of a statement."""
