"""The story of a version, from the records that its registry keeps."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from millrace.cli import accounts, story
from millrace.cli.accounts import Account
from millrace.cli.serving import Package, Version

SECOND = "2026-11-01T00:00:07Z"
RECORDS = {
    "approved_by": f"approved {SECOND} by me",
    "dev_deployed": f"deployed {SECOND} by millrace-dev-deploy-model",
    "dev_smoke": f"passed {SECOND} by millrace-dev-smoke-test",
    "production_by": f"approved {SECOND} by me",
    "prod_deployed": f"deployed {SECOND} by millrace-prod-deploy-model",
    "prod_back": f"rolled back {SECOND} by millrace-prod-deploy-model",
}
VERSION = Version("arn:aws:sagemaker:r:1:model-package/m/3", "Approved", datetime(2026, 11, 1, tzinfo=UTC))


def test_what_happens_within_a_second_is_told_as_one_thing_follows_another(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [Account("dev", "1", "r"), Account("prod", "3", "r", deploys_on="Production", after="dev")]
    monkeypatch.setattr(accounts, "known", lambda: known)
    for records in itertools.permutations(RECORDS.items()):
        told = story.entries(Package(VERSION, records=dict(records)))
        assert [(entry.what, entry.where) for entry in told] == [
            ("registered", ""),
            ("approved", ""),
            ("deployed", "dev"),
            ("smoke test", "dev"),
            ("promoted", "production"),
            ("deployed", "prod"),
            ("rolled back", "prod"),
        ]
