"""The declarative provider: most types are a create, an update and a delete call of one service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.providers.base import Context, Made, Properties, is_missing
from millrace.local.cloudformation.providers.coerce import call_input, input_shape, member_of
from millrace.local.cloudformation.providers.tags import retag
from millrace.local.cloudformation.schema import changed

Prepare = Callable[[dict[str, Any]], dict[str, Any]]
Settle = Callable[[Context, Made, Properties], Made]


@dataclass(frozen=True)
class Api:
    """A type whose properties are the members of the API's input.

    name           the property that names the resource; generated when absent, at most `limit` long
    ref            the property or attribute that Ref answers; the name by default. `ref_of` makes it of several
    gives          attribute -> member of the create call's answer; a leading _ hides it from GetAtt
    arn            the Arn attribute when no answer holds it: service, and the resource part as a format
    echoes         properties that GetAtt may ask for
    rename         property -> member of the API's input; `prepare` does what is more than a rename
    update_only    properties that the create call does not take
    always         further input of create and update; `on_update` only of update
    delete_as      the delete call's input by property or attribute, where the names differ
    tagged         the resource's identity for the tagging calls, likewise; `tag_with` is constant
    settle         waits after create and update; `gone` after delete
    """

    service: str
    create_call: str
    update_call: str | None
    delete_call: str
    name: str | None = None
    limit: int = 64
    ref: str = ""
    ref_of: Callable[[dict[str, Any]], str] | None = None
    gives: Mapping[str, str] = field(default_factory=dict)
    arn: tuple[str, str] | None = None
    echoes: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    prepare: Prepare | None = None
    update_only: frozenset[str] = frozenset()
    always: Mapping[str, Any] = field(default_factory=dict)
    on_update: Mapping[str, Any] = field(default_factory=dict)
    delete_as: Mapping[str, str] = field(default_factory=dict)
    tagged: Mapping[str, str] | None = None
    tag_with: Mapping[str, str] = field(default_factory=dict)
    tag_calls: tuple[str, str] = ("tag_resource", "untag_resource")
    settle: Settle | None = None
    gone: Settle | None = None

    @property
    def attributes(self) -> frozenset[str]:
        named = {self.name} if self.name else set()
        arn = {"Arn"} if self.arn else set()
        return frozenset({*self.gives, *self.echoes, *named, *arn} - {n for n in self.gives if n.startswith("_")})

    @property
    def name_property(self) -> str | None:
        return self.name

    def refused(self, properties: Properties) -> list[str]:
        return []  # coercion to the API's input finds them, at every depth

    def create(self, ctx: Context, properties: Properties) -> Made:
        values = dict(properties)
        if self.name and self.name not in values:
            values[self.name] = ctx.name(limit=self.limit)
        client = ctx.client(self.service)
        wanted = {name: value for name, value in values.items() if name not in self.update_only}
        answer = getattr(client, self.create_call)(**call_input(client, self.create_call, self._input(wanted)))
        attributes = {name: answer.get(member) for name, member in self.gives.items()}
        attributes |= {name: values.get(name) for name in self.echoes}
        if self.name:
            attributes[self.name] = values[self.name]
        if self.arn:
            attributes["Arn"] = ctx.arn(self.arn[0], self.arn[1].format(**values))
        if self.ref_of:
            return Made(self.ref_of(values), attributes)
        ref = self.ref or self.name or next(iter(self.gives))
        return Made(str({**values, **attributes}[ref]), attributes)

    def complete(self, ctx: Context, made: Made, properties: Properties) -> Made:
        return self.settle(ctx, made, properties) if self.settle else made

    def update(self, ctx: Context, made: Made, old: Properties, new: Properties) -> Made:
        differing = changed(old, new)
        client = ctx.client(self.service)
        if "Tags" in differing and self.tagged is not None:
            known = {**made.attributes, **new}
            identity = {member: str(known[name]) for member, name in self.tagged.items()} | dict(self.tag_with)
            retag(client, old, new, tag=self.tag_calls[0], untag=self.tag_calls[1], **identity)
            differing.remove("Tags")
        if not differing:
            return made
        self._change(client, made, new, differing)
        made = made.adding(**{name: new.get(name) for name in self.echoes})
        return self.settle(ctx, made, new) if self.settle else made

    def _change(self, client: Any, made: Made, new: Properties, differing: list[str]) -> None:
        shape = input_shape(client, self.update_call) if self.update_call else None
        lost = [name for name in differing if not shape or not member_of(shape, self.rename.get(name, name))]
        if self.update_call is None or lost:
            raise ResourceError(f"the embedded AWS cannot change {', '.join(lost)} in place")
        values = self._input({**made.attributes, **new}) | dict(self.on_update)
        if self.tagged is not None:
            values.pop("Tags", None)
        getattr(client, self.update_call)(**call_input(client, self.update_call, values, only_known=True))

    def delete(self, ctx: Context, made: Made, properties: Properties) -> None:
        client = ctx.client(self.service)
        known = {**made.attributes, **properties}
        values = self._input(known)
        values |= {member: known[name] for member, name in self.delete_as.items()}
        try:
            getattr(client, self.delete_call)(**call_input(client, self.delete_call, values, only_known=True))
        except ClientError as error:
            if not is_missing(error):
                raise
        if self.gone:
            self.gone(ctx, made, properties)

    def _input(self, values: dict[str, Any]) -> dict[str, Any]:
        prepared = self.prepare(values) if self.prepare else values
        return {self.rename.get(name, name): value for name, value in prepared.items()} | dict(self.always)
