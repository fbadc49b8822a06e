"""The command line: `tinygrad-lite COMMAND`, or `python -m tinygrad_lite COMMAND`.

Exit status: 0 all is well, 1 the answer is no (a wrong gradient), 2 it could not be run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import linecache
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Sequence
from numbers import Number
from pathlib import Path
from typing import Any

from . import tour
from .check import check
from .check.code.notebook import code_of
from .check.code.pairs import LOSSES
from .check.code.source import Source, parsed
from .derive import derive
from .draw import draw
from .draw.drawing import FORMATS
from .graph.node import Node, topological_order
from .graph.options import either
from .graph.public import version

OURS = b'<meta name="generator" content="tinygrad_lite">'  # as draw/page.html has it


class CannotRun(Exception):
    """What stands in the way of a command, said in one or two lines; exit status 2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="tinygrad-lite", description="The autodiff engine that shows its work."
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-lite {version()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_tour(commands)
    _add_check(commands)
    _add_derive(commands)
    _add_draw(commands)
    args = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):  # a terminal without σ shows \u03c3, not a traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = int(args.run(args))
        sys.stdout.flush()
        return status
    except CannotRun as error:
        print(f"tinygrad-lite: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tinygrad-lite: interrupted", file=sys.stderr)
        return 130
    except OSError as error:  # of our output: its reader, such as head, has seen enough; disk full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 141
        print(f"tinygrad-lite: {error}", file=sys.stderr)
        return 2


def run_file(path: str | Path) -> dict[str, Any]:
    """Run a user's Python file, as `python FILE.py` would, and return its variables.

    A node bound to a variable takes the variable's name, unless it has one. Raises `CannotRun`,
    with the traceback from the file on, when the file is missing or raises.
    """
    path = Path(path)
    if not path.is_file():
        raise CannotRun(f"{path}: no such file")
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        if path.suffix == ".ipynb":
            namespace = _run_notebook(path)
        else:
            namespace = runpy.run_path(str(path), run_name="__main__")
    except SystemExit as error:
        raise CannotRun(f"{path}: stopped by exit({error.code!r}) before its end") from None
    except Exception as error:
        raise CannotRun(f"{path} raised an error:\n{_traceback_from(path, error)}") from None
    finally:
        sys.path.remove(folder)
    for name, value in namespace.items():
        if isinstance(value, Node) and value.name is None:
            value.name = name
    return namespace


def _run_notebook(path: Path) -> dict[str, Any]:
    """Run a notebook's code cells, one after the other, in one go."""
    text = code_of(path)[0]
    linecache.cache[str(path)] = (len(text), None, text.splitlines(keepends=True), str(path))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, str(path), "exec"), namespace)
    return namespace


def source_in(path: Path) -> Source:
    """The source of a file or a notebook."""
    if path.suffix == ".ipynb":
        text, cells = code_of(path)
        return parsed(str(path), text, cells)
    return parsed(str(path), path.read_text(encoding="utf-8"))


def find_loss(namespace: dict[str, Any], path: str | Path, name: str | None = None) -> Node:
    """The loss in a file's variables: `name`, else the first of `LOSSES` that is a node, one that
    was computed if there is such a one."""
    candidates = LOSSES if name is None else (name,)
    nodes = [x for x in map(namespace.get, candidates) if isinstance(x, Node)]
    if nodes:
        return next((x for x in nodes if x.op is not None), nodes[0])
    if name is not None and name in namespace:
        kind = type(namespace[name]).__name__
        raise CannotRun(f"{path}: {name} is a {kind}, not a Value or Tensor")
    wanted = name or f"{', '.join(candidates[:-1])} or {candidates[-1]}"
    plain = next((n for n in candidates if isinstance(namespace.get(n), Number)), None)
    hint = f"; {plain} is a plain number: make the parameters Tensors, as in W = tg.Tensor(W)"
    raise CannotRun(
        f"{path} defines no loss: no Value or Tensor called {wanted}"
        + ("" if name else " (another name: --loss NAME)")
        + (hint if plain else "")
    )


def _command(
    commands: Any, run: Callable[..., Any], *, file: str = "", otherwise: str = "", **told: str
) -> Any:
    """A command that is called as the function it runs; of a `file`, whose loss is asked for: with
    what stands for that `otherwise`."""
    command = commands.add_parser(run.__name__[1:], **told)
    command.set_defaults(run=run)
    if file:
        command.add_argument("file", metavar=file, type=Path)
        names = ", ".join(LOSSES)
        command.add_argument(
            "--loss",
            metavar="NAME",
            help=f"the variable that holds the loss (default: the first of {names}{otherwise})",
        )
    return command


def _add_tour(commands: Any) -> None:
    command = _command(
        commands,
        _tour,
        help="see what the engine does, on real data",
        description="Two networks' gradients beside the formulas derived by hand, handwritten "
        "digits read and fooled, and a computation graph. Exit status: 0 all came out as promised, "
        "1 it did not, 2 could not run.",
    )
    command.add_argument(
        "--out", metavar="FOLDER", default="tinygrad_lite_tour", help="for the pictures"
    )
    command.add_argument("--quick", action="store_true", help="train less")


def _tour(args: argparse.Namespace) -> bool:
    try:
        return not tour.run(args.out, quick=args.quick)
    except (ModuleNotFoundError, FileExistsError, NotADirectoryError, PermissionError) as error:
        raise CannotRun(str(error)) from None


