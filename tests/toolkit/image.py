"""What the XGBoost image puts around its toolkit, for the tests of this folder; runs in the toolkit environment.

`python image.py train` is the image's training entry point in script mode. `python image.py serve REQUESTS ANSWERS`
is its server's application, called without a socket: requests and answers are lists in JSON files.
"""

from __future__ import annotations

import collections
import collections.abc
import json
import os
import sys
from pathlib import Path

collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]  # the image patches its toolkit so
os.environ.setdefault("SAGEMAKER_TRAINING_MODULE", "image:training")

import sagemaker_containers  # type: ignore[import-not-found]  # noqa: E402
from sagemaker_containers.beta.framework import env, modules, trainer, transformer, worker  # type: ignore[import-not-found]  # noqa: E402


def training() -> None:
    """The framework's entry point, which the toolkit's trainer calls."""
    training_env = sagemaker_containers.training_env()
    modules.run_module(
        training_env.module_dir,
        training_env.to_cmd_args(),
        training_env.to_env_vars(),
        training_env.module_name,
        capture_error=False,
    )


def serving(requests: Path, answers: Path) -> None:
    serving_env = env.ServingEnv()
    module = modules.import_module(serving_env.module_dir, serving_env.module_name)
    user = transformer.Transformer(model_fn=module.model_fn, transform_fn=module.transform_fn)
    user.initialize()
    client = worker.Worker(transform_fn=user.transform, module_name=serving_env.module_name).test_client()
    found = [{"status": client.get("/ping").status_code, "type": "", "attributes": None, "body": ""}]
    for request in json.loads(requests.read_text()):
        body = bytes.fromhex(request["body"]) * request.get("times", 1)
        reply = client.post("/invocations", data=body, headers=request["headers"])
        told = reply.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        text = reply.get_data(as_text=True)
        found.append({"status": reply.status_code, "type": reply.mimetype, "attributes": told, "body": text})
    answers.write_text(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1] == "train":
        trainer.train()
    else:
        serving(Path(sys.argv[2]), Path(sys.argv[3]))
