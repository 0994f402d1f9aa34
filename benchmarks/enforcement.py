"""What deciding a request costs: the same calls of a role's session, enforcement on and off, taking turns in one run.

    python benchmarks/enforcement.py [--calls 300]

The session's role has ten policies. `MILLRACE_IAM=off` exists for this benchmark alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.embedded import ACCOUNT, REGION, Embedded

AIM_MILLISECONDS = 0.5
POLICIES = 10
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    ],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=300, help="calls of each kind to each server")
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        servers = [Embedded(Path(folder) / "on"), Embedded(Path(folder) / "off", MILLRACE_IAM="off")]
        try:
            kinds = [calls_of(server) for server in servers]
            print(f"{'':24}{'on':>10}{'off':>10}{'cost':>10}   median of {calls}, aim < {AIM_MILLISECONDS} ms")
            for name in kinds[0]:
                on, off = medians(kinds[0][name], kinds[1][name], calls)
                verdict = "met" if on - off < AIM_MILLISECONDS else "MISSED"
                print(f"{name:24}{on:7.2f} ms{off:7.2f} ms{on - off:7.2f} ms   {verdict}")
        finally:
            for server in servers:
                server.stop()
    return 0


def medians(on: Callable[[], Any], off: Callable[[], Any], calls: int) -> tuple[float, float]:
    """Medians in milliseconds; the two take turns, so that both meet the same noise."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(calls):
        for call, values in zip((on, off), taken, strict=True):
            began = time.perf_counter()
            call()
            values.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken[0]), statistics.median(taken[1])


def calls_of(server: Embedded) -> dict[str, Callable[[], Any]]:
    """One call of each kind, by a session whose role may make them."""
    root = server.session
    iam = root.client("iam", endpoint_url=server.url)
    role = iam.create_role(RoleName="caller", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    for number in range(POLICIES):
        on = "*" if number == POLICIES - 1 else f"arn:aws:s3:::other-{number}/*"
        statement = {"Effect": "Allow", "Action": ["s3:*", "sqs:*", "sagemaker:*"], "Resource": on}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName="caller", PolicyName=f"policy-{number}", PolicyDocument=document)
    sts = root.client("sts", endpoint_url=server.url)
    keys = sts.assume_role(RoleArn=role, RoleSessionName="benchmark")["Credentials"]
    session = boto3.session.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], REGION)
    s3, sqs, sagemaker = (session.client(name, endpoint_url=server.url) for name in ("s3", "sqs", "sagemaker"))
    s3.create_bucket(Bucket="benchmark", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="benchmark", Key="object", Body=b"x" * 1000)
    queue = sqs.create_queue(QueueName="benchmark")["QueueUrl"]
    return {
        "s3 GetObject": lambda: s3.get_object(Bucket="benchmark", Key="object")["Body"].read(),
        "s3 PutObject": lambda: s3.put_object(Bucket="benchmark", Key="object", Body=b"x" * 1000),
        "sqs SendMessage": lambda: sqs.send_message(QueueUrl=queue, MessageBody="x"),
        "sagemaker ListPipelines": sagemaker.list_pipelines,
    }


if __name__ == "__main__":
    sys.exit(main())
