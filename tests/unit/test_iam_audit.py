"""The audit log on disk: everything is in it, filters find it, and it does not grow for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from millrace import decisions
from millrace.decisions import Filter
from millrace.local.iam.audit import AuditLog


def decision(number: int, **more: Any) -> dict[str, Any]:
    role = "arn:aws:iam::111111111111:role/job"
    return {
        "role": role,
        "action": "s3:GetObject",
        "resource": str(number),
        "allowed": True,
        "policy": "own",
        "statement": "0",
        **more,
    }


def test_decisions_are_read_in_their_order_and_the_newest_are_kept(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    for number in range(5):
        log.add(decision(number))

    found = log.read({"limit": 2})

    assert [each["resource"] for each in found] == ["3", "4"]


def test_a_filter_takes_a_role_by_name_and_actions_by_pattern(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.add(decision(1))
    log.add(decision(2, action="kms:Decrypt", allowed=False))
    log.add(decision(3, role="arn:aws:iam::111111111111:role/other"))

    assert [each["resource"] for each in log.read({"role": "job"})] == ["1", "2"]
    assert [each["resource"] for each in log.read({"action": "KMS:*"})] == ["2"]
    assert [each["resource"] for each in log.read({"denied": True})] == ["2"]


def test_a_full_log_becomes_the_older_half_and_both_are_read(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, largest=10)
    for number in range(2):
        log.add(decision(number))
        log.flush()

    assert (tmp_path / decisions.OLDER).exists()
    assert [each["resource"] for each in decisions.read(tmp_path, Filter())] == ["0", "1"]


def test_uses_count_what_each_statement_allowed(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    for allowed in (True, True, False):
        log.add(decision(1, allowed=allowed))
    log.flush()

    ((use, times),) = decisions.uses(tmp_path, "job").items()

    assert (use.policy, use.statement, use.action, times) == ("own", "0", "s3:GetObject", 2)


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    (tmp_path / decisions.FILE).write_text('{"role": "", "allowed": true, "action": "a"}\n{"role": "')

    assert len(decisions.read(tmp_path, Filter())) == 1
