"""What a step needs of the settings to be run by hand: `python -m settings claims-fraud spec` (train, evaluate).

`spec` prints the model_spec.json that travels with the step code; the others print the arguments of that step.
docs/steps.md shows them in use.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable

from settings import ModelSettings, SettingsError, load


def spec(model: ModelSettings) -> str:
    return json.dumps(model.spec(), indent=1, ensure_ascii=False)


def train(model: ModelSettings) -> str:
    """The hyperparameters; a model that is tuned has those that are searched for at the settings' own values."""
    costs = model.costs
    decisions = (
        {"false_negative_cost": costs.false_negative, "false_positive_cost": costs.false_positive} if costs else {}
    )
    return _words({**model.hyperparameters, **decisions})


def evaluate(model: ModelSettings) -> str:
    gate = model.gate
    return _words({"floor": gate.floor, "min-support": gate.min_support, "confidence": gate.confidence})


STEPS: dict[str, Callable[[ModelSettings], str]] = {"spec": spec, "train": train, "evaluate": evaluate}


def main(arguments: list[str]) -> None:
    settings = load()
    models = {model.name: model for model in settings.models}
    if len(arguments) != 2 or arguments[0] not in models or arguments[1] not in STEPS:
        given = " ".join(arguments) or "nothing"
        raise SystemExit(
            f"{given} given; allowed: a model ({', '.join(models)}), then one of {', '.join(STEPS)}, "
            "for example: python -m settings claims-fraud train"
        )
    print(STEPS[arguments[1]](models[arguments[0]]))


def _words(values: dict[str, int | float | str]) -> str:
    return " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in values.items())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SettingsError as error:
        raise SystemExit(str(error)) from error
