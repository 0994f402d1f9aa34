"""Makes, changes and deletes single resources through their providers, with an event for every step."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.cloudformation import dynamic_references
from millrace.local.cloudformation.errors import ResourceError, Stopping
from millrace.local.cloudformation.providers import provider_of
from millrace.local.cloudformation.providers.base import Context, Made, Provider
from millrace.local.cloudformation.recorder import Recorder
from millrace.local.cloudformation.records import Resource, Stack
from millrace.local.cloudformation.schema import schema_of
from millrace.local.cloudformation.template import Declaration
from millrace.local.iam.services import STACK, RoleSession, assume
from millrace.local.service import Caller
from millrace.local.world import World

SESSION = "AWSCloudFormation"
FAULTS = (ClientError, BotoCoreError, ResourceError)


class Provisioner:
    """The hands of an execution. A fault of a resource is recorded as its event and raised as ResourceError."""

    def __init__(self, world: World, stack: Stack, record: Recorder, *, caller: Caller, role_arn: str | None) -> None:
        self._world = world
        self._stack = stack
        self._record = record
        self._caller = caller
        self._role_arn = role_arn

    def create(self, declared: Declaration, properties: Mapping[str, Any], needs: list[str]) -> Resource:
        """Make a resource; the record is kept as soon as it exists, so that a rollback finds it."""
        resource = Resource(
            declared.logical_id,
            declared.type,
            properties,
            "CREATE_IN_PROGRESS",
            self._world.clock.datetime(),
            needs=tuple(needs),
            deletion_policy=declared.deletion_policy,
            update_replace_policy=declared.update_replace_policy,
            metadata=declared.metadata,
            generation=self._stack.generation,
        )
        resource = self._record.keep(self._record.resource(resource, "CREATE_IN_PROGRESS"))
        provider, ctx = self._provider(resource), self._context(resource)

        def make() -> Resource:
            nonlocal resource
            wanted = self._checked(resource, provider, ctx)
            made = provider.create(ctx, wanted)
            resource = replace(resource, physical_id=made.physical_id, attributes=dict(made.attributes))
            started = "Resource creation Initiated"
            resource = self._record.keep(self._record.resource(resource, "CREATE_IN_PROGRESS", started))
            made = provider.complete(ctx, made, wanted)
            return replace(resource, physical_id=made.physical_id, attributes=dict(made.attributes))

        return self._guarded(make, lambda: resource, "CREATE")

    def update(self, old: Resource, declared: Declaration, properties: Mapping[str, Any], needs: list[str]) -> Resource:
        """Bring a resource to new properties in place."""
        resource = replace(
            old,
            properties=properties,
            needs=tuple(needs),
            deletion_policy=declared.deletion_policy,
            update_replace_policy=declared.update_replace_policy,
            metadata=declared.metadata,
        )
        return self._change(old, resource)

    def restore(self, now: Resource, before: Resource) -> Resource:
        """Bring a resource back to what it was before an update that failed."""
        return self._change(now, before)

    def name_property(self, type_: str) -> str | None:
        provider = provider_of(type_)
        return provider.name_property if provider else None

    def _change(self, old: Resource, wanted: Resource) -> Resource:
        now = self._record.keep(self._record.resource(old, "UPDATE_IN_PROGRESS"))
        provider, ctx = self._provider(wanted), self._context(wanted)

        def change() -> Resource:
            nonlocal now
            properties = self._checked(wanted, provider, ctx)
            before = dynamic_references.fill(dict(old.properties), ctx.client)
            # From here on the resource may be half changed: a rollback must start from the wanted state.
            now = wanted
            made = Made(str(old.physical_id), old.attributes)
            if properties != before:
                made = provider.update(ctx, made, before, properties)
            return replace(wanted, physical_id=made.physical_id, attributes=dict(made.attributes))

        return self._guarded(change, lambda: now, "UPDATE")

    def delete(self, resource: Resource) -> None:
        """Delete a resource that the stack's records do not hold any more, or will not in a moment."""
        if resource.physical_id is None:
            return
        self._record.resource(resource, "DELETE_IN_PROGRESS")
        provider, ctx = self._provider(resource), self._context(resource)
        try:
            properties = dynamic_references.fill(dict(resource.properties), ctx.client)
            provider.delete(ctx, Made(resource.physical_id, resource.attributes), properties)
        except FAULTS as error:
            reason = describe(error)
            self._record.resource(resource, "DELETE_FAILED", reason)
            raise ResourceError(reason) from error
        self._record.resource(resource, "DELETE_COMPLETE")

    def _guarded(self, step: Callable[[], Resource], latest: Callable[[], Resource], kind: str) -> Resource:
        try:
            return self._record.keep(self._record.resource(step(), f"{kind}_COMPLETE"))
        except Stopping:
            self._record.keep(replace(latest(), status=f"{kind}_IN_PROGRESS"))
            raise
        except FAULTS as error:
            reason = describe(error)
            self._record.keep(self._record.resource(latest(), f"{kind}_FAILED", reason))
            raise ResourceError(reason) from error

    def _checked(self, resource: Resource, provider: Provider, ctx: Context) -> dict[str, Any]:
        """The properties with their dynamic references filled in, or every violation of the type's schema."""
        problems = schema_of(resource.type).problems(resource.properties)
        if problems:
            found = "; ".join(problems)
            raise ResourceError(
                f"Properties validation failed for resource {resource.logical_id} with message: {found}"
            )
        refused = provider.refused(resource.properties)
        if refused:
            raise ResourceError(f"the embedded AWS does not support property {', '.join(refused)} of {resource.type}")
        return dict(dynamic_references.fill(dict(resource.properties), ctx.client))

    def _provider(self, resource: Resource) -> Provider:
        provider = provider_of(resource.type)
        if provider is None:
            raise ResourceError(f"the embedded AWS has no provider for {resource.type}")
        return provider

    def _context(self, resource: Resource) -> Context:
        stack = self._stack
        return Context(
            account=stack.account,
            region=stack.region,
            stack_name=stack.name,
            stack_id=stack.id,
            logical_id=resource.logical_id,
            seed=f"{stack.id}/{resource.generation}",
            client=self._client,
            own_client=self._own_client,
            stopping=self._world.stopping,
        )

    def _client(self, service: str) -> Any:
        """With the stack's role, else with the rights of whoever asked for the operation."""
        if self._role_arn:
            return assume_role(self._world, self._role_arn, self._stack).client(service)
        return self._world.aws.caller_client(self._caller, service, via=STACK.principal)

    def _own_client(self, service: str) -> Any:
        return self._world.aws.own_client(service, account=self._stack.account, region=self._stack.region)


def assume_role(world: World, role_arn: str, stack: Stack) -> RoleSession:
    """CloudFormation's session of a stack's role; ClientError when the role does not trust CloudFormation."""
    session = assume(world, STACK, role_arn, on=stack.id, region=stack.region, session=SESSION)
    return replace(session, via=STACK.principal)


def describe(error: Exception) -> str:
    """The reason in CloudFormation's words."""
    if isinstance(error, ClientError):
        found = error.response["Error"]
        service = error.operation_name
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        message = f"{found.get('Message', '')} (Operation: {service}, Status Code: {status})"
        return (
            f'Resource handler returned message: "{message}" '
            f"(RequestToken: {uuid.uuid4()}, HandlerErrorCode: {found['Code']})"
        )
    return str(error)
