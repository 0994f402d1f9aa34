"""Writes small cloud assemblies as `cdk synth` would, for the tests of the deployer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ACCOUNT = "444444444444"
REGION = "ap-northeast-2"
BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
ROLE = "arn:${AWS::Partition}:iam::" + f"{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"


class AssemblyWriter:
    """An assembly with one Stage; `stack` adds a stack, `write` makes the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._inner = folder / "assembly-Dev"
        self._inner.mkdir(parents=True, exist_ok=True)
        self._artifacts: dict[str, Any] = {}

    def stack(
        self,
        id_: str,
        resources: dict[str, Any],
        *,
        needs: tuple[str, ...] = (),
        assets: tuple[Path, ...] = (),
        environment: str = f"{ACCOUNT}/{REGION}",
        **properties: Any,
    ) -> None:
        sections = {key: properties.pop(key) for key in list(properties) if key[0].isupper()}
        template = self._inner / f"{id_}.template.json"
        template.write_text(json.dumps({"Resources": resources, **sections}))
        files = {f"template-{id_}": self._file(template, f"{id_}-{abs(hash(template.read_text()))}.json", "file")}
        for path in assets:
            files[path.name] = self._file(path, f"{path.name}.zip", "zip" if path.is_dir() else "file")
        (self._inner / f"{id_}.assets.json").write_text(json.dumps({"files": files}))
        self._artifacts[f"{id_}.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": f"{id_}.assets.json"}}
        metadata = {f"/Dev/{id_}/{name}/Resource": [{"type": "aws:cdk:logicalId", "data": name}] for name in resources}
        self._artifacts[id_] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{environment}",
            "displayName": f"Dev/{id_}",
            "dependencies": [*needs, f"{id_}.assets"],
            "metadata": metadata,
            "properties": {
                "templateFile": template.name,
                "stackName": f"Dev-{id_}",
                "stackTemplateAssetObjectUrl": f"s3://{BUCKET}/{files[f'template-{id_}']['destinations']['here']['objectKey']}",
                "cloudFormationExecutionRoleArn": ROLE,
                "requiresBootstrapStackVersion": 6,
                **properties,
            },
        }

    def write(self) -> Path:
        stage = {"type": "cdk:cloud-assembly", "properties": {"directoryName": self._inner.name}}
        (self._inner / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": self._artifacts}))
        (self.folder / "manifest.json").write_text(
            json.dumps({"version": "55.0.0", "artifacts": {"assembly-Dev": stage}})
        )
        return self.folder

    def _file(self, path: Path, key: str, packaging: str) -> dict[str, Any]:
        place = {"bucketName": BUCKET.replace(ACCOUNT, "${AWS::AccountId}"), "objectKey": key}
        return {
            "displayName": path.name,
            "source": {"path": str(path), "packaging": packaging},
            "destinations": {"here": place},
        }


def parameter(name: str, value: Any, **entry: Any) -> dict[str, Any]:
    """An SSM parameter: the smallest resource that can be looked at."""
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Name": name, "Type": "String", "Value": value}, **entry}
