"""One deployment of an endpoint: its variants, traffic divided among them by weight."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from millrace.local.sagemaker.store import Place
from millrace.local.serving.plan import VariantPlan
from millrace.local.serving.variant import Variant
from millrace.local.world import World


class Fleet:
    def __init__(
        self,
        world: World,
        place: Place,
        endpoint: str,
        config: str,
        plans: Sequence[VariantPlan],
        *,
        failed: Callable[[str], None],
    ) -> None:
        self.config = config
        self.failed = failed
        """Called with the reason when a variant's process cannot be kept alive."""
        self.variants = {plan.name: Variant(world, place, endpoint, config, plan, failed=self._fail) for plan in plans}

    def _fail(self, reason: str) -> None:
        self.failed(reason)

    def start(self) -> None:
        """All variants, or none: DeploymentFailed leaves no process behind."""
        started: list[Variant] = []
        try:
            for variant in self.variants.values():
                variant.start()
                started.append(variant)
        except BaseException:
            for variant in started:
                variant.end()
            raise

    def end(self, *, drain: bool = True) -> None:
        for variant in self.variants.values():
            variant.end(drain=drain)

    def choose(self, target: str | None = None) -> Variant | None:
        """The variant asked for, or one by weight; None when there is no such variant."""
        if target is not None:
            return self.variants.get(target)
        variants = list(self.variants.values())
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights)[0] if sum(weights) > 0 else variants[0]
