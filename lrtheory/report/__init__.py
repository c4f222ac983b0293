"""One self-contained page with every claim, its verdict, and the figures beside it: ``lrtheory report``."""

from lrtheory.report.page import write

__all__ = ["write"]
