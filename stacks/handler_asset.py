"""Packs a Lambda function's package as an asset, with what it imports of lambda/shared, and JSON files beside it.

`worker_queue.py` calls it. Environment variables hold 4 KB in all, so what grows with the models travels as a file.
"""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aws_cdk import aws_lambda as lambda_

HANDLERS = Path(__file__).parent.parent / "lambda"
SHARED = "shared"
READABLE = 0o644
"""Lambda runs the code as another user; the mode must not depend on the umask of whoever synthesizes."""


@contextmanager
def handler_code(package: str, files: Mapping[str, Any], *, folder: Path = HANDLERS) -> Iterator[lambda_.Code]:
    """The code of a function that is made inside of the `with`: CDK copies it into cdk.out at that moment.

    `files` are values by file name; each becomes a JSON file beside the package.
    """
    with tempfile.TemporaryDirectory() as copied:
        for name, content in asset_files(folder, package, files).items():
            path = Path(copied, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(READABLE)
        yield lambda_.Code.from_asset(copied)


def asset_files(folder: Path, package: str, files: Mapping[str, Any]) -> dict[str, bytes]:
    """What the function finds below its root: its package, what it imports of `shared`, and the JSON files."""
    modules = sorted((folder / package).rglob("*.py"))
    if not modules:
        raise ValueError(f"{folder / package} is no package: it holds no module; name a folder below {folder}")
    modules += _shared(folder, modules)
    return {
        **{module.relative_to(folder).as_posix(): module.read_bytes() for module in modules},
        **{name: _json(content) for name, content in files.items()},
    }


def _shared(folder: Path, modules: Iterable[Path]) -> list[Path]:
    """The modules of `shared` that these import, or that are imported by such."""
    found: set[Path] = set()
    reading = list(modules)
    while reading:
        for name in _imported(reading.pop()):
            module = folder / SHARED / f"{name}.py"
            if module not in found:
                found.add(module)
                reading.append(module)
    return sorted([*found, folder / SHARED / "__init__.py"]) if found else []


def _imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_bytes(), filename=str(module))):
        if isinstance(node, ast.ImportFrom) and node.module == SHARED:
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{SHARED}."):
            yield str(node.module).partition(".")[2]


def _json(content: Any) -> bytes:
    return (json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()
