"""SendPipelineExecutionStepSuccess and -Failure: the answers that callback steps wait for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.sagemaker.pipelines.steps.callback import KIND
from millrace.local.sagemaker.store import Place, Store
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World


class CallbackOperations:
    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "SendPipelineExecutionStepSuccess": self.succeed,
            "SendPipelineExecutionStepFailure": self.fail,
        }

    def succeed(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        outputs = {each["Name"]: each["Value"] for each in params.get("OutputParameters") or []}
        return self._answer(caller, "Success", params, {"succeeded": True, "outputs": outputs})

    def fail(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return self._answer(caller, "Failure", params, {"succeeded": False, "reason": params.get("FailureReason")})

    def _answer(self, caller: Caller, kind: str, params: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        place, token = Place.of(caller), params["CallbackToken"]
        self._require(caller, f"SendPipelineExecutionStep{kind}", self._store.find(place, KIND, token))
        with self._store.lock:
            record = self._store.find(place, KIND, token)
            if record is None:
                raise ServiceError("ResourceNotFound", f"No callback step waits for the token '{token}'.")
            if record.get("_Answer", answer) != answer:
                raise ServiceError("ConflictException", f"The token '{token}' was answered differently before.")
            self._store.update(place, KIND, token, _Answer=answer)
        return {"PipelineExecutionArn": record["PipelineExecutionArn"]}

    def _require(self, caller: Caller, operation: str, waiting: Mapping[str, Any] | None) -> None:
        """The right is one on the execution, which only the token tells; a token that is unknown is told so."""
        if waiting:
            iam, arn = self._world.iam, waiting["PipelineExecutionArn"]
            iam.require(iam.identify(caller.access_key), f"sagemaker:{operation}", arn, because=operation)
