"""Histories against the deployed stacks on an embedded AWS of their own: real events, queues, functions and runs.

The same names and the same checker as in `users.py`; what goes wrong is asked of the embedded AWS (docs/chaos.md).
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.embedded import ACCOUNT, REGION, ROOT, Embedded, clean_environment
from settings import load
from tests.chaos.checker import LOST, Violation, check
from tests.chaos.deployed_data import KEY, DeployedData
from tests.chaos.evidence import Current, DeadLetter, Evidence, Trained, Upload, Version
from tests.chaos.files import NAMES
from tests.chaos.history import BAD, GOOD, HOUR
from tests.chaos.parts_read import keys_read
from tests.chaos.patience import Watch
from tests.chaos.users import plain

MODEL, FUNCTION = "claims-fraud", "millrace-dev-start-pipeline"
TABLES = ("claims", "customers")
RAW = f"millrace-dev-raw-{ACCOUNT}-{REGION}"
ARTIFACTS = f"millrace-dev-artifacts-{ACCOUNT}-{REGION}"
LEDGER = "millrace-dev-ledger"
RUN_END = "SageMaker Model Building Pipeline Execution Status Change"
SETTLING_SECONDS = 10.0
WAITING = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
BROKEN = b"policy;fraud\n1;0\n"
POISON = "{this is no JSON"


@dataclass
class Deployed:
    """One deployment; histories follow one another on it, so each is judged with all before it."""

    embedded: Embedded
    data: DeployedData
    uploads: list[Upload] = field(default_factory=list)
    timeline: list[Current] = field(default_factory=list)
    policies: dict[str, frozenset[str]] = field(default_factory=dict)
    dead: dict[str, DeadLetter] = field(default_factory=dict)
    calls: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    """How often each kind of fault happened."""
    compared: set[str] = field(default_factory=set)
    """The runs whose parts were read and compared with their manifest."""

    @property
    def watch(self) -> Watch:
        return Watch(self.embedded, self._internal, function=FUNCTION, table=LEDGER)

    def play(self, seed: int, *, actions: int = 12) -> tuple[Violation, ...]:
        """One history with everything that goes wrong, then quiet, one scheduled hour, and the verdict."""
        chance = random.Random(f"deployed {seed}")
        self._faults(seed, chance)
        if not self.uploads:
            for table in TABLES:
                self._put(table, 0, "large.csv")
        for _ in range(actions):
            self._act(chance)
            time.sleep(chance.choice((0.0, 0.0, 0.1, 0.5)))
        self._settle()
        self._count(self._internal("faults"))
        self._internal("faults", method="DELETE")
        self._an_hour()
        violations = check(self.evidence())
        if violations:
            self.watch.tell(f"history {seed} broke {len(violations)} promises")
        blind = () if self.compared else (Violation(LOST, "no run has left parts whose rows could be compared"),)
        return violations + blind

    # What users do, and what goes wrong

    def _faults(self, seed: int, chance: random.Random) -> None:
        if not self.calls:  # the first history goes well, and tells how many calls there are to crash at
            self._internal("faults", {"seed": seed, "faults": []})
            return
        crashes = [
            {"kind": "crash", "by": FUNCTION, "when": when, "nth": chance.randrange(1, self.calls + 1)}
            for when in ("before", "after", chance.choice(("before", "after")))
        ]
        events = [
            {"kind": kind, "what": what, "rate": rate, **extra}
            for what in ("Object Created", RUN_END)
            for kind, rate, extra in (
                ("duplicate", 0.2, {}),
                ("reorder", 0.2, {"seconds": 1}),
                ("drop", 0.05, {}),
            )
        ]
        others = [
            {"kind": "redeliver", "by": FUNCTION, "rate": 0.05},
            {"kind": "throttle", "what": "dynamodb:*", "by": FUNCTION, "rate": 0.02},
            {"kind": "throttle", "what": "sagemaker:StartPipelineExecution", "by": FUNCTION, "rate": 0.2},
        ]
        self._internal("faults", {"seed": seed, "faults": [*events, *others, *crashes]})

    def _act(self, chance: random.Random) -> None:
        kind = chance.choices(("put", "large", "bad", "delete", "delete-version", "poison"), (50, 10, 10, 10, 10, 5))[0]
        number = chance.randrange(1, min(len(NAMES), len(self.data.chunks["claims"]) - 1))
        name = NAMES[number]
        if kind == "put":
            self._put("claims", number, name)
        elif kind == "large":
            self._put(chance.choice(TABLES), 0, "large.csv")
        elif kind == "bad":
            self._upload(f"raw/{MODEL}/claims/{name}", BROKEN, BAD)
        elif kind == "poison":
            queue = self._queue(FUNCTION)
            self._client("sqs").send_message(QueueUrl=queue, MessageBody=POISON)
        else:
            self._delete(f"raw/{MODEL}/claims/{name}", permanently=kind == "delete-version")

    def _put(self, table: str, chunk: int, name: str) -> None:
        content = self.data.next_version(table, chunk)
        version = self._upload(f"raw/{MODEL}/{table}/{name}", content.body, GOOD)
        self.policies[version] = content.policies

    def _upload(self, key: str, body: bytes, verdict: str) -> str:
        at = self._now()
        version = str(self._client("s3").put_object(Bucket=RAW, Key=key, Body=body)["VersionId"])
        table = key.split("/")[2]
        digest = hashlib.sha256(body).hexdigest()
        self.uploads.append(Upload(at, MODEL, table, key, version, digest, verdict, noticed=False))
        self.timeline.append(Current(at, key, version))
        return version

    def _delete(self, key: str, *, permanently: bool) -> None:
        s3 = self._client("s3")
        versions = [version for version in self._versions() if version.key == key]
        if not versions:
            return
        at = self._now()
        if permanently:
            s3.delete_object(Bucket=RAW, Key=key, VersionId=versions[0].version_id)
        else:
            s3.delete_object(Bucket=RAW, Key=key)
        left = [version for version in self._versions() if version.key == key and version.latest]
        current = left[0].version_id if left and not left[0].marker else None
        self.timeline.append(Current(at, key, current))

    # Quiet

    def _an_hour(self) -> None:
        before = self._lock().get("last_scheduled", 0)
        self._internal("clock", {"advance": HOUR})
        self.watch.wait(lambda: self._lock().get("last_scheduled", 0) > before, "the scheduled look")
        self.watch.wait(lambda: not self._busy(), "the end of all work")

    def _busy(self) -> bool:
        sqs = self._client("sqs")
        counts = sqs.get_queue_attributes(QueueUrl=self._queue(FUNCTION), AttributeNames=list(WAITING))["Attributes"]
        items = self._client("dynamodb").query(
            TableName=LEDGER,
            KeyConditionExpression="model = :m AND #i BETWEEN :lock AND :wake",
            ExpressionAttributeNames={"#i": "item"},
            ExpressionAttributeValues={":m": {"S": MODEL}, ":lock": {"S": "lock"}, ":wake": {"S": "wake"}},
            ConsistentRead=True,
        )["Items"]
        held = any("holder" in item or item["item"]["S"] == "wake" for item in items)
        return held or any(int(count) for count in counts.values())

    def _settle(self) -> None:
        """Let the last upload be looked at before the hour passes, if that is soon."""
        deadline = time.monotonic() + SETTLING_SECONDS
        while self._busy() and time.monotonic() < deadline:
            time.sleep(0.1)

    # The evidence

    def evidence(self) -> Evidence:
        trigger = next(model for model in load().models if model.name == MODEL).trigger_spec()["trigger"]
        executions = tuple(self._executions())
        return Evidence(
            tables={MODEL: TABLES},
            trigger=trigger,
            uploads=tuple(self.uploads),
            versions=tuple(self._versions()),
            timeline=tuple(self.timeline),
            rows=tuple(self._rows()),
            executions=executions,
            waiting=("something still waits",) if self._busy() else (),
            dead=self._dead_letters(),
        )

    def _versions(self) -> Iterator[Version]:
        for page in self._client("s3").get_paginator("list_object_versions").paginate(Bucket=RAW):
            found = [(entry, False) for entry in page.get("Versions", ())]
            found += [(entry, True) for entry in page.get("DeleteMarkers", ())]
            for entry, marker in found:
                yield Version(entry["Key"], entry["VersionId"], entry["IsLatest"], marker)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for page in self._client("dynamodb").get_paginator("scan").paginate(TableName=LEDGER, ConsistentRead=True):
            yield from map(plain, page["Items"])

    def _executions(self) -> Iterator[Trained]:
        sagemaker = self._client("sagemaker")
        for page in sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=MODEL):
            for summary in page["PipelineExecutionSummaries"]:
                yield self._trained(sagemaker.describe_pipeline_execution(
                    PipelineExecutionArn=summary["PipelineExecutionArn"]
                ), summary)  # fmt: skip

    def _trained(self, described: dict[str, Any], summary: dict[str, Any]) -> Trained:
        arn, name, status = (
            described["PipelineExecutionArn"],
            described["PipelineExecutionDisplayName"],
            described["PipelineExecutionStatus"],
        )
        digest = name.rpartition("-")[0]
        manifest = json.loads(self._get(f"inputs/{digest}/manifest.json"))
        ended = described["LastModifiedTime"].timestamp() if status != "Executing" else None
        reads = self._reads(arn, status, manifest)
        return Trained(arn, MODEL, name, summary["StartTime"].timestamp(), ended, status, False, manifest, reads)

    def _reads(self, arn: str, status: str, manifest: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        """The files of the manifest, if the rows in the parts that Train was given are exactly theirs."""
        digests = {upload.version_id: upload.digest for upload in self.uploads}
        named = {table: [file["version_id"] for file in files] for table, files in manifest["tables"].items()}
        expected = frozenset.intersection(
            *(frozenset().union(*(self.policies[version] for version in named[table])) for table in TABLES)
        )
        read = keys_read(self._client("sagemaker"), self._client("s3"), arn, KEY)
        if read is None and status == "Succeeded":
            return {}
        if read is not None:
            self.compared.add(arn)
            if sorted(read) != sorted(expected):
                return {}
        return {table: tuple(digests[version] for version in versions) for table, versions in named.items()}

    def _dead_letters(self) -> tuple[DeadLetter, ...]:
        sqs, url = self._client("sqs"), self._queue(f"{FUNCTION}-dlq")
        while messages := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=43_200
        ).get("Messages"):
            for message in messages:
                told = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
                letter = DeadLetter(message["Body"], told.get("Reason", ""), told.get("Explanation", ""))
                self.dead[message["MessageId"]] = letter
        return tuple(self.dead.values())

    # Small things

    def _client(self, service: str) -> Any:
        return self.embedded.client(service)

    def _get(self, key: str) -> str:
        return str(self._client("s3").get_object(Bucket=ARTIFACTS, Key=key)["Body"].read().decode("utf-8"))

    def _queue(self, name: str) -> str:
        return str(self._client("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def _lock(self) -> dict[str, Any]:
        key = {"model": {"S": MODEL}, "item": {"S": "lock"}}
        found = self._client("dynamodb").get_item(TableName=LEDGER, Key=key, ConsistentRead=True)
        return plain(found.get("Item", {}))

    def _now(self) -> float:
        return float(self._internal("clock")["now"])

    def _count(self, told: dict[str, Any]) -> None:
        self.calls = max(self.calls, sum(told["calls"].get(FUNCTION, {}).values()))
        for fault in told["faults"]:
            self.struck[fault["kind"]] += fault["done"]

    def _internal(self, route: str, body: dict[str, Any] | None = None, *, method: str | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.embedded.url}/_millrace/{route}", data=data, method=method)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return dict(json.loads(text)) if text else {}


@contextmanager
def deployed(folder: Path) -> Iterator[Deployed]:
    """The app, synthesized and deployed into a fresh embedded AWS."""
    assembly = folder / "cdk.out"
    environment = clean_environment() | {"CDK_OUTDIR": str(assembly), "CDK_VALIDATION": "false"}
    subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    embedded = Embedded(folder / "embedded")
    try:
        embedded.deploy(assembly)
        yield Deployed(embedded, DeployedData.make(folder / "data"))
    finally:
        embedded.stop()
