"""Reads one `models/<name>.toml` into `ModelSettings`, noting every mistake. Called by `settings.loader`."""

from __future__ import annotations

import math

from settings import names
from settings.alarms import read_model_alarms
from settings.cache import read_cache
from settings.costs import read_costs
from settings.data import DataSettings, read_data
from settings.deploy import read_deploy
from settings.endpoint import read_model_endpoint
from settings.gate import read_gate
from settings.hyperparameters import read_hyperparameters
from settings.model import ComputeSettings, ModelSettings
from settings.problem_types import PROBLEMS
from settings.reader import Reader
from settings.trigger import TriggerSettings, read_trigger
from settings.tuning import read_tuning

MOST_INSTANCES, LONGEST_JOB = 10, 86_400
"""Of a job, in seconds: what `stacks/controls/jobs.py` lets pass, so that a slip does not cost a fortune."""

_HOUR = 3_600
_TIMED = ("trigger", "processing", "training")
_LIMIT = "max_runtime_seconds"
_TAB, _TAB_SUFFIX = "\t", ".tsv"


def read_model(name: str, reader: Reader) -> ModelSettings:
    """The model of this name; useless if the reader noted a mistake."""
    problem = reader.text("problem", allowed=PROBLEMS)
    trigger_table, processing_table, training_table = (reader.table(key) for key in _TIMED)
    trigger = read_trigger(trigger_table)
    processing, training = _compute(processing_table, names.PROCESSING), _compute(training_table, names.TRAINING)
    data = read_data(reader.table("data"), problem)
    model = ModelSettings(
        name=name,
        problem=problem,
        data=data,
        processing=processing,
        training=training,
        xgboost=read_hyperparameters(reader.table("xgboost"), problem),
        tuning=read_tuning(reader, time_left=trigger.lock_hours * _HOUR - _beside_the_model(processing)),
        costs=read_costs(reader, problem),
        gate=read_gate(reader.table("gate"), problem),
        cache_expire_after=read_cache(reader.table("cache", optional=True)),
        endpoint=read_model_endpoint(reader.table("endpoint")),
        deploy=read_deploy(reader.table("deploy", optional=True)),
        trigger=trigger,
        alarms=read_model_alarms(reader.table("alarms"), trigger),
    )
    _check_tabs(data, trigger, reader)
    if trigger_table.good("lock_hours") and processing_table.good(_LIMIT) and training_table.good(_LIMIT):
        _check_time(model, trigger_table)
    reader.close()
    return model


def _beside_the_model(processing: ComputeSettings) -> int:
    """The seconds that Preprocess and Evaluate may take."""
    return 2 * processing.max_runtime_seconds


def _check_time(model: ModelSettings, trigger: Reader) -> None:
    """A run that takes no longer than its steps may take must not be stopped, nor another one be started beside it."""
    making = model.tuning.max_runtime_seconds if model.tuning else model.training.max_runtime_seconds
    allowed = _beside_the_model(model.processing) + making
    if allowed > model.trigger.lock_hours * _HOUR:
        table = "tuning" if model.tuning else "training"
        trigger.problem(
            "lock_hours",
            f"is {model.trigger.lock_hours}, but a run may take {math.ceil(allowed / _HOUR)} hours: twice "
            f"processing.{_LIMIT}, and {table}.{_LIMIT}; make it longer, or one of those shorter",
        )


def _check_tabs(data: DataSettings, trigger: TriggerSettings, reader: Reader) -> None:
    of_tabs = any(each.endswith(_TAB_SUFFIX) for each in trigger.suffixes)
    if reader.good("data") and of_tabs and data.delimiter != _TAB:
        reader.problem(
            "trigger.suffixes",
            f"holds {_TAB_SUFFIX}, which means tabs between the columns, but data.delimiter is {data.delimiter!r}; "
            f"take it out, or set the delimiter to {_TAB!r}",
        )


def _compute(reader: Reader, kind: str) -> ComputeSettings:
    compute = ComputeSettings(
        instance_type=reader.text("instance_type", allowed=names.instance_types(kind)),
        instance_count=reader.integer("instance_count", low=1, high=MOST_INSTANCES),
        volume_size_gb=reader.integer("volume_size_gb", low=1, high=16_384),
        max_runtime_seconds=reader.integer(_LIMIT, low=60, high=LONGEST_JOB),
    )
    if reader.good("instance_type") and (wrong := names.wrong_volume(compute.instance_type)):
        reader.problem("instance_type", f"is {compute.instance_type!r}; {wrong}")
    reader.close()
    return compute
