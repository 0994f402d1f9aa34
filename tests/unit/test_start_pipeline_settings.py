"""What the function is told by its environment and by `models.json`."""

from __future__ import annotations

import json
from pathlib import Path

from start_pipeline.settings import StarterSettings

import settings as project

ENVIRONMENT = {
    "RAW_BUCKET": "raw",
    "ARTIFACT_BUCKET": "artifacts",
    "LEDGER_TABLE": "ledger",
    "QUEUE_URL": "queue",
    "DEAD_LETTERS_URL": "dead",
}


def test_the_function_reads_what_the_project_writes(tmp_path: Path) -> None:
    models = project.load().models
    (tmp_path / "models.json").write_text(json.dumps({model.name: model.trigger_spec() for model in models}))
    read = StarterSettings.from_environment({**ENVIRONMENT, "MODELS_FILE": str(tmp_path / "models.json")})
    assert (read.raw_bucket, read.artifact_bucket, read.ledger_table) == ("raw", "artifacts", "ledger")
    for model in models:
        own = read.models[model.name]
        assert own.problem == model.problem
        named = {name: value for name, value in vars(own).items() if name not in ("name", "problem", "trigger")}
        assert named == {name: getattr(model.data, name) for name in named}
        assert vars(own.trigger) == vars(model.trigger)


def test_entries_the_function_does_not_know_are_left_out(tmp_path: Path) -> None:
    entry = {"tables": ["t"], "colour": "blue", "trigger": {"attempts": 3, "speed": 9}}
    (tmp_path / "models.json").write_text(json.dumps({"m": entry}))
    read = StarterSettings.from_environment({**ENVIRONMENT, "MODELS_FILE": str(tmp_path / "models.json")})
    assert (read.models["m"].tables, read.models["m"].trigger.attempts) == (("t",), 3)
