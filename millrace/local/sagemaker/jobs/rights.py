"""The rights that a job needs before its program starts: those of the calls that SageMaker makes for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millrace.local.iam import implied
from millrace.local.iam.implied import Refused, Subject
from millrace.local.iam.principals import Identified
from millrace.local.iam.services import RoleSession
from millrace.local.images import environment_of
from millrace.local.sagemaker.jobs.errors import JobError
from millrace.local.sagemaker.kinds import Kind
from millrace.local.sagemaker.store import Place, Record
from millrace.local.world import World


@dataclass(frozen=True)
class Rights:
    """With whose rights a job is run: its role's, and for the grant on its volume's key its creator's."""

    world: World
    role: RoleSession
    caller: Identified

    def check(self, kind: Kind, place: Place, record: Record) -> None:
        """JobError when the role could not pull the image, use the keys or join the network."""
        environment_of(_image(record))
        api, subject = f"Create{kind.name}", subject_of(kind, place, record)
        try:
            implied.check(self.world, self.role.principal, api, subject)
            if not implied.allowed(self.world, self.role.principal, api, subject, when="grant"):
                implied.check(self.world, self.caller, api, subject, when="grant")
        except Refused as error:
            raise JobError(f"ClientError: {_in_words(error, subject, self.role.role_arn)}") from error
        implied.allowed(self.world, self.role.principal, api, subject, when="loss")


def subject_of(kind: Kind, place: Place, record: Record) -> Subject:
    processing = (record.get("ProcessingResources") or {}).get("ClusterConfig")
    resources = record.get("ResourceConfig") or record.get("TransformResources") or processing or {}
    outputs = ("OutputDataConfig", "ProcessingOutputConfig", "TransformOutput")
    output: dict[str, Any] = next((record[name] for name in outputs if record.get(name)), {})
    return implied.subject(
        place.account,
        place.region,
        image=_image(record),
        log_group=f"/aws/sagemaker/{kind.plural}",
        namespace=f"/aws/sagemaker/{kind.plural}",
        volume_key=resources.get("VolumeKmsKeyId") or "",
        output_key=output.get("KmsKeyId") or "",
        vpc=_vpc(record),
    )


def _image(record: Record) -> str:
    application, algorithm = record.get("AppSpecification") or {}, record.get("AlgorithmSpecification") or {}
    model = record.get("_Plan") or {}
    return str(application.get("ImageUri") or algorithm.get("TrainingImage") or model.get("image") or "")


def _vpc(record: Record) -> dict[str, Any]:
    return (record.get("NetworkConfig") or record).get("VpcConfig") or (record.get("_Plan") or {}).get("vpc") or {}


def _in_words(error: Refused, subject: Subject, role: str) -> str:
    if not error.action.startswith("ecr:"):
        return str(error)
    (repository,) = subject.image
    return (
        f"Access denied for repository: {repository.split('/', 1)[1]} in registry ID: {repository.split(':')[4]}. "
        f"Please check if your ECR repository and image exist and role {role} has proper pull permissions for "
        f"SageMaker: {', '.join(implied.PULLS)}. {error}"
    )
