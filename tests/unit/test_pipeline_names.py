"""How the resources that steps make are named."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millrace.local.sagemaker.pipelines.steps.base import resource_name

JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
step_names = st.from_regex(r"[A-Za-z0-9_\-]{1,64}", fullmatch=True)


def context(name: str) -> Any:
    return SimpleNamespace(step=SimpleNamespace(name=name), execution_id="p4jn9xou8a8s")


@given(step_names)
def test_any_step_name_makes_a_valid_job_name(step: str) -> None:
    assert JOB_NAME.fullmatch(resource_name(context(step)))


@given(step_names, st.from_regex(r"[a-zA-Z0-9]{1,63}", fullmatch=True))
def test_any_prefix_makes_a_valid_job_name(step: str, prefix: str) -> None:
    assert JOB_NAME.fullmatch(resource_name(context(step), prefix))


def test_a_job_is_named_after_execution_and_step() -> None:
    name = resource_name(context("Preprocess"))
    assert re.fullmatch(r"pipelines-p4jn9xou8a8s-Preprocess-[A-Za-z0-9]{10}", name)
    assert resource_name(context("Preprocess")) != name


@given(step_names)
def test_a_tuning_job_fits_into_32_characters(step: str) -> None:
    name = resource_name(context(step), characters=32)
    assert JOB_NAME.fullmatch(name)
    assert len(name) <= 32
    assert name.startswith("p4jn9xou8a8s-")


def test_a_long_step_name_gives_way_to_the_random_part() -> None:
    name = resource_name(context("x" * 64))
    assert len(name) == 63
    assert re.fullmatch(r"pipelines-p4jn9xou8a8s-x+-[A-Za-z0-9]{10}", name)
