"""What a model's container is given before it serves, at an endpoint or in a transform job: its data and variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from millrace.errors import MillraceError
from millrace.local.iam.services import RoleSession
from millrace.local.images import environment_of
from millrace.local.sagemaker.jobs.archive import unpack
from millrace.local.sagemaker.jobs.folder import JobFolder
from millrace.local.sagemaker.jobs.job import credentials
from millrace.local.sagemaker.jobs.transfer import Source, download
from millrace.local.serving.plan import VariantPlan
from millrace.local.world import World

NEEDED = ("SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY")


def environment_of_image(plan: VariantPlan) -> str:
    """The local Python environment that stands for the plan's image."""
    return environment_of(plan.image)


def fetch_model(s3: Any, plan: VariantPlan, folder: JobFolder, *, check: Callable[[], None] = lambda: None) -> None:
    """The model's data under /opt/ml/model."""
    for part in (folder.ml / "model", folder.home, folder.tmp):
        part.mkdir(parents=True, exist_ok=True)
    if not plan.model_data:
        return
    target = folder.tmp if plan.compressed else folder.ml / "model"
    download(s3, Source(plan.model_data), target, role=plan.role, check=check)
    if plan.compressed:
        file = target / plan.model_data.rsplit("/", 1)[1]
        unpack(file, folder.ml / "model")
        file.unlink()


def variables(world: World, plan: VariantPlan, folder: JobFolder, role: RoleSession) -> dict[str, str]:
    """The environment of the container's process."""
    for name in NEEDED:
        if not plan.environment.get(name):
            raise MillraceError(f"The container of variant {plan.name} has no {name} in its Environment")
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder.home),
        "TMPDIR": str(folder.tmp),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_REGION": role.region,
        "AWS_DEFAULT_REGION": role.region,
        "SAGEMAKER_BASE_DIR": str(folder.ml),
    }
    if not plan.isolated:
        env |= credentials(world, role)
    return env | {name: folder.inside(value) for name, value in plan.environment.items()}
