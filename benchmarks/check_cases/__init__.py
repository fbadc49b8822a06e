"""Hand-derived gradients, right and wrong, as people write them: the examination of `tg.check`."""

from .corpus import Case, all_cases, cases, problems

__all__ = ["Case", "all_cases", "cases", "problems"]
