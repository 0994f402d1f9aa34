"""The [deploy] table of `models/<name>.toml`: whether a pipeline can deploy the model's versions, besides approvals.

Where models are trained, `stacks/deploy_pipeline.py` makes the pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass

from settings.reader import Reader


@dataclass(frozen=True)
class DeploySettings:
    """`pipeline`: whether there is one named `<model>-deploy`."""

    pipeline: bool = False


def read_deploy(reader: Reader) -> DeploySettings:
    deploy = DeploySettings(pipeline=reader.flag("pipeline", default=False))
    reader.close()
    return deploy
