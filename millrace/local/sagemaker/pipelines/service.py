"""The pipeline operations of SageMaker's API in the embedded AWS. `SageMaker` (the service) serves them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.sagemaker import shapes
from millrace.local.sagemaker.pipelines.callbacks import CallbackOperations
from millrace.local.sagemaker.pipelines.checks import read_definition
from millrace.local.sagemaker.pipelines.errors import DefinitionError
from millrace.local.sagemaker.pipelines.executions import ExecutionOperations
from millrace.local.sagemaker.pipelines.journal import KIND as EXECUTION
from millrace.local.sagemaker.pipelines.journal import UNFINISHED
from millrace.local.sagemaker.pipelines.pipelines import KIND, find_pipeline, pipeline_arn, version_of, who
from millrace.local.sagemaker.resources import paginate
from millrace.local.sagemaker.store import Place, Record, Store
from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

NAME_CHARACTERS = 82
KEPT = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")


class PipelineOperations:
    """CreatePipeline to DeletePipeline here; executions and callbacks are joined in."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store
        self._executions = ExecutionOperations(world, store)
        self._callbacks = CallbackOperations(world, store)

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreatePipeline": self.create,
            "UpdatePipeline": self.update,
            "DeletePipeline": self.delete,
            "DescribePipeline": self.describe,
            "ListPipelines": self.list,
            **self._executions.operations,
            **self._callbacks.operations,
        }

    def resume(self) -> None:
        """Call once after the store was restored, before requests are served."""
        self._executions.resume()

    def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = Place.of(caller), params["PipelineName"]
        _refuse_aliases(params)
        if len(name) > NAME_CHARACTERS:
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value '{name}' at 'pipelineName' failed to satisfy "
                f"constraint: Member must have length less than or equal to {NAME_CHARACTERS}",
            )
        fingerprint = _fingerprint(params)
        if known := self._known(place, params, fingerprint):
            return {"PipelineArn": known["PipelineArn"]}
        definition = self._definition(caller, params)
        if definition is None:
            raise ServiceError(
                "ValidationException",
                "Either PipelineDefinition or PipelineDefinitionS3Location must be provided.",
            )
        now, arn = self._world.clock.datetime(), pipeline_arn(place, name)
        record = {
            "PipelineArn": arn,
            "PipelineName": name,
            "PipelineDisplayName": name,
            **{key: params[key] for key in KEPT if key in params},
            "PipelineStatus": "Active",
            "CreationTime": now,
            "LastModifiedTime": now,
            "CreatedBy": who(caller),
            "LastModifiedBy": who(caller),
            "_Versions": [definition],
            "_Token": params["ClientRequestToken"],
            "_Fingerprint": fingerprint,
        }
        with self._store.lock:
            self._known(place, params, fingerprint)
            self._store.put(place, KIND, name, record)
            self._store.tag(arn, params.get("Tags") or [])
        return {"PipelineArn": arn}

    def _known(self, place: Place, params: dict[str, Any], fingerprint: str) -> Record | None:
        """The pipeline that the same request made before; refused when another one has the name."""
        known = self._store.find(place, KIND, params["PipelineName"])
        if known is None:
            return None
        if known["_Token"] == params["ClientRequestToken"] and known["_Fingerprint"] == fingerprint:
            return known
        raise ServiceError(
            "ValidationException",
            "Pipeline names must be unique within an AWS account and region. "
            f"Pipeline with name ({params['PipelineName']}) already exists.",
        )

    def update(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = Place.of(caller), params["PipelineName"]
        _refuse_aliases(params)
        find_pipeline(self._store, place, name)
        definition = self._definition(caller, params)
        with self._store.lock:
            record = find_pipeline(self._store, place, name)
            fields = {key: params[key] for key in KEPT if key in params}
            fields |= {"LastModifiedTime": self._world.clock.datetime(), "LastModifiedBy": who(caller)}
            if definition is not None:
                fields["_Versions"] = [*record["_Versions"], definition]
            updated = self._store.put(place, KIND, name, record | fields)
        return {"PipelineArn": record["PipelineArn"], "PipelineVersionId": len(updated["_Versions"])}

    def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        place, name = Place.of(caller), params["PipelineName"]
        with self._store.lock:
            record = find_pipeline(self._store, place, name)
            executions = [each for each in self._store.all(place, EXECUTION) if each["_Pipeline"] == name]
            if any(each["PipelineExecutionStatus"] in UNFINISHED for each in executions):
                raise ServiceError(
                    "ConflictException",
                    f"Pipeline {record['PipelineArn']} has running executions: stop them before deleting it.",
                )
            for each in executions:
                self._store.delete(place, EXECUTION, each["_Id"])
            self._store.delete(place, KIND, name)
            self._store.untag(record["PipelineArn"])
        return {"PipelineArn": record["PipelineArn"]}

    def describe(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        _refuse_aliases(params)
        record = find_pipeline(self._store, Place.of(caller), params["PipelineName"])
        version = params.get("PipelineVersionId")
        shown = record | {"PipelineDefinition": version_of(record, version)}
        return shapes.answer("DescribePipeline", shown)

    def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        records = self._store.all(Place.of(caller), KIND)
        prefix = params.get("PipelineNamePrefix", "")
        after, before = params.get("CreatedAfter"), params.get("CreatedBefore")
        chosen = [
            record | {"LastExecutionTime": record.get("LastRunTime")}
            for record in records
            if record["PipelineName"].startswith(prefix)
            and (after is None or record["CreationTime"] > after)
            and (before is None or record["CreationTime"] < before)
            and params.get("ManagedBy", "CUSTOMER") == "CUSTOMER"
        ]
        key = "PipelineName" if params.get("SortBy") == "Name" else "CreationTime"
        chosen.sort(key=lambda record: record[key], reverse=params.get("SortOrder", "Descending") == "Descending")
        member, shape = shapes.summaries("ListPipelines")
        return paginate(member, [shapes.trim(shape, record) for record in chosen], params)

    def _definition(self, caller: Caller, params: dict[str, Any]) -> str | None:
        """The checked definition text of a request, if it has one."""
        text, location = params.get("PipelineDefinition"), params.get("PipelineDefinitionS3Location")
        if text is not None and location is not None:
            raise ServiceError(
                "ValidationException",
                "Only one of PipelineDefinition and PipelineDefinitionS3Location can be provided.",
            )
        if location is not None:
            text = self._download(caller, location)
        if text is None:
            return None
        try:
            read_definition(text)
        except DefinitionError as error:
            raise ServiceError("ValidationException", f"Unable to parse pipeline definition. {error}") from error
        return str(text)

    def _download(self, caller: Caller, location: dict[str, str]) -> str:
        where = {"Bucket": location["Bucket"], "Key": location["ObjectKey"]}
        if "VersionId" in location:
            where["VersionId"] = location["VersionId"]
        try:
            body = self._world.aws.caller_client(caller, "s3").get_object(**where)["Body"].read()
            return str(body.decode())
        except (ClientError, UnicodeDecodeError) as error:
            raise ServiceError(
                "ValidationException",
                f"Unable to read the pipeline definition s3://{where['Bucket']}/{where['Key']}: {error}",
            ) from error


def _fingerprint(params: dict[str, Any]) -> str:
    """What must be the same when a ClientRequestToken comes again."""
    content = {key: value for key, value in params.items() if key != "ClientRequestToken"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _refuse_aliases(params: dict[str, Any]) -> None:
    for name in ("PipelineVersionAliases", "PipelineVersionAlias"):
        if params.get(name):
            raise ServiceError("ValidationException", f"{name} is not supported by the embedded AWS yet.")
