"""Stand-ins for values only CloudFormation knows, and their replacement. `stacks/build.py` calls `fill` at synth.

CDK tokens break the SageMaker SDK (a role token makes it call IAM, `s3://${Token}` breaks its URL parsing), so
the definition is built and validated with well-formed stand-ins, and each is replaced in the finished text.
"""

from __future__ import annotations

from collections.abc import Mapping

MARKER = "sentinel0"

SENTINELS: Mapping[str, str] = {
    "job_role": f"arn:aws:iam::000000000000:role/{MARKER}-job-role",
    "kms_key": f"arn:aws:kms:us-east-1:000000000000:key/{MARKER}-kms-key",
    "artifact_bucket": f"{MARKER}-artifact-bucket",
    "code_bucket": f"{MARKER}-code-bucket",
    "code_zip_key": f"{MARKER}-code-archive.zip",
    "code_tar_key": f"{MARKER}-code-archive.gz",
    "code_digest": f"{MARKER}-code-digest",
    "resolve_champion": f"arn:aws:lambda:us-east-1:000000000000:function:{MARKER}-resolve-champion",
    "read_verdict": f"arn:aws:lambda:us-east-1:000000000000:function:{MARKER}-read-verdict",
}


class SentinelError(ValueError):
    """The values given do not fit the stand-ins found in the definition."""


def fill(text: str, values: Mapping[str, str], *, stand_ins: Mapping[str, str] = SENTINELS) -> str:
    """Replace every stand-in in a definition by the value of the same name.

    Raises SentinelError naming what is wrong when a value is missing or unknown, when a stand-in was never
    used (the definition lost something it must carry), or when one is left afterwards in a form of its own.
    """
    problems = _mismatches(text, values, stand_ins)
    if problems:
        raise SentinelError("; ".join(problems))
    for name, stand_in in stand_ins.items():
        text = text.replace(stand_in, values[name])
    if MARKER in text:
        start = max(text.index(MARKER) - 40, 0)
        raise SentinelError(f"a stand-in is left in the definition near {text[start : start + 120]!r}")
    return text


def _mismatches(text: str, values: Mapping[str, str], stand_ins: Mapping[str, str]) -> list[str]:
    allowed = ", ".join(stand_ins)
    return [
        *(f"no value for {name!r}; give one for each of: {allowed}" for name in stand_ins if name not in values),
        *(f"unknown name {name!r}; allowed: {allowed}" for name in values if name not in stand_ins),
        *(f"the definition does not use {name!r}" for name, text_ in stand_ins.items() if text_ not in text),
    ]
