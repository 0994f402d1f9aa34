"""What tests of transform jobs share: a model whose server tells what it was sent, and the run of a job over it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.sagemaker_lab import ENDED, EndpointLab, until

# Answers each line with its length and a count of the request's lines, or fails as the line says.
ECHO = """
import json, os
from answers import Answer


def model_fn(model_dir):
    if os.path.exists(os.path.join(model_dir, "broken")):
        raise RuntimeError("model.json is damaged")
    return None


def transform_fn(model, body, content_type, accept):
    text = body if isinstance(body, str) else body.decode()
    if "die" in text:
        os._exit(7)
    if "raise" in text:
        raise RuntimeError("no such row")
    if "refuse" in text:
        return Answer("400 BAD REQUEST", json.dumps({"error": {"column": "age"}}))
    if "environment" in text:
        found = {k: v for k, v in os.environ.items() if k.startswith("SAGEMAKER_") or k == "OWN"}
        return json.dumps(found | {"accept": accept, "content": content_type}), "application/json"
    lines = text.splitlines()
    if content_type == "application/json":
        return json.dumps({"seen": json.loads(text)}), "application/json"
    if content_type == "application/jsonlines":
        return "".join(json.dumps({"seen": json.loads(line)}) + "\\n" for line in lines), content_type
    return "".join(f"{len(line)},{len(lines)}\\n" for line in lines), "text/csv"
"""


class TransformLab(EndpointLab):
    def model(self, inference: str = ECHO, **changes: Any) -> str:
        """A model of the echoing server; its name."""
        return self.config("batch", self.archive("batch", inference), **changes)

    def begin(
        self,
        model: str,
        source: str,
        *,
        split: str = "Line",
        content: str = "text/csv",
        accept: str | None = None,
        assemble: str = "None",
        instances: int = 1,
        **more: Any,
    ) -> str:
        """Create a job over s3://<bucket>/<source>; its name. Its output is under out/<name>."""
        name = f"transform-{uuid.uuid4().hex[:8]}"
        request: dict[str, Any] = {
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self.bucket}/{source}"}},
                "ContentType": content,
                "SplitType": split,
                **more.pop("input", {}),
            },
            "TransformOutput": {
                "S3OutputPath": f"s3://{self.bucket}/out/{name}",
                "AssembleWith": assemble,
                **({"Accept": accept} if accept else {}),
            },
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": instances},
        }
        self.sagemaker.create_transform_job(**(request | more))
        return name

    def transform(self, model: str, source: str, **how: Any) -> dict[str, Any]:
        """The description of a job that has ended."""
        return self.transformed(self.begin(model, source, **how))

    def transformed(self, name: str) -> dict[str, Any]:
        return dict(
            until(
                lambda: self.sagemaker.describe_transform_job(TransformJobName=name),
                lambda found: found["TransformJobStatus"] in ENDED,
            )
        )

    def output(self, job: dict[str, Any], file: str) -> str:
        return self.text(f"out/{job['TransformJobName']}/{file}.out")

    def outputs(self, job: dict[str, Any]) -> list[str]:
        prefix = f"out/{job['TransformJobName']}/"
        return [key.removeprefix(prefix) for key in self.keys(prefix)]


def lines(*values: Any) -> str:
    return "".join(f"{json.dumps(value)}\n" for value in values)
