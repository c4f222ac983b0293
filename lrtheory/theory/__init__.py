"""Closed forms and predictions, one module a paper; NumPy in float64, and NaN outside the regime of a statement."""
