"""LaTeX compiled by KaTeX, as notebooks do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

_COMPILE = """
const katex = require('katex');
const formulas = JSON.parse(require('fs').readFileSync(0));
const errors = formulas.map(tex => {
    try { katex.renderToString(tex, {displayMode: true, strict: 'error'}); return ''; }
    catch (error) { return error.message; }
});
console.log(JSON.stringify(errors));
"""


def errors(node: str, formulas: Sequence[str]) -> dict[str, str]:
    """{formula: KaTeX's message} for those that do not compile; `node` is Node's path."""
    done = subprocess.run(
        [node, "-e", _COMPILE],
        input=json.dumps(list(formulas)),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    return {tex: error for tex, error in zip(formulas, found, strict=True) if error}
