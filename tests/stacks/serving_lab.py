"""Serving stacks of made-up settings, all synthesized at once, and what CloudFormation makes of their names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settings import EndpointSettings, NetworkSettings, load

REPOSITORY = Path(__file__).parent.parent.parent
PACKAGE = "arn:aws:sagemaker:ap-northeast-2:111111111111:model-package/claims-fraud/12"


@dataclass(frozen=True)
class Variant:
    endpoint: EndpointSettings
    network: NetworkSettings | None = None
    role: str = "arn:aws:iam::111111111111:role/millrace-dev-endpoint"


def templates(variants: Mapping[str, Variant], folder: Path) -> dict[str, dict[str, Any]]:
    """The template of each variant's stack."""
    import aws_cdk as cdk
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3

    from stacks.naming import Naming
    from stacks.serving import ServingStack

    account = load().account("dev")
    # Not `new_app`: its controls are for whole systems.
    app = cdk.App(
        outdir=str(folder),
        context=json.loads((REPOSITORY / "cdk.json").read_text("utf-8"))["context"],
        analytics_reporting=False,
        default_stack_synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
    )
    stage = cdk.Stage(app, "Dev", env=cdk.Environment(account=account.account_id, region=account.region))
    data = cdk.Stack(stage, "Data")
    key, capture_key = kms.Key(data, "Key"), kms.Key(data, "CaptureKey")
    bucket = s3.Bucket(data, "Capture", bucket_name="captured", encryption_key=capture_key)
    for name, variant in variants.items():
        ServingStack(
            stage,
            name,
            naming=Naming(account),
            model=load().model("claims-fraud"),
            endpoint=variant.endpoint,
            execution_role_arn=variant.role,
            key=key,
            network=variant.network,
            capture_bucket=bucket,
        )
    made = stage.synth()
    return {name: made.get_stack_by_name(f"Dev-{name}").template for name in variants}


def properties(template: Mapping[str, Any], type_: str, *, package: str = PACKAGE, digest: str = "none") -> Any:
    """Of the only resource of the type, as CloudFormation would have them once the version is set."""
    (resource,) = [each for each in template["Resources"].values() if each["Type"] == type_]
    return evaluated(resource["Properties"], template, package=package, digest=digest)


def evaluated(value: Any, template: Mapping[str, Any], *, package: str, digest: str) -> Any:
    """Intrinsic functions carried out, but for references to other stacks."""

    def of(each: Any) -> Any:
        return evaluated(each, template, package=package, digest=digest)

    match value:
        case {"Ref": "ModelPackageArn"}:
            return package
        case {"Ref": "ModelDigest"}:
            return digest
        case {"Ref": name}:
            return of(template["Resources"][name]["Properties"].get("AlarmName", {"Made": name}))
        case {"Fn::GetAtt": [resource, attribute]}:
            return of(template["Resources"][resource]["Properties"][attribute])
        case {"Fn::Join": [on, parts]}:
            return on.join(of(part) for part in parts)
        case {"Fn::Split": [on, text]}:
            return of(text).split(on)
        case {"Fn::Select": [position, parts]}:
            return of(parts)[int(position)]
        case {"Fn::If": ["Checked", then, otherwise]}:
            return of(otherwise if digest == "none" else then)
        case {"Fn::ImportValue": name}:
            return f"imported:{name}"
        case dict():
            return {key: of(each) for key, each in value.items()}
        case list():
            return [of(each) for each in value]
        case _:
            return value
