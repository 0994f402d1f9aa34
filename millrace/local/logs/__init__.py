"""CloudWatch Logs as moto has it, mended where lines are looked for; `patches` calls `mend`.

moto takes most filter patterns for "everything", knows no prefixes and no ARNs, and answers stream after stream.
"""

from __future__ import annotations

import json
from typing import Any

from millrace.local.logs.patterns import LogPattern, LogPatternError
from millrace.local.replacing import change

NAME, IDENTIFIER = "logGroupName", "logGroupIdentifier"
PREFIX, STREAMS = "logStreamNamePrefix", "logStreamNames"
RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
NO_STREAM = "The specified log stream does not exist."


def mend() -> None:
    from moto.logs import models
    from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
    from moto.logs.responses import LogsResponse

    def filter_log_events(self: Any) -> str:
        asked = _named(json.loads(self.body))
        prefix, names = asked.get(PREFIX), asked.get(STREAMS)
        if prefix and names:
            raise InvalidParameterException(f"{PREFIX} and {STREAMS} exclude each other")
        try:
            LogPattern(asked.get("filterPattern"))
        except LogPatternError as error:
            raise InvalidParameterException(f"Invalid filter pattern: {error}") from error
        group = self.logs_backend.groups.get(asked.get(NAME))
        if prefix and group:
            asked[STREAMS] = [name for name in group.streams if name.startswith(prefix)]
            if not asked[STREAMS]:
                return json.dumps({"events": [], "searchedLogStreams": []})
        # As AWS does since 2019, whatever the request says.
        self.body = json.dumps(asked | {"interleaved": True})
        return str(filtered(self))

    def get_log_events(self: Any) -> str:
        asked = _named(json.loads(self.body))
        group = self.logs_backend.groups.get(asked.get(NAME))
        if group and asked.get("logStreamName") not in group.streams:
            raise ResourceNotFoundException(NO_STREAM)
        self.body = json.dumps(asked)
        return str(got(self))

    def put_retention_policy(self: Any) -> str:
        days = self._get_param("retentionInDays")
        if days not in RETENTIONS:
            allowed = ", ".join(map(str, RETENTIONS))
            raise InvalidParameterException(f"retentionInDays is {days}; allowed are {allowed}")
        return str(retained(self))

    def _named(asked: dict[str, Any]) -> dict[str, Any]:
        """The request with its group's name, where it gives an ARN."""
        if IDENTIFIER not in asked:
            return asked
        if NAME in asked:
            raise InvalidParameterException(f"{NAME} and {IDENTIFIER} exclude each other")
        identifier = asked.pop(IDENTIFIER)
        return asked | {NAME: identifier.partition(":log-group:")[2].removesuffix(":*") or identifier}

    change(models, "EventMessageFilter", LogPattern)
    filtered = change(LogsResponse, "filter_log_events", filter_log_events)
    retained = change(LogsResponse, "put_retention_policy", put_retention_policy)
    got = change(LogsResponse, "get_log_events", get_log_events)
