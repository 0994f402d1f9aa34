"""What CloudFormation takes at most: a larger template is refused only when it is deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from stacks.controls.templates import Templates
from stacks.controls.violation import Violation

LARGEST_TEMPLATE = 1_048_576
MOST_RESOURCES = 500


def templates_fit(templates: Templates) -> Iterator[Violation]:
    """Those that hold something for each model grow with their number."""
    for template in templates.templates:
        resources = template.body.get("Resources", {})
        size = len(json.dumps(template.body, indent=1, ensure_ascii=False).encode())  # as CDK writes it
        for count, most, what in ((size, LARGEST_TEMPLATE, "bytes"), (len(resources), MOST_RESOURCES, "resources")):
            if count > most:
                yield Violation(
                    "template-size",
                    template.path,
                    max(resources, key=lambda name: len(json.dumps(resources[name]))),
                    f"its template has {count:,} {what}, more than {most:,}",
                    "CloudFormation refuses it when it is deployed; what each model adds grows with their number",
                    "move some of settings/models into a copy of this project that trains in an account of its own",
                )
