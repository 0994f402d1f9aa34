"""What every step type is given, must offer, and answers. `steps/__init__` lists them, `runner` runs them."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.sagemaker import shapes
from millrace.local.sagemaker.pipelines.arguments import coerced
from millrace.local.sagemaker.pipelines.definition import Step
from millrace.local.sagemaker.pipelines.references import StepReference
from millrace.local.sagemaker.pipelines.retries import STEP_FAULT, fault_of_call
from millrace.local.sagemaker.pipelines.schedule import State
from millrace.local.sagemaker.store import Place, Store
from millrace.local.world import World

ALPHANUMERIC = string.ascii_letters + string.digits
JOB_NAME_CHARACTERS = 63
RANDOM_CHARACTERS = 10


class ShuttingDown(Exception):
    """The embedded AWS stops: the step's fate stays open, `resume` settles it at the next start."""


@dataclass(frozen=True)
class Ended:
    """How a step ended. `properties` is what `Steps.<name>.` reads, `fault` what retry policies look at."""

    state: State
    reason: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    outcome: bool | None = None
    fault: str | None = None


class StepFailed(Exception):
    """Ends a step as Failed from anywhere within its type."""

    def __init__(self, reason: str, *, fault: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fault = fault


class StepContext(Protocol):
    """One step of one execution, as its type sees it."""

    @property
    def world(self) -> World: ...
    @property
    def store(self) -> Store: ...
    @property
    def place(self) -> Place: ...
    @property
    def step(self) -> Step: ...
    @property
    def execution_arn(self) -> str: ...
    @property
    def execution_id(self) -> str: ...
    @property
    def stopping(self) -> threading.Event: ...

    def resolve(self, value: Any, **variables: str) -> Any:
        """The value without expressions; `variables` are execution variables that only this step has."""

    def client(self, service: str) -> Any:
        """A boto3 client with a session of the pipeline's role."""

    def note(self, metadata: Mapping[str, Any]) -> None:
        """Show this Metadata of the step from now on."""


class StepType(Protocol):
    """The behaviour of one Type."""

    @property
    def retryable(self) -> bool:
        """Whether the service accepts RetryPolicies for it."""

    def check(self, step: Step) -> None:
        """DefinitionError unless the step's own members are right."""

    def check_reference(self, step: Step, reference: StepReference) -> None:
        """DefinitionError unless the step has this property."""

    def run(self, context: StepContext) -> Ended:
        """Do it, wait for it, and say how it ended; StepFailed is as good."""


def random_text(characters: int) -> str:
    return "".join(secrets.choice(ALPHANUMERIC) for _ in range(characters))


def resource_name(context: StepContext, prefix: str | None = None, *, characters: int = JOB_NAME_CHARACTERS) -> str:
    """`pipelines-<execution>-<step>-<random>`, as the service names what a step makes.

    Where fewer than 63 characters are allowed, the first word and the end of the step's name are left out.
    """
    short = characters < JOB_NAME_CHARACTERS
    head = f"{context.execution_id}-" if short else f"{prefix or 'pipelines'}-{context.execution_id}-"
    room = characters - len(head) - RANDOM_CHARACTERS - 1
    middle = "" if prefix else context.step.name.replace("_", "-")[: max(0, room)].strip("-")
    name = f"{head}{middle}-" if middle else head
    return name[: characters - RANDOM_CHARACTERS] + random_text(RANDOM_CHARACTERS)


def call(context: StepContext, service: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Call an API with the pipeline's role; StepFailed with the service's words when it refuses."""
    try:
        client = context.client(service)
        method = getattr(client, _method_of(client, operation))
        answer: dict[str, Any] = method(**arguments)
    except ClientError as error:
        said = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        raise StepFailed(
            f"ClientError: Failed to invoke {service}:{operation}. Error Details: {said.get('Message', error)}",
            fault=fault_of_call(said.get("Code", ""), status),
        ) from error
    except BotoCoreError as error:
        raise StepFailed(
            f"ClientError: Failed to invoke {service}:{operation}. Error Details: {error}", fault=STEP_FAULT
        ) from error
    answer.pop("ResponseMetadata", None)
    return answer


def _method_of(client: Any, operation: str) -> str:
    return next(name for name, known in client.meta.method_to_api_mapping.items() if known == operation)


def request(context: StepContext, operation: str, **variables: str) -> dict[str, Any]:
    """The step's arguments as the request of a SageMaker operation."""
    arguments = context.resolve(dict(context.step.arguments), **variables)
    arguments.pop("ExperimentConfig", None)
    ready: dict[str, Any] = coerced(arguments, shapes.input_shape(operation))
    return ready
