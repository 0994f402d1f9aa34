"""Chooses the champion: the version that is served, else the newest approved one, else none."""

from __future__ import annotations

from resolve_champion.champion import NONE, Champion
from resolve_champion.registry import IN_SERVICE, Registry, Version


def resolve(model: str, registry: Registry) -> Champion:
    """Pipeline and group in the registry have the model's name; its endpoint may have another."""
    served, why_not = _served(model, registry)
    if served:
        endpoint = registry.settings.endpoint(model)
        return Champion(served.model_uri, served.name, f"{served.name} is served by the endpoint {endpoint}")
    approved = _newest_approved(model, registry)
    if approved:
        return Champion(approved.model_uri, approved.name, f"{why_not}; {approved.name} is the newest approved version")
    return Champion(registry.settings.placeholder_uri, NONE, f"{why_not}; no approved version can be used either")


def _served(model: str, registry: Registry) -> tuple[Version | None, str]:
    """The live version, or the reason why there is none."""
    name = registry.settings.endpoint(model)
    endpoint = registry.endpoint(name)
    if endpoint is None:
        return None, f"there is no endpoint {name}"
    status = endpoint["EndpointStatus"]
    if status not in IN_SERVICE:
        return None, f"the endpoint {name} serves nothing: it is {status}"
    package = registry.served_package(endpoint["EndpointConfigName"])
    if package is None:
        return None, f"the endpoint {name} serves no version of the registry"
    if _owner(package) != _owner(endpoint["EndpointArn"]):
        return None, f"{package} is served, but jobs of this account and region cannot read it"
    version = registry.version(model, package)
    if version is None:
        return None, f"{package.partition('model-package/')[2] or package} is served, but was deleted or cannot be read"
    return version, ""


def _owner(arn: str) -> list[str]:
    """Region and account."""
    return arn.split(":")[3:5]


def _newest_approved(model: str, registry: Registry) -> Version | None:
    """A version may be deleted between the list and the look at it; the one before it counts then."""
    found = (registry.version(model, package) for package in registry.approved_packages(model))
    return next((version for version in found if version), None)
