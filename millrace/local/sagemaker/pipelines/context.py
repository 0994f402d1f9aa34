"""One step of one execution as its type sees it: its values, its clients, its metadata."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from millrace.local.iam.services import SAGEMAKER_PIPELINE, assume
from millrace.local.sagemaker.pipelines.definition import Definition, Step
from millrace.local.sagemaker.pipelines.errors import ResolutionError
from millrace.local.sagemaker.pipelines.expressions import follow, resolve
from millrace.local.sagemaker.pipelines.journal import Journal, event_time
from millrace.local.sagemaker.pipelines.parameters import Scalar
from millrace.local.sagemaker.pipelines.references import Key
from millrace.local.sagemaker.store import Place, Store
from millrace.local.world import World

SESSION = "SageMakerPipelines"


@dataclass(frozen=True)
class Values:
    """A Scope: the run's parameters and variables, and what its steps have left."""

    journal: Journal
    definition: Definition
    s3: Any
    parameters: Mapping[str, Scalar]
    variables: Mapping[str, str]

    def properties(self, step: str) -> Mapping[str, Any]:
        record = self.journal.steps.get(step, {})
        if "_Properties" not in record:
            raise ResolutionError(f"Step '{step}' has no properties: it did not succeed in this execution.")
        properties: Mapping[str, Any] = record["_Properties"]
        return properties

    def property_file(self, step: str, name: str) -> Any:
        source = self.definition.step(step)
        file = next((f for f in source.property_files if f.name == name), None) if source else None
        if file is None:
            raise ResolutionError(f"Step '{step}' declares no property file '{name}'.")
        path = ("ProcessingOutputConfig", "Outputs", Key(file.output), "S3Output", "S3Uri")
        uri = follow(self.properties(step), path, where=f"step '{step}', for its property file '{name}'")
        return self.json_object(f"{uri.rstrip('/')}/{file.path}")

    def json_object(self, uri: str) -> Any:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            said = error.response["Error"].get("Message", str(error))
            raise ResolutionError(f"The JSON file {uri} cannot be read: {said}") from error
        try:
            return json.loads(body, parse_constant=_no_constant)
        except ValueError as error:
            raise ResolutionError(f"The file {uri} is not valid JSON: {error}.") from error


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


@dataclass
class RunningStep:
    """A StepContext."""

    world: World
    store: Store
    step: Step
    journal: Journal
    stopping: threading.Event
    definition: Definition
    parameters: Mapping[str, Scalar]
    record: Mapping[str, Any]
    _values: Values = field(init=False, repr=False)

    def __post_init__(self) -> None:
        variables = {
            "PipelineName": self.record["_Pipeline"],
            "PipelineArn": self.record["PipelineArn"],
            "PipelineExecutionId": self.execution_id,
            "PipelineExecutionArn": self.execution_arn,
            "StartDateTime": event_time(self.record["CreationTime"]) or "",
            "CurrentDateTime": event_time(self.world.clock.datetime()) or "",
        }
        s3 = _Lazy(lambda: self.client("s3"))
        self._values = Values(self.journal, self.definition, s3, self.parameters, variables)

    @property
    def place(self) -> Place:
        return self.journal.place

    @property
    def execution_arn(self) -> str:
        return str(self.record["PipelineExecutionArn"])

    @property
    def execution_id(self) -> str:
        return self.journal.execution_id

    def resolve(self, value: Any, **variables: str) -> Any:
        values = replace(self._values, variables={**self._values.variables, **variables})
        return resolve(value, values)

    def client(self, service: str) -> Any:
        role, region = self.record["RoleArn"], self.place.region
        session = assume(self.world, SAGEMAKER_PIPELINE, role, on=self.execution_arn, region=region, session=SESSION)
        return session.client(service)

    def note(self, metadata: Mapping[str, Any]) -> None:
        self.journal.update_step(self.step.name, Metadata=dict(metadata))


class _Lazy:
    """Makes the client when it is first used: most steps never read from S3."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)
