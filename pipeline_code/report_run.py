"""The one block of the report that differs between runs on the same inputs: which job made it; called by report.py.

SageMaker writes the facts into the container; run by hand there are none.
"""

from __future__ import annotations

import json
from typing import Any

from failure import base_folder
from report_html import section, table

BEGIN, END = "<!-- run:begin -->", "<!-- run:end -->"


def block() -> str:
    path = base_folder() / "config" / "processingjobconfig.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return f"{BEGIN}\n{section('This run', '<p>Run by hand, not as a job.</p>')}\n{END}"
    cluster = (config.get("ProcessingResources") or {}).get("ClusterConfig") or {}
    facts = {
        "job": config.get("ProcessingJobName"),
        "ARN": config.get("ProcessingJobArn"),
        "image": (config.get("AppSpecification") or {}).get("ImageUri"),
        "instance": cluster.get("InstanceType"),
    }
    rows = [(name, str(value)) for name, value in facts.items() if value]
    return f"{BEGIN}\n{section('This run', table((), rows) or '<p>The job tells nothing of itself.</p>')}\n{END}"
