"""`make cdk-check`: the pinned real CDK CLI against a private embedded AWS, from bootstrap to destroy.

Prod is deployed first and alone, with its own credentials: no account needs another one's stacks.
In between the pipeline runs on demo data and its model is approved, because the point is the second deployment:
the endpoint belongs to the serving stack, so `cdk deploy` after an approval must leave it as it is.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import ACCOUNT, REGION, Embedded  # noqa: E402

from millrace import demo_data  # noqa: E402

CDK = ROOT / "node_modules" / ".bin" / "cdk"
MODEL = "claims-fraud"
RAW_BUCKET = f"millrace-dev-raw-{ACCOUNT}-{REGION}"
ROWS = 3000
PROD = "333333333333"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        aws = Embedded(Path(folder) / "aws")
        try:
            check(aws, Path(folder))
        finally:
            aws.stop()
    print("ok: the CDK CLI and the embedded AWS agree")
    return 0


def check(aws: Embedded, folder: Path) -> None:
    for account, stage in ((PROD, "Prod"), (ACCOUNT, "Dev")):
        cdk(aws, folder, "bootstrap", f"aws://{account}/{REGION}", account=account)
        cdk(aws, folder, "deploy", f"{stage}/*", "--require-approval", "never", account=account)
        found = set(stacks(aws, account=account).values())
        assert found == {"CREATE_COMPLETE"}, f"{stage} is {found}"
    approve(aws, train(aws, folder))
    before = endpoint(aws)
    cdk(aws, folder, "deploy", "Dev/*", "--require-approval", "never")
    after = endpoint(aws)
    assert after == before, f"the second deployment changed the endpoint: {before} -> {after}"
    forget_versions(aws)
    cdk(aws, folder, "destroy", "Dev/*", "--force")
    assert not stacks(aws), f"destroy left {stacks(aws)}"
    cdk(aws, folder, "destroy", "Prod/*", "--force", account=PROD)
    assert not stacks(aws, account=PROD), f"destroy left {stacks(aws, account=PROD)}"


def cdk(aws: Embedded, folder: Path, *arguments: str, account: str = ACCOUNT) -> None:
    began = time.monotonic()
    command = [str(CDK), *arguments, "--output", str(folder / "cdk.out"), "--no-notices", "--ci"]
    env = {
        **aws.env(account=account),
        "HOME": str(folder),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_VALIDATION": "false",
    }
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        log = (aws.folder / "server.log").read_text().splitlines()[-40:]
        raise SystemExit("\n".join([done.stdout, "--- the embedded AWS says:", *log, f"cdk {arguments[0]} failed"]))
    print(f"cdk {' '.join(arguments)}: {time.monotonic() - began:.1f} s", flush=True)


def train(aws: Embedded, folder: Path) -> str:
    """Drop a data set and wait for what it starts; the ARN of the model package that the run registers."""
    data = demo_data.generate(folder / "data", rows=ROWS)
    for table, file in (("claims", data.claims), ("customers", data.customers)):
        aws.client("s3").upload_file(str(file), RAW_BUCKET, f"raw/{MODEL}/{table}/{file.name}")
    sagemaker = aws.client("sagemaker")

    def ended() -> dict[str, Any] | None:
        runs = sagemaker.list_pipeline_executions(PipelineName=MODEL)["PipelineExecutionSummaries"]
        return next((run for run in runs if run["PipelineExecutionStatus"] in ("Succeeded", "Failed")), None)

    run = until(ended, "a run of the pipeline to end")
    arn = run["PipelineExecutionArn"]
    answer = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    assert answer["PipelineExecutionStatus"] == "Succeeded", answer.get("FailureReason")
    package = sagemaker.list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"][0]
    return str(package["ModelPackageArn"])


def approve(aws: Embedded, package: str) -> None:
    aws.client("sagemaker").update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    until(lambda: endpoint(aws).get("EndpointStatus") == "InService", "the endpoint to be InService")
    until(lambda: set(stacks(aws).values()) <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}, "the stacks to settle")


def forget_versions(aws: Embedded) -> None:
    """A group that holds versions cannot be deleted, here as on AWS: README.md, "Clean up"."""
    sagemaker = aws.client("sagemaker")
    for package in sagemaker.list_model_packages(ModelPackageGroupName=MODEL)["ModelPackageSummaryList"]:
        sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])


def endpoint(aws: Embedded) -> dict[str, Any]:
    """What must not change: which endpoint, with which configuration, since when."""
    client = aws.client("sagemaker")
    try:
        answer = client.describe_endpoint(EndpointName=MODEL)
    except client.exceptions.ClientError:
        return {}
    return {
        name: answer[name]
        for name in ("EndpointArn", "EndpointConfigName", "EndpointStatus", "CreationTime", "LastModifiedTime")
    }


def stacks(aws: Embedded, *, account: str = ACCOUNT) -> dict[str, str]:
    """Ours in the account, by name with their states."""
    found = aws.client("cloudformation", account=account).describe_stacks()["Stacks"]
    return {stack["StackName"]: stack["StackStatus"] for stack in found if stack["StackName"] != "CDKToolkit"}


def until(condition: Callable[[], Any], what: str, *, seconds: float = 180.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.1)
    raise SystemExit(f"waited {seconds:.0f} s in vain for {what}")


if __name__ == "__main__":
    sys.exit(main())
