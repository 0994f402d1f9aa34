"""sagemaker-runtime: InvokeEndpoint goes to a process of the endpoint and comes back as AWS answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.sagemaker.kinds import ENDPOINT
from millrace.local.sagemaker.store import Place, Store
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.serving import measures
from millrace.local.serving.capture import Seen
from millrace.local.serving.endpoints import Endpoints
from millrace.local.serving.instance import Answer, Gone
from millrace.local.serving.variant import Draining, NoInstance, Throttled, Variant
from millrace.local.world import World

MAX_BODY = 6 * 1024 * 1024
INVOKABLE = ("InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed")
HEADERS = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
}
UNSUPPORTED = ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "SessionId", "EnableExplanations")


class RuntimeOperations:
    """What `SageMakerRuntime` answers with."""

    def __init__(self, world: World, store: Store, endpoints: Endpoints) -> None:
        self._world = world
        self._store = store
        self._endpoints = endpoints

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"InvokeEndpoint": self.invoke}

    def invoke(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        body = _bytes(params.get("Body", b""))
        if len(body) > MAX_BODY:
            raise ServiceError(
                "ValidationError",
                f"1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length "
                f"less than or equal to {MAX_BODY}",
            )
        for name in UNSUPPORTED:
            if params.get(name):
                raise ServiceError("ValidationError", f"{name} is not available at endpoints of the embedded AWS.")
        headers = {header: str(params[name]) for name, header in HEADERS.items() if params.get(name)}
        place, name = Place.of(caller), params["EndpointName"]
        variant, answer = self._ask(place, name, params.get("TargetVariant"), body, headers)
        if not 200 <= answer.status < 300:
            raise _model_error(place, name, answer.status, answer.body.decode("utf-8", "replace"))
        variant.seen(
            Seen(
                body,
                params.get("ContentType") or "",
                answer.body,
                answer.content_type or "",
                params.get("InferenceId") or "",
                answer.custom_attributes or "",
            )
        )
        output = {
            "Body": answer.body,
            "ContentType": answer.content_type,
            "InvokedProductionVariant": variant.plan.name,
            "CustomAttributes": answer.custom_attributes,
        }
        return {key: value for key, value in output.items() if value is not None}

    def _ask(
        self, place: Place, name: str, target: str | None, body: bytes, headers: dict[str, str]
    ) -> tuple[Variant, Answer]:
        while True:
            variant = self._variant(place, name, target)
            call = measures.Call(
                self._world,
                account=place.account,
                region=place.region,
                endpoint=name,
                variant=variant.plan.name,
                config=variant.config,
                instances=variant.count,
            )
            try:
                with variant.lend() as instance, call:
                    answer = instance.invoke(body, headers)
                    call.status = answer.status
                    return variant, answer
            except Draining:
                continue
            except Throttled as error:
                raise ServiceError(
                    "ThrottlingException",
                    f"Variant {variant.plan.name} of endpoint {name} serves as many requests as its MaxConcurrency",
                    status=429,
                ) from error
            except NoInstance as error:
                raise ServiceError(
                    "ServiceUnavailable",
                    f"Variant {variant.plan.name} of endpoint {name} is starting",
                    status=503,
                ) from error
            except Gone as error:
                said = "The container closed the connection: it ended or was killed while it answered."
                raise _model_error(place, name, 502, said) from error
            except TimeoutError as error:
                said = "Your invocation timed out while waiting for a response from container primary."
                raise _model_error(place, name, 0, said) from error

    def _variant(self, place: Place, name: str, target: str | None) -> Variant:
        record = self._store.find(place, ENDPOINT.name, name)
        router = self._endpoints.router(place, name)
        if record is None or router is None or record["EndpointStatus"] not in INVOKABLE:
            raise ServiceError("ValidationError", f"Endpoint {name} of account {place.account} not found.")
        variant = router.choose(target)
        if variant is None:
            raise ServiceError("ValidationError", f"Variant {target} of endpoint {name} not found.")
        return variant


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)


def _model_error(place: Place, name: str, status: int, message: str) -> ServiceError:
    group = f"/aws/sagemaker/Endpoints/{name}"
    console = f"https://{place.region}.console.aws.amazon.com/cloudwatch/home?region={place.region}"
    kind = "client" if 400 <= status < 500 else "server"
    return ServiceError(
        "ModelError",
        f'Received {kind} error ({status}) from primary with message "{message}". See '
        f"{console}#logEventViewer:group={group} in account {place.account} for more information.",
        status=424,
        OriginalStatusCode=status,
        OriginalMessage=message,
        LogStreamArn=f"arn:aws:logs:{place.region}:{place.account}:log-group:{group}",
    )
