"""Reads a cloud assembly (`cdk.out`) into records: stacks, what they depend on, and the files they need."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.errors import MillraceError

UNKNOWN = {"unknown-account": None, "unknown-region": None}


@dataclass(frozen=True)
class FileAsset:
    """A file or folder that goes to one place in S3; folders travel as zip."""

    name: str
    source: Path
    packaging: str
    bucket: str
    key: str


@dataclass(frozen=True)
class StackArtifact:
    """One stack of the assembly. `account` and `region` are None where the stack fits any environment."""

    id: str
    name: str
    path: str
    account: str | None
    region: str | None
    template_file: Path
    template_url: str | None
    role_arn: str | None
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    termination_protection: bool
    bootstrap_version: int
    needs: tuple[str, ...]
    assets: tuple[FileAsset, ...]
    names: Mapping[str, str]  # logical id -> construct path

    def template(self) -> dict[str, Any]:
        return dict(json.loads(self.template_file.read_text()))


@dataclass(frozen=True)
class Assembly:
    folder: Path
    stacks: tuple[StackArtifact, ...]


def read_assembly(folder: Path) -> Assembly:
    """The assembly in this folder, nested Stage assemblies included."""
    if not (folder / "manifest.json").is_file():
        raise MillraceError(f"{folder} is not a cloud assembly (it has no manifest.json): run `cdk synth` first")
    return Assembly(folder, tuple(_stacks(folder)))


def _stacks(folder: Path) -> Iterator[StackArtifact]:
    artifacts: dict[str, Any] = json.loads((folder / "manifest.json").read_text()).get("artifacts", {})
    for id_, artifact in artifacts.items():
        if artifact["type"] == "aws:cloudformation:stack":
            yield _stack(folder, id_, artifact, artifacts)
        elif artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(folder / artifact["properties"]["directoryName"])


def _stack(folder: Path, id_: str, artifact: dict[str, Any], artifacts: dict[str, Any]) -> StackArtifact:
    properties = artifact["properties"]
    account, region = artifact["environment"].removeprefix("aws://").split("/")
    named = artifact.get("dependencies", [])
    stacks = tuple(name for name in named if artifacts[name]["type"] == "aws:cloudformation:stack")
    manifests = [name for name in named if artifacts[name]["type"] == "cdk:asset-manifest"]
    return StackArtifact(
        id=id_,
        name=properties.get("stackName", id_),
        path=artifact.get("displayName", id_),
        account=UNKNOWN.get(account, account),
        region=UNKNOWN.get(region, region),
        template_file=folder / properties["templateFile"],
        template_url=properties.get("stackTemplateAssetObjectUrl"),
        role_arn=properties.get("cloudFormationExecutionRoleArn"),
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
        termination_protection=bool(properties.get("terminationProtection", False)),
        bootstrap_version=int(properties.get("requiresBootstrapStackVersion", 0)),
        needs=stacks,
        assets=tuple(asset for name in manifests for asset in _assets(folder, artifacts[name])),
        names=dict(_names(folder, artifact)),
    )


def _assets(folder: Path, artifact: dict[str, Any]) -> Iterator[FileAsset]:
    manifest = json.loads((folder / artifact["properties"]["file"]).read_text())
    if manifest.get("dockerImages"):
        names = ", ".join(manifest["dockerImages"])
        raise MillraceError(f"image assets are not supported ({names}): deploy this assembly with `cdk deploy`")
    for id_, entry in manifest.get("files", {}).items():
        source = entry["source"]
        if "path" not in source:
            raise MillraceError(f"asset {id_} is made by a command, which is not supported: use `cdk deploy`")
        for place in entry["destinations"].values():
            yield FileAsset(
                name=entry.get("displayName", id_),
                source=(folder / source["path"]).resolve(),
                packaging=source.get("packaging", "file"),
                bucket=place["bucketName"],
                key=place["objectKey"],
            )


def _names(folder: Path, artifact: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Construct paths by logical id; newer assemblies keep metadata in a file of its own."""
    metadata = artifact.get("metadata", {})
    extra = artifact.get("additionalMetadataFile")
    if extra and (folder / extra).is_file():
        metadata = {**metadata, **json.loads((folder / extra).read_text())}
    for path, entries in metadata.items():
        for entry in entries:
            if entry["type"] == "aws:cdk:logicalId":
                yield entry["data"], path.lstrip("/").removesuffix("/Resource")
