"""Three accounts in memory: a registry, serving stacks, and functions that do at once what the deployed ones do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from millrace.cli import places
from millrace.cli.accounts import Account
from millrace.cli.app import main
from millrace.cli.places import Place, Places

REGION, MODEL = "ap-northeast-2", "claims-fraud"
DEV = Account("dev", "111111111111", REGION, smoke_tests=True)
STAGING = Account("staging", "222222222222", REGION, trains=False, smoke_tests=True)
PROD = Account("prod", "333333333333", REGION, False, "Production", "staging", True)
WHO = "arn:aws:iam::111111111111:user/kim"
BEGAN = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
Json = dict[str, Any]


def arn_of(number: int) -> str:
    return f"arn:aws:sagemaker:{REGION}:{DEV.id}:model-package/{MODEL}/{number}"


@dataclass
class World:
    """`smoke`, `breaks` and `blocks` say what the functions will find of a version by its number.

    `coming` are the versions that are just being rolled out, by account.
    """

    packages: dict[str, Json] = field(default_factory=dict)
    served: dict[str, str] = field(default_factory=dict)
    coming: dict[str, str] = field(default_factory=dict)
    events: dict[str, list[Json]] = field(default_factory=dict)
    smoke: dict[int, str] = field(default_factory=dict)
    breaks: dict[int, str] = field(default_factory=dict)
    blocks: dict[int, str] = field(default_factory=dict)
    ticks: int = 0

    def register(self, number: int, status: str = "PendingManualApproval", **records: str) -> None:
        arn = arn_of(number)
        self.packages[arn] = {
            "ModelPackageArn": arn,
            "ModelApprovalStatus": status,
            "CreationTime": BEGAN + timedelta(minutes=number),
            "CreatedBy": {"IamIdentity": {"Arn": "arn:aws:sts::111111111111:assumed-role/millrace-dev-build/x"}},
            "CustomerMetadataProperties": {"run": f"run{number}", **records},
        }

    def reconcile(self) -> None:
        for account in (DEV, STAGING, PROD):
            if account.name not in self.events:
                continue
            wanted = next((arn for arn in sorted(self.packages, reverse=True) if self.is_wanted(arn, account)), "")
            if wanted and wanted != self.served.get(account.name):
                self.deploy(account, wanted)

    def is_wanted(self, arn: str, account: Account) -> bool:
        package = self.packages[arn]
        cycle, records = package.get("ModelLifeCycle", {}), package["CustomerMetadataProperties"]
        return bool(
            package["ModelApprovalStatus"] == "Approved"
            and (not account.stage or (cycle.get("Stage"), cycle.get("StageStatus")) == (account.stage, "Approved"))
            and (not account.after or records.get(f"{account.after}_smoke", "").startswith("passed"))
        )

    def deploy(self, account: Account, arn: str) -> None:
        number, records = int(arn.rsplit("/", 1)[-1]), self.packages[arn]["CustomerMetadataProperties"]
        stack = f"{account.name.capitalize()}-Serving-{MODEL}"
        if number in self.blocks:
            records[f"{account.name}_blocked"] = f"blocked 2026-11-29T10:00:00Z by deploy-model: {self.blocks[number]}"
            return
        if number in self.breaks:
            self.note(account, "Endpoint", "UPDATE_FAILED", self.breaks[number])
            self.note(account, stack, "UPDATE_ROLLBACK_COMPLETE")
            return
        self.note(account, stack, "UPDATE_IN_PROGRESS")
        self.note(account, "Endpoint", "UPDATE_COMPLETE")
        self.note(account, stack, "UPDATE_COMPLETE")
        self.served[account.name] = arn
        records[f"{account.name}_deployed"] = "deployed 2026-11-29T10:00:00Z by role/deploy-model"
        result = self.smoke.get(number, "passed")
        records[f"{account.name}_smoke"] = f"{result} 2026-11-29T10:00:{self.ticks:02}Z by role/smoke-test"
        if not result.startswith("passed"):
            self.packages[arn] |= {"ModelApprovalStatus": "Rejected", "ApprovalDescription": f"smoke test: {result}"}

    def note(self, account: Account, resource: str, state: str, reason: str = "") -> None:
        self.ticks += 1
        event = {
            "EventId": str(self.ticks),
            "LogicalResourceId": resource,
            "ResourceType": "AWS::SageMaker::Endpoint",
            "ResourceStatus": state,
            "ResourceStatusReason": reason,
            "Timestamp": BEGAN + timedelta(seconds=self.ticks),
        }
        self.events[account.name].insert(0, event)


@dataclass
class Connection:
    """What the command line asks of boto3, answered from the world."""

    world: World
    of: Account
    embedded: bool = True
    poll_seconds: float = 0.0

    @property
    def account(self) -> str:
        return self.of.id

    def now(self) -> datetime:
        return BEGAN + timedelta(hours=2)

    @property
    def region(self) -> str:
        return REGION

    @property
    def exceptions(self) -> Any:
        return type("Exceptions", (), {"ClientError": ClientError})

    def client(self, _service: str) -> Any:
        return self

    def get_caller_identity(self) -> Json:
        return {"Arn": WHO, "Account": self.of.id}

    def get_paginator(self, operation: str) -> Any:
        answers = {
            "list_model_package_groups": {"ModelPackageGroupSummaryList": [{"ModelPackageGroupName": MODEL}]},
            "describe_stacks": self.describe_stacks(),
            "list_model_packages": {"ModelPackageSummaryList": list(self.world.packages.values())},
            "describe_stack_events": {"StackEvents": list(self.world.events.get(self.of.name, ()))},
        }
        return type("Pages", (), {"paginate": lambda _, **__: [answers[operation]]})()

    def describe_model_package(self, ModelPackageName: str) -> Json:
        return dict(self.world.packages[ModelPackageName])

    def update_model_package(self, ModelPackageArn: str, **changes: Any) -> None:
        package = self.world.packages[ModelPackageArn]
        records = {**package["CustomerMetadataProperties"], **changes.pop("CustomerMetadataProperties", {})}
        package |= {**changes, "CustomerMetadataProperties": records}
        self.world.reconcile()

    def describe_stacks(self, **_: Any) -> Json:
        if self.of.name not in self.world.events:
            return {"Stacks": []}
        parameter = {"ParameterKey": "ModelPackageArn", "ParameterValue": self.world.served.get(self.of.name, "none")}
        outputs = [{"OutputKey": "EndpointName", "OutputValue": MODEL}] if self.of.name in self.world.served else []
        name = f"{self.of.name.capitalize()}-Serving-{MODEL}"
        state = "UPDATE_IN_PROGRESS" if self.of.name in self.world.coming else "UPDATE_COMPLETE"
        stack = {"StackName": name, "StackStatus": state, "Parameters": [parameter], "Outputs": outputs}
        return {"Stacks": [stack]}

    def describe_endpoint(self, EndpointName: str) -> Json:
        if self.of.name not in self.world.served:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find it"}}, "x")
        found: Json = {"EndpointName": EndpointName, "EndpointStatus": "InService", "EndpointConfigName": "served"}
        if self.of.name in self.world.coming:
            found |= {"EndpointStatus": "Updating", "PendingDeploymentSummary": {"EndpointConfigName": "coming"}}
        return found

    def describe_endpoint_config(self, EndpointConfigName: str) -> Json:
        return {"ProductionVariants": [{"ModelName": EndpointConfigName}]}

    def describe_model(self, ModelName: str) -> Json:
        found: dict[str, str] = getattr(self.world, ModelName)
        return {"PrimaryContainer": {"ModelPackageName": found[self.of.name]}}


@dataclass
class Lab:
    """Calling it runs a command; `world` is what it works on."""

    world: World
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, str]:
        code = main(arguments)
        printed = self.capsys.readouterr()
        return code, printed.out + printed.err

    def state(self, number: int) -> str:
        return str(self.world.packages[arn_of(number)]["ModelApprovalStatus"])

    def serves(self) -> dict[str, int]:
        return {name: int(arn.rsplit("/", 1)[-1]) for name, arn in self.world.served.items()}


def make(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, deployed: str = "dev staging prod"
) -> Lab:
    world = World(events={name: [] for name in deployed.split()})
    found = tuple(Place(account, Connection(world, account)) for account in (DEV, STAGING, PROD))  # type: ignore[arg-type]
    registry: Any = found[0].connection
    monkeypatch.setattr(places, "find", lambda _: Places(registry, found))
    return Lab(world, capsys)
