"""For pytest: a line for every backward pass that a test has refereed, and what would have been
caught in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..check.findings import Report
from .referee import WATCHED

KEY = "tinygrad_lite: a backward pass"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    """Keep the reports of a test with its result, which workers hand on."""
    reports: list[Report] = []
    token = WATCHED.set(reports)
    try:
        return (yield)
    finally:
        WATCHED.reset(token)
        item.user_properties += [(KEY, _line(report)) for report in reports]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the lines below the results."""
    results = [r for kind in terminalreporter.stats.values() for r in kind]
    lines = [
        f"{r.nodeid}  {said}"
        for r in results
        if getattr(r, "when", "") == "call"
        for key, said in r.user_properties
        if key == KEY
    ]
    if lines:
        terminalreporter.section("backward passes")
    for line in lines:
        terminalreporter.write_line(line)


def _line(report: Report) -> str:
    if not report:
        return str(report.worst).split("\n")[0]
    caught: dict[str, float] = {}
    for finding in report:
        for dtype, error in finding.caught.items():
            caught[dtype] = max(caught.get(dtype, 0.0), error)
    limits = ", ".join(f"{error:.0e} in {dtype}" for dtype, error in caught.items())
    return f"{', '.join(f.name for f in report)} right; caught from {limits}"
