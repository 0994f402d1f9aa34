"""Reads one `models/<name>.toml` into `ModelSettings`, noting every mistake. Called by `settings.loader`."""

from __future__ import annotations

from settings import names
from settings.alarms import read_model_alarms
from settings.model import (
    PROBLEMS,
    ComputeSettings,
    CostSettings,
    DataSettings,
    EndpointSettings,
    HyperparameterSettings,
    ModelSettings,
    SplitSettings,
)
from settings.reader import Reader
from settings.trigger import read_trigger

_DAY = 86_400


def read_model(name: str, reader: Reader) -> ModelSettings:
    """The model of this name; useless if the reader noted a mistake."""
    gate = reader.table("gate")
    trigger = read_trigger(reader.table("trigger"))
    model = ModelSettings(
        name=name,
        problem=reader.text("problem", allowed=PROBLEMS),
        data=_data(reader.table("data")),
        processing=_compute(reader.table("processing"), names.PROCESSING, many=False),
        training=_compute(reader.table("training"), names.TRAINING, many=True),
        xgboost=_hyperparameters(reader.table("xgboost")),
        costs=_costs(reader.table("costs")),
        auc_floor=gate.number("auc_floor", low=0, high=1, below=True),
        endpoint=_endpoint(reader.table("endpoint")),
        trigger=trigger,
        alarms=read_model_alarms(reader.table("alarms"), trigger),
    )
    gate.close()
    reader.close()
    return model


def _data(reader: Reader) -> DataSettings:
    data = DataSettings(
        tables=reader.texts("tables", check=names.wrong_table),
        join_key=reader.text("join_key", check=names.wrong_column),
        label=reader.text("label", check=names.wrong_column),
        numeric=reader.texts("numeric", check=names.wrong_column, empty=True),
        categorical=reader.texts("categorical", check=names.wrong_column, empty=True),
        missing=reader.texts("missing", empty=True),
        split=_split(reader.table("split")),
    )
    _compare_columns(data, reader)
    reader.close()
    return data


def _compare_columns(data: DataSettings, reader: Reader) -> None:
    if reader.good("numeric", "categorical"):
        for column in sorted({*data.numeric} & {*data.categorical}):
            reader.problem("categorical", f"holds {column!r}, which is numeric too; keep one of the two")
        if not data.numeric and not data.categorical:
            reader.problem("numeric", "and categorical are both empty; a model needs at least one feature")
    for key in ("label", "join_key"):
        column = getattr(data, key)
        for kind in ("numeric", "categorical"):
            if reader.good(key) and column in getattr(data, kind):
                reader.problem(kind, f"holds {column!r}, which is the {key}; take it out of the features")
    if reader.good("label", "join_key") and data.label == data.join_key:
        reader.problem("label", f"is {data.label!r}, the same as join_key; they must be different columns")


def _split(reader: Reader) -> SplitSettings:
    parts = ("train", "validation", "test")
    train, validation, test = (reader.number(part, low=0, high=1, above=True, below=True) for part in parts)
    total = train + validation + test
    if reader.good(*parts) and abs(total - 1) > 1e-9:
        reader.problem("train", f"+ validation + test is {total:g}; the three must sum to 1")
    split = SplitSettings(train, validation, test, seed=reader.integer("seed", low=0, high=2**31 - 1))
    reader.close()
    return split


def _compute(reader: Reader, kind: str, *, many: bool) -> ComputeSettings:
    """Preprocess joins whole tables in one process, so only training may use several instances."""
    compute = ComputeSettings(
        instance_type=reader.text("instance_type", allowed=names.instance_types(kind)),
        instance_count=reader.integer("instance_count", low=1, high=100 if many else 1),
        volume_size_gb=reader.integer("volume_size_gb", low=1, high=16_384),
        max_runtime_seconds=reader.integer("max_runtime_seconds", low=60, high=5 * _DAY),
    )
    reader.close()
    return compute


def _hyperparameters(reader: Reader) -> HyperparameterSettings:
    values = HyperparameterSettings(
        max_depth=reader.integer("max_depth", low=1, high=16),
        num_round=reader.integer("num_round", low=1, high=10_000),
        eta=reader.number("eta", low=0, high=1, above=True),
        early_stopping_rounds=reader.integer("early_stopping_rounds", low=1, high=10_000),
        subsample=reader.number("subsample", low=0, high=1, above=True),
        colsample_bytree=reader.number("colsample_bytree", low=0, high=1, above=True),
        min_child_weight=reader.number("min_child_weight", low=0, high=1e6),
        reg_lambda=reader.number("reg_lambda", low=0, high=1e6),
        scale_pos_weight=reader.number("scale_pos_weight", low=0, high=1e6, above=True),
    )
    reader.close()
    return values


def _costs(reader: Reader) -> CostSettings:
    costs = CostSettings(
        false_negative=reader.number("false_negative", low=0, high=1e9, above=True),
        false_positive=reader.number("false_positive", low=0, high=1e9, above=True),
    )
    reader.close()
    return costs


def _endpoint(reader: Reader) -> EndpointSettings:
    allowed = names.instance_types(names.ENDPOINT)
    supported = names.instance_types(names.TRANSFORM)
    endpoint = EndpointSettings(
        instance_type=reader.text("instance_type", allowed=allowed),
        instance_count=reader.integer("instance_count", low=1, high=100),
        supported_instance_types=reader.texts(
            "supported_instance_types", check=lambda text: names.wrong_member(text, allowed & supported)
        ),
    )
    keys = ("instance_type", "supported_instance_types")
    if reader.good(*keys) and endpoint.instance_type not in endpoint.supported_instance_types:
        reader.problem("supported_instance_types", f"lacks {endpoint.instance_type!r}, the endpoint's own; add it")
    reader.close()
    return endpoint
