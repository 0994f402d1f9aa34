"""The image's own toolkit in its environment, for the tests that hold our code against it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.step_runs import TOOLKIT_PYTHON

IMAGE = Path(__file__).parent / "toolkit" / "image.py"


def toolkit(base: Path, *argv: object, **env: object) -> subprocess.CompletedProcess[str]:
    """The toolkit with a private /opt/ml; what it installs with pip lands there too, and pip has no index."""
    if not TOOLKIT_PYTHON.exists():
        pytest.fail(f"{TOOLKIT_PYTHON} is not there; run `make setup`", pytrace=False)
    site = base / "site"
    site.mkdir(exist_ok=True)
    command = [str(TOOLKIT_PYTHON), str(IMAGE), *map(str, argv)]
    settings = {
        "HOME": base, "PATH": "/usr/bin:/bin", "SAGEMAKER_BASE_DIR": base, "PYTHONPATH": site, "PIP_TARGET": site,
        "PIP_NO_INDEX": 1, "PIP_NO_BUILD_ISOLATION": 0, "AWS_REGION": "ap-northeast-2", **env,
    }  # fmt: skip
    return subprocess.run(
        command, env={name: str(value) for name, value in settings.items()}, cwd=base,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
