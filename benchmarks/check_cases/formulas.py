"""What derivations by hand have in common."""

import numpy as np


def sigmoid(z):
    """1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))
