"""Building the definition needs nothing but the settings, and says the same wherever it is done."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from pipeline_code import definition
from pipeline_code.definition_offline import offline
from pipeline_code.definition_sentinels import MARKER
from stacks.definition_validator import check
from tests.stacks.definition_sample import REGION, all_steps, model, text, values

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-2"])
def test_every_step_uses_the_image_of_its_region(region: str) -> None:
    built = definition.build(model(), region=region)
    account = {"us-east-1": "683313688378", "ap-northeast-2": "366743142698"}[region]
    image = f"{account}.dkr.ecr.{region}.amazonaws.com/sagemaker-xgboost:3.2-0"
    assert {value for value in values(json.loads(built)) if isinstance(value, str) and ".ecr." in value} == {image}
    assert definition.image_uri(region) == image


def test_the_same_settings_make_the_same_text_in_another_process_and_folder(tmp_path: Path) -> None:
    script = (
        "import os; from pipeline_code import definition; from settings import load;"
        "model = load().model('claims-fraud');"
        "os.environ.update(AWS_PROFILE='not-there', AWS_ENDPOINT_URL='http://127.0.0.1:9');"
        f"print(definition.build(model, region={REGION!r}), end='')"
    )
    env = {
        "PATH": os.defpath,
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Seoul",
    }
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert run.stdout == text(), run.stderr
    assert run.stderr == ""


def test_importing_the_module_does_not_import_the_sdk() -> None:
    script = "import sys, pipeline_code.definition; sys.exit('sagemaker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def test_the_environment_and_the_logging_are_as_before() -> None:
    before = dict(os.environ), logging.root.manager.disable
    definition.build(model(), region=REGION)
    assert (dict(os.environ), logging.root.manager.disable) == before


def test_a_call_to_aws_during_the_build_is_an_error_that_names_it() -> None:
    with pytest.raises(definition.AwsCallError, match="iam:GetRole"), offline(REGION):
        boto3.client("iam").get_role(RoleName="role")


def test_a_call_the_sdk_swallows_is_an_error_too() -> None:
    def swallow() -> None:
        try:
            boto3.client("sts").get_caller_identity()
        except Exception:  # noqa: BLE001 - as the SDK does
            return

    with pytest.raises(definition.AwsCallError, match="sts:GetCallerIdentity"), offline(REGION):
        swallow()


def test_fill_replaces_every_stand_in() -> None:
    filled = definition.fill(text(), {name: f"value-of-{name}" for name in definition.SENTINELS})
    assert MARKER not in filled
    assert all(f"value-of-{name}" in filled for name in definition.SENTINELS)
    json.loads(filled)


@pytest.mark.parametrize("name", sorted(definition.SENTINELS))
def test_fill_names_a_missing_value_and_an_unused_stand_in(name: str) -> None:
    given = dict.fromkeys(definition.SENTINELS, "x")
    with pytest.raises(definition.SentinelError, match=name):
        definition.fill(text(), {key: value for key, value in given.items() if key != name})
    with pytest.raises(definition.SentinelError, match=f"does not use '{name}'"):
        definition.fill(text().replace(definition.SENTINELS[name], "gone"), given)


def test_fill_refuses_an_unknown_name_and_a_stand_in_left_over() -> None:
    given = dict.fromkeys(definition.SENTINELS, "x")
    with pytest.raises(definition.SentinelError, match="'job_rule'"):
        definition.fill(text(), {**given, "job_rule": "x"})
    with pytest.raises(definition.SentinelError, match="left in the definition"):
        definition.fill(text() + MARKER, given)


def test_a_model_with_other_settings_still_has_a_valid_definition() -> None:
    other = dataclasses.replace(model(), name="other")
    built = definition.build(other, region="eu-west-1")
    assert check(built) == []
    assert all_steps(json.loads(built))["RegisterModel"]["Arguments"]["ModelPackageGroupName"] == "other"
