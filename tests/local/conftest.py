"""What several modules of these tests share beside the session's server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.deployment_lab import DeploymentLab


@pytest.fixture(scope="session")
def deployments(embedded: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentLab]:
    """Endpoints on a server of their own: its clock is moved."""
    server = type(embedded)(tmp_path_factory.mktemp("deployments"))
    yield DeploymentLab(server)
    server.stop()
