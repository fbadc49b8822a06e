"""Formulas as trees, and the walks that print them: as Unicode, LaTeX and NumPy code."""
