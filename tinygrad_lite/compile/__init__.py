"""`compile`: a function recorded once and run as a list of NumPy calls."""
