"""The one botocore session of this process: it reads each service's model, megabytes of JSON, a single time."""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def shared_session() -> Any:
    from botocore.session import Session

    return Session()