def _add_check(commands: Any) -> None:
    command = _command(
        commands,
        _check,
        file="FILE",
        help="hold the hand-derived gradients of a file against the chain rule",
        description="Run FILE.py or FILE.ipynb, which computes a loss, and say of every line that "
        "assigns a gradient (dW = ..., grad_W = ..., dE_dW = ...) whether it is right and, if not, "
        "why, and how it should read; or of every entry of `claims = {node or name: gradient}`, or "
        "every line of a function `claims`, if the file has such. "
        "Exit status: 0 all right, 1 some wrong or unclear, 2 could not run.",
    )
    command.add_argument("--digits", metavar="N", type=int, help="with how many they were typed")
    command.add_argument(
        "--hints",
        metavar="N",
        type=int,
        choices=range(1, 5),
        help="only help with the first wrong line: 1 where, 2 what kind, 3 the rule, 4 the answer",
    )
    command.add_argument("--explain", action="store_true", help="say why what is right is right")
    command.add_argument("--json", action="store_true", help="print the report as JSON")


def _check(args: argparse.Namespace) -> int:
    with contextlib.redirect_stdout(sys.stderr if args.json else sys.stdout):
        variables = run_file(args.file)
    loss = find_loss(variables, args.file, args.loss)
    claims = variables.get("claims")
    told = {"digits": args.digits, "hints": args.hints, "explain": args.explain}
    try:
        derived = source_in(args.file) if claims is None else claims
        report = check(loss, derived, names=variables, **told)
    except (TypeError, ValueError) as error:
        raise CannotRun(f"{args.file}: {error}") from None
    print(json.dumps(report.to_dict()) if args.json else report)
    return 0 if report else 1


def _add_derive(commands: Any) -> None:
    command = _command(
        commands,
        _derive,
        file="FILE.py",
        help="derive the gradients of a file's loss, as formulas",
        description="Run FILE.py and print the derivation of the gradients of its loss: step by "
        "step, as a formula, in index notation and as NumPy, each run before it is printed. Exit "
        "status: 0 derived, 2 could not run.",
    )
    command.add_argument(
        "-w",
        "--wrt",
        metavar="NAME",
        action="append",
        help="with respect to what; may be repeated (default: every named input of the loss)",
    )
    command.add_argument("--latex", action="store_true", help="print LaTeX")


def _derive(args: argparse.Namespace) -> int:
    variables = run_file(args.file)
    loss = find_loss(variables, args.file, args.loss)
    within = set(topological_order(loss))
    leaves = [x for x in variables.values() if isinstance(x, Node) and x in within and not x.op]
    chosen = [x for x in dict.fromkeys(leaves) if not x.constant and x is not loss]
    if args.wrt:
        known = {k: x for k, x in variables.items() if isinstance(x, Node)}
        known |= {x.name: x for x in within if x.name}
        for name in args.wrt:
            if name not in known:
                raise CannotRun(f"{args.file}: no Value or Tensor called {name}")
        chosen = [known[name] for name in args.wrt]
    if not chosen:
        raise CannotRun(f"{args.file}: the loss depends on no named input; say -w NAME")
    try:
        derivation = derive(loss, *chosen, names=variables)
    except (TypeError, ValueError) as error:
        raise CannotRun(str(error)) from None
    print(derivation.latex_text if args.latex else derivation.text)
    return 0


def _add_draw(commands: Any) -> None:
    command = _command(
        commands,
        _draw,
        file="FILE.py",
        otherwise=", else the last scalar that was computed",
        help="draw the computation graph of a file's loss",
        description="Run FILE.py and draw the graph of its loss. Exit status: 0 drawn, 2 could "
        "not run.",
    )
    command.add_argument(
        "-o",
        "--out",
        metavar="PICTURE",
        type=Path,
        help=f"where to: {either(FORMATS)} (default: FILE.html, where no other file has that name)",
    )
    command.add_argument("--depth", metavar="N", type=int, help="open N levels of scopes")
    command.add_argument("--max-nodes", metavar="N", type=int, help="fold graphs of more nodes")
    command.add_argument("--down", action="store_true", help="from top to bottom")
    command.add_argument("--steps", action="store_true", help="a box for every op")


def _draw(args: argparse.Namespace) -> int:
    out = args.out or _own_page(args.file)
    variables = run_file(args.file)
    loss = _any_loss(variables, args.file, args.loss)
    given = {} if args.max_nodes is None else {"max_nodes": args.max_nodes}
    try:
        drawing = draw(
            loss,
            direction="down" if args.down else None,
            steps=args.steps or None,
            depth=args.depth,
            names=variables,
            **given,
        )
        drawing.save(out)
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        raise CannotRun(str(error)) from None
    print(f"{out}: {drawing.alt}")
    return 0


def _own_page(path: Path) -> Path:
    """FILE.html, unless a file of that name is there that we did not make."""
    out = Path(path.stem + ".html")
    if out.exists() and OURS not in out.read_bytes()[:1000]:
        raise CannotRun(
            f"{out} is there, and is no picture of ours; say where to, as in "
            f"-o {path.stem}-graph.html (with -o, what is there is replaced)"
        )
    return out


def _any_loss(variables: dict[str, Any], path: Path, name: str | None) -> Node:
    """`find_loss`, or else the last scalar in a file's variables that an op computed."""
    try:
        return find_loss(variables, path, name)
    except CannotRun:
        scalars = [
            value
            for value in variables.values()
            if isinstance(value, Node) and value.op is not None and not value.shape
        ]
        if name is not None or not scalars:
            raise
        return scalars[-1]


def _traceback_from(path: Path, error: BaseException) -> str:
    """The traceback without the frames above the user's file."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename != str(path):
        tb = tb.tb_next
    return "".join(traceback.format_exception(type(error), error, tb)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
