"""Dashboards: kept and given back; their body must be JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from millrace.local.service import Caller, Handler, ServiceError
from millrace.local.world import World

Key = tuple[str, str]


class Dashboards:
    """Belong to the account; CloudFormation makes them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[Key, tuple[str, float]] = {}

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "DeleteDashboards": self.delete,
            "GetDashboard": self.get,
            "ListDashboards": self.list,
            "PutDashboard": self.put,
        }

    def dump(self) -> dict[Key, tuple[str, float]]:
        return dict(self._kept)

    def load(self, content: dict[Key, tuple[str, float]]) -> None:
        self._kept = dict(content)

    def put(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        body = params["DashboardBody"]
        try:
            sound = isinstance(json.loads(body), dict)
        except ValueError:
            sound = False
        if not sound:
            raise ServiceError("InvalidParameterInput", "The field DashboardBody must be a valid JSON object")
        self._kept[caller.account, params["DashboardName"]] = body, self._world.clock.now()
        return {"DashboardValidationMessages": []}

    def get(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = params["DashboardName"]
        body, _ = self._find(caller, name)
        return {"DashboardArn": _arn(caller, name), "DashboardBody": body, "DashboardName": name}

    def _find(self, caller: Caller, name: str) -> tuple[str, float]:
        found = self._kept.get((caller.account, name))
        if found is None:
            raise ServiceError("ResourceNotFound", f"Dashboard {name} does not exist", status=404)
        return found

    def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        prefix = params.get("DashboardNamePrefix") or ""
        entries = [
            {
                "DashboardName": name,
                "DashboardArn": _arn(caller, name),
                "LastModified": modified,
                "Size": len(body.encode()),
            }
            for (account, name), (body, modified) in sorted(self._kept.items())
            if account == caller.account and name.startswith(prefix)
        ]
        return {"DashboardEntries": entries}

    def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        for name in params["DashboardNames"]:
            self._find(caller, name)
        for name in params["DashboardNames"]:
            self._kept.pop((caller.account, name), None)
        return {}


def _arn(caller: Caller, name: str) -> str:
    return f"arn:aws:cloudwatch::{caller.account}:dashboard/{name}"
