"""Changes a resource's tags: what is new or changed is set, what is gone is removed; used after every update."""

from __future__ import annotations

from typing import Any

from millrace.local.cloudformation.providers.base import Properties
from millrace.local.cloudformation.providers.coerce import call_input, input_shape, member_of


def tags_of(properties: Properties) -> dict[str, str]:
    """Tags as a map, whichever of the two forms the type uses."""
    tags = properties.get("Tags") or {}
    return dict(tags) if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def retag(
    client: Any,
    old: Properties,
    new: Properties,
    *,
    tag: str = "tag_resource",
    untag: str = "untag_resource",
    **identity: str,
) -> None:
    """Call the tagging operations for the difference; `identity` names the resource in the API's own way."""
    before, after = tags_of(old), tags_of(new)
    fresh = {key: value for key, value in after.items() if before.get(key) != value}
    gone = [key for key in before if key not in after]
    if fresh:
        getattr(client, tag)(**call_input(client, tag, {**identity, "Tags": fresh}))
    if gone:
        shape = input_shape(client, untag)
        keys = "TagKeys" if member_of(shape, "TagKeys") else "Tags"
        getattr(client, untag)(**call_input(client, untag, {**identity, keys: gone}))
