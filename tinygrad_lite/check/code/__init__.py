"""Derivations as code: run as Python runs them, with a record of every sub-expression."""
