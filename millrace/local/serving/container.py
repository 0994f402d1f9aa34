"""What a model's container is given before it serves, at an endpoint or in a transform job: its data and variables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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

SUBMIT_DIRECTORY = "SAGEMAKER_SUBMIT_DIRECTORY"
NEEDED = ("SAGEMAKER_PROGRAM", SUBMIT_DIRECTORY)


def environment_of_image(plan: VariantPlan) -> str:
    """The local Python environment that stands for the plan's image."""
    return environment_of(plan.image)


def fetch_model(s3: Any, plan: VariantPlan, folder: JobFolder, *, check: Callable[[], None] = lambda: None) -> None:
    """The model's data under /opt/ml/model, and its code where that lies in S3 by itself."""
    for part in (folder.ml / "model", folder.home, folder.tmp):
        part.mkdir(parents=True, exist_ok=True)
    if _code_is_apart(plan):
        _fetch_code(s3, plan, folder, check)
    if not plan.model_data:
        return
    target = folder.tmp if plan.compressed else folder.ml / "model"
    download(s3, Source(plan.model_data), target, role=plan.role, check=check)
    if plan.compressed:
        file = target / plan.model_data.rsplit("/", 1)[1]
        unpack(file, folder.ml / "model")
        file.unlink()


def _code_is_apart(plan: VariantPlan) -> bool:
    """Whether the container fetches its code from S3, as the SDK's models of a framework have it."""
    return plan.environment.get(SUBMIT_DIRECTORY, "").startswith("s3://")


def _fetch_code(s3: Any, plan: VariantPlan, folder: JobFolder, check: Callable[[], None]) -> None:
    uri = plan.environment[SUBMIT_DIRECTORY]
    if plan.isolated:
        raise MillraceError(f"{SUBMIT_DIRECTORY} is {uri}: an isolated container cannot reach S3")
    download(s3, Source(uri), folder.tmp, role=plan.role, check=check)
    file = folder.tmp / uri.rsplit("/", 1)[1]
    unpack(file, _code(folder))
    file.unlink()
    if (_code(folder) / "requirements.txt").exists():
        raise MillraceError(f"{uri} holds a requirements.txt; the embedded AWS installs nothing")


def _code(folder: JobFolder) -> Path:
    return folder.ml / "code"


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
    given = {name: folder.inside(value) for name, value in plan.environment.items()}
    return env | given | ({SUBMIT_DIRECTORY: str(_code(folder))} if _code_is_apart(plan) else {})
