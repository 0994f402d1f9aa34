"""boto3 clients of one deployment: made once per service, shared by its threads."""

from __future__ import annotations

import threading
from typing import Any

from botocore.config import Config


class Clients:
    """`endpoint_url` is the embedded AWS; without it the session's account is meant."""

    def __init__(self, session: Any, *, endpoint_url: str | None, region: str | None = None) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        self._region = region
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}

    @property
    def embedded(self) -> bool:
        return self._endpoint_url is not None

    @property
    def region(self) -> str:
        return str(self._region or self._session.region_name)

    def client(self, service: str) -> Any:
        with self._lock:
            if service not in self._made:
                config = Config(
                    retries={"total_max_attempts": 4, "mode": "standard"},
                    max_pool_connections=32,
                    s3={"addressing_style": "path"} if self.embedded else {},
                )
                self._made[service] = self._session.client(
                    service, region_name=self.region, endpoint_url=self._endpoint_url, config=config
                )
            return self._made[service]

    def account(self) -> str:
        return str(self.client("sts").get_caller_identity()["Account"])
