"""Writes what happens to a stack: its status, its events and the EventBridge event of each status change."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

from millrace.local.cloudformation.records import Resource, Stack, StackEvent
from millrace.local.cloudformation.store import StackStore
from millrace.local.world import World

DETAIL_TYPE = "CloudFormation Stack Status Change"


class Recorder:
    """One operation's view of its stack's history; `token` is the caller's ClientRequestToken."""

    def __init__(self, world: World, store: StackStore, stack: Stack, token: str | None) -> None:
        self._world = world
        self._store = store
        self._stack = stack
        self._token = token

    def stack(self, status: str, reason: str | None = None) -> None:
        stack = self._stack
        with self._store.lock:
            stack.status, stack.reason = status, reason
            self._event(stack.name, stack.id, "AWS::CloudFormation::Stack", status, reason)
        detail: dict[str, Any] = {
            "stack-id": stack.id,
            "status-details": {"status": status, "status-reason": reason or ""},
        }
        if self._token:
            detail["client-request-token"] = self._token
        self._world.publish(
            account=stack.account,
            region=stack.region,
            source="aws.cloudformation",
            detail_type=DETAIL_TYPE,
            detail=detail,
            resources=[stack.id],
        )

    def resource(self, resource: Resource, status: str, reason: str | None = None) -> Resource:
        """An event for the resource; the answer is its record in the new state, not yet stored."""
        with self._store.lock:
            properties = json.dumps(dict(resource.properties), default=str)
            self._event(resource.logical_id, resource.physical_id or "", resource.type, status, reason, properties)
        return replace(resource, status=status, reason=reason, updated=self._world.clock.datetime())

    def keep(self, resource: Resource) -> Resource:
        """Store the record as the stack's current one."""
        with self._store.lock:
            self._stack.resources[resource.logical_id] = resource
        return resource

    def drop(self, logical_id: str) -> None:
        with self._store.lock:
            self._stack.resources.pop(logical_id, None)

    def _event(
        self,
        logical_id: str,
        physical_id: str,
        type_: str,
        status: str,
        reason: str | None,
        properties: str | None = None,
    ) -> None:
        self._stack.events.append(
            StackEvent(
                str(uuid.uuid4()),
                logical_id,
                physical_id,
                type_,
                status,
                reason,
                self._world.clock.datetime(),
                self._token,
                properties,
            )
        )
