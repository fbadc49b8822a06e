"""Nested lists, tuples and dicts, whose leaves are arrays, numbers or nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Function = Callable[..., Any]
Tree = Any  # a leaf, or a list, tuple or dict of trees


def map_tree(f: Function, tree: Tree, *others: Tree) -> Tree:
    """f of every leaf (and of the leaves at its place in trees of the same structure)."""
    if isinstance(tree, dict):
        _same(tree, others, lambda t: isinstance(t, dict) and t.keys() == tree.keys())
        return {k: map_tree(f, v, *(t[k] for t in others)) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        _same(tree, others, lambda t: isinstance(t, (list, tuple)) and len(t) == len(tree))
        items = [map_tree(f, *parts) for parts in zip(tree, *others, strict=True)]
        if isinstance(tree, tuple):
            return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
        return items
    return None if tree is None else f(tree, *others)


def _same(tree: Tree, others: tuple[Tree, ...], fits: Function) -> None:
    for other in others:
        if not fits(other):
            raise ValueError(f"the structures differ: {_outline(tree)} against {_outline(other)}")


def _outline(tree: Tree) -> str:
    if isinstance(tree, dict):
        return f"dict with keys {sorted(map(str, tree))}"
    if isinstance(tree, (list, tuple)):
        return f"{type(tree).__name__} of {len(tree)}"
    return type(tree).__name__


def leaves(tree: Tree) -> list[Any]:
    """The leaves of a tree, in order; None is none."""
    found: list[Any] = []
    map_tree(found.append, tree)
    return found


def rebuild(tree: Tree, values: Iterable[Any]) -> Tree:
    """`tree` with its leaves replaced, in order."""
    source: Iterator[Any] = iter(values)
    return map_tree(lambda _: next(source), tree)
