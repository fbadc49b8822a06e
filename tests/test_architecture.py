"""The house: what may import what. Read from the source, so that nothing hides behind a cache."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinygrad_lite"

# Each line may import from the lines above it, and from nothing beside or below it.
FLOORS: list[tuple[str, ...]] = [
    ("graph", "differences"),
    ("ops",),
    ("functions", "backprop"),
    ("notation", "protocols", "linalg", "special", "fft"),
    ("differentiable",),
    ("tensor",),
    ("value",),
    ("transforms", "nn", "optim", "train", "compile", "derive"),
    ("check", "testing", "jit"),
    ("draw", "plot"),
    ("referee",),
    ("rooms", "tour"),
    ("__main__", "__init__"),
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
TOP_LEVEL = {
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "tinygrad_lite",
    "tests",
    "notebooks",
    "benchmarks",
}
MAX_LINES = 400
MAX_MODULES_AT_THE_ROOT = 8

SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    """`ops.shape` for ops/shape.py, `ops` for ops/__init__.py, `__init__` for the package's own."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_name(path): path for path in SOURCES}


def nested(tree: ast.AST, late: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Every import, those for annotations alone too, and whether it runs late (in a function)."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, late
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from nested(child, True)
        else:
            yield from nested(child, late)


def targets(statement: ast.stmt, importer: str, path: Path) -> Iterator[str]:
    """The modules of this package that an import statement names."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            top, _, rest = alias.name.partition(".")
            if top == PACKAGE.name:
                yield rest or "__init__"
        return
    assert isinstance(statement, ast.ImportFrom)
    if statement.level:
        inside = path.relative_to(PACKAGE).parts[:-1]
        up = statement.level - 1
        assert up <= len(inside), f"{importer} imports from outside the package"
        base = list(inside[: len(inside) - up])
    elif (statement.module or "").partition(".")[0] == PACKAGE.name:
        base = []
    else:
        return
    named = (statement.module or "").split(".") if statement.module else []
    base += [part for part in named if statement.level or part != PACKAGE.name]
    for alias in statement.names:
        submodule = ".".join([*base, alias.name])
        yield submodule if submodule in MODULES else ".".join(base) or "__init__"


def imports(path: Path) -> Iterator[tuple[str, bool, int]]:
    """(module, late, line) for every import of this package's own modules in a file."""
    importer = module_name(path)
    for statement, late in nested(ast.parse(path.read_text(encoding="utf-8"))):
        for target in targets(statement, importer, path):
            yield target, late, statement.lineno


def room(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_every_room_has_a_floor(path):
    assert room(module_name(path)) in FLOOR, "give the new module a floor in FLOORS"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_go_down_only(path):
    here = room(module_name(path))
    for target, _, line in imports(path):
        assert target in MODULES, f"{path.name}:{line} imports {target}, which is not a module"
        there = room(target)
        if here != there:
            assert FLOOR[there] < FLOOR[here], (
                f"{path.name}:{line}: {here} (floor {FLOOR[here]}) imports "
                f"{there} (floor {FLOOR[there]})"
            )


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_no_late_imports_of_our_own(path):
    late = [f"{path.name}:{line} imports {target}" for target, late, line in imports(path) if late]
    assert not late, "an import inside a function hides a cycle"


def test_no_import_cycles():
    edges = {name: {t for t, _, _ in imports(path)} - {name} for name, path in MODULES.items()}
    while edges:
        free = [name for name, wanted in edges.items() if not wanted & edges.keys()]
        assert free, f"import cycle among {sorted(edges)}"
        for name in free:
            del edges[name]


def test_every_module_is_used():
    """A file that no table and no `__init__` names would be in the wheel for nothing."""
    used = {target for path in SOURCES for target, _, _ in imports(path)}
    used |= {module.rpartition(".")[0] for module in used}
    assert set(MODULES) - used == {"__init__", "__main__", "referee.plugin"}  # pytest loads it


@pytest.mark.parametrize(
    "path",
    [p for d in ("tinygrad_lite", "tests", "benchmarks") for p in sorted((ROOT / d).rglob("*.py"))],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_no_file_is_too_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_the_reading_path_fits_an_afternoon():
    """The README leads through the engine in an order; those modules stay short, together."""
    section = (ROOT / "README.md").read_text().split("## Read the code")[1].split("\n\n")[2]
    links = re.findall(r"\]\(([^)]+\.py)\)", section)
    assert len(links) == 7
    assert sum(len((ROOT / link).read_text().splitlines()) for link in links) <= 1100


def test_rules_are_read_in_one_room():
    """Whoever reads an op's rules must know their forms; the sweep does, and what states them."""
    readers = {
        name
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "rules"
        and not (isinstance(node.value, ast.Name) and node.value.id == "context")
    }
    assert readers == {"graph.op", *(f"backprop.{x}" for x in ("chain", "scalars", "arrays"))}


def test_what_is_found_does_not_hang_on_the_machine():
    """Searches end by `graph.clock`; seconds are the user's in the referee, and the tour's."""
    timed = {
        name
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(a.name == "time" for a in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "time")
    }
    assert timed == {"referee.oracle", "tour.tour"}


def test_top_level_is_tidy():
    found = {
        p.name
        for p in ROOT.iterdir()
        if not p.name.startswith(".")
        and p.suffix != ".egg-info"
        and p.name not in {"build", "dist", "tinygrad_lite_tour", "PKG-INFO"}  # an sdist has this
    }
    assert found <= TOP_LEVEL


def test_few_modules_lie_outside_a_room():
    assert len(list(PACKAGE.glob("*.py"))) <= MAX_MODULES_AT_THE_ROOT
