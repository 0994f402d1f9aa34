"""A row of an uploaded file as both of its readers (batch_csv.py, batch_json.py) hand it to prepare_batch.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from features import FeatureTransform
from spec import ModelSpec


class Row(NamedTuple):
    """`number` counts from 1, without header and empty lines; `text` is what stands in the file."""

    number: int
    key: str
    features: Mapping[str, str]
    text: bytes


def known_names(transform: FeatureTransform, spec: ModelSpec) -> list[str]:
    """Columns that a file may well have: the model's, the key, and what training knew and did not use."""
    key = [spec.join_key] if spec.join_key else []
    return list(dict.fromkeys([*transform.names, *key, *transform.ignored]))
