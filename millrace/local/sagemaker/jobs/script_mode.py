"""What the image's training toolkit does in script mode: SM_* variables, arguments from hyperparameters, code.

A copy of the behaviour of `sagemaker-containers` 2.8.6, which the SageMaker XGBoost image runs. The code
is put into /opt/ml/code and run there as `python -m <module> --<hyperparameter> <value> ...`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from millrace.local.sagemaker.jobs.errors import JobError
from millrace.local.sagemaker.jobs.folder import JobFolder

PROGRAM, SUBMIT_DIRECTORY = "sagemaker_program", "sagemaker_submit_directory"
PREFIX = "sagemaker_"
# Settings of the toolkit itself; other sagemaker_ hyperparameters are settings of the framework.
SETTINGS = (
    PROGRAM,
    SUBMIT_DIRECTORY,
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "default_user_module_name",
    "_tuning_objective_metric",
    "sagemaker_s3_output",
)
FRAMEWORK_MODULE = "sagemaker_xgboost_container.training:main"


@dataclass(frozen=True)
class ScriptMode:
    """The toolkit's view of one training job."""

    folder: JobFolder
    job_name: str
    hyperparameters: dict[str, Any]
    channels: dict[str, dict[str, str]]
    resources: dict[str, Any]
    region: str
    user: dict[str, Any] = field(init=False)
    own: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        decoded = {name: decode(self.folder.inside(text)) for name, text in self.hyperparameters.items()}
        own = {name: value for name, value in decoded.items() if name.startswith(PREFIX) or name in SETTINGS}
        object.__setattr__(self, "own", own)
        object.__setattr__(self, "user", {name: value for name, value in decoded.items() if name not in own})

    @property
    def program(self) -> str:
        program = self.own.get(PROGRAM)
        if not program:
            raise JobError(
                f"ClientError: the hyperparameter {PROGRAM} is missing. The embedded AWS trains in script mode only: "
                f"set {PROGRAM} and {SUBMIT_DIRECTORY}."
            )
        return str(program)

    @property
    def module(self) -> str:
        return PurePosixPath(self.program).stem

    def arguments(self) -> list[str]:
        words: list[str] = []
        for name in sorted(self.user):
            words += [f"--{name}" if len(name) > 1 else f"-{name}", as_argument(self.user[name])]
        return words

    def variables(self) -> dict[str, str]:
        """What the toolkit puts into the script's environment."""
        env = self._described()
        folders = env.pop("channel_input_dirs")
        env |= {
            "hps": env.pop("hyperparameters"),
            "framework_params": env.pop("additional_framework_parameters"),
            "channels": sorted(self.channels),
            "user_args": self.arguments(),
            "training_env": self._described(),
        }
        for name in ("is_master", "master_hostname", "job_name"):
            env.pop(name)
        env |= {f"channel_{name}": folder for name, folder in folders.items()}
        env |= {f"hp_{name}": value for name, value in self.user.items()}
        made = {f"SM_{name}".upper(): as_variable(value) for name, value in env.items()}
        made["CURRENT_HOST"] = self.resources["current_host"]
        made["SAGEMAKER_JOB_NAME"] = str(self.own.get("sagemaker_job_name", ""))
        made["SAGEMAKER_REGION"] = str(self.own.get("sagemaker_region", self.region))
        return made

    def _described(self) -> dict[str, Any]:
        """The toolkit's TrainingEnv."""
        ml, hosts = self.folder.ml, self.resources["hosts"]
        return {
            "additional_framework_parameters": {
                name: value for name, value in self.own.items() if name not in SETTINGS
            },
            "channel_input_dirs": {name: str(ml / "input" / "data" / name) for name in self.channels},
            "current_host": self.resources["current_host"],
            "framework_module": FRAMEWORK_MODULE,
            "hosts": hosts,
            "hyperparameters": self.user,
            "input_config_dir": str(ml / "input" / "config"),
            "input_data_config": self.channels,
            "input_dir": str(ml / "input"),
            "is_master": self.resources["current_host"] == hosts[0],
            "job_name": self.job_name,
            "log_level": self.own.get("sagemaker_container_log_level", 20),
            "master_hostname": hosts[0],
            "model_dir": str(ml / "model"),
            "module_dir": str(self.own.get(SUBMIT_DIRECTORY, ml / "code")),
            "module_name": self.module,
            "network_interface_name": self.resources["network_interface_name"],
            "num_cpus": os.cpu_count() or 1,
            "num_gpus": 0,
            "output_data_dir": str(ml / "output" / "data"),
            "output_dir": str(ml / "output"),
            "output_intermediate_dir": str(ml / "output" / "intermediate"),
            "resource_config": self.resources,
            "user_entry_point": self.program,
        }


def decode(text: str) -> Any:
    """Hyperparameters are texts; those that are JSON are its values."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def as_argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={item}" for name, item in sorted(value.items()))
    return "" if value is None else str(value)


def as_variable(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
