"""Copies the schemas of the supported types from cfn-lint (MIT No Attribution) into `schemas/`.

A maintainer runs `python -m millrace.local.cloudformation.import_schemas` after adding a provider.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from millrace.local.cloudformation.providers import PROVIDERS
from millrace.local.cloudformation.schema import FOLDER, file_name

PROSE = {"description", "examples", "typeName", "insertionOrder", "relationshipRef", "format", "handlers", "tagging"}
KEPT = {
    "additionalProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "conditionalCreateOnlyProperties",
    "createOnlyProperties",
    "definitions",
    "primaryIdentifier",
    "properties",
    "readOnlyProperties",
    "required",
}


def trimmed(node: Any, *, names: bool = False) -> Any:
    """Without prose; `names` says that the keys are property names, which may be called "description"."""
    if isinstance(node, dict):
        return {
            key: trimmed(value, names=key in ("properties", "definitions", "patternProperties") and not names)
            for key, value in node.items()
            if names or key not in PROSE
        }
    return [trimmed(item) for item in node] if isinstance(node, list) else node


def main() -> None:
    spec = find_spec("cfnlint")
    if spec is None or spec.origin is None:
        raise SystemExit("cfn-lint is not installed in this environment; it comes with moto[server]")
    source = Path(spec.origin).parent / "data" / "schemas"
    index = json.loads((source / "providers" / "us-east-1.json").read_text())
    FOLDER.mkdir(exist_ok=True)
    for type_ in sorted(index.keys() & PROVIDERS.keys()):
        document = json.loads((source / "resources" / f"{index[type_]}.json").read_text())
        kept = {key: value for key, value in trimmed(document).items() if key in KEPT}
        (FOLDER / file_name(type_)).write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
