"""Batch transform jobs, asked for through boto3: objects through the model's own server and back to S3."""

from __future__ import annotations

import gzip
import json
import struct
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam_lab import EVERYTHING, deny, make_role
from tests.local.transform_lab import ECHO, TransformLab, lines
from tests.sagemaker_lab import IMAGE, SETTINGS

CSV = {"accept": "text/csv", "assemble": "Line"}
JSON_LINES = {"content": "application/jsonlines", "accept": "application/jsonlines", "assemble": "Line"}


@pytest.fixture(scope="session")
def lab(embedded: Any) -> TransformLab:
    return TransformLab(embedded)


@pytest.fixture(scope="session")
def model(lab: TransformLab) -> str:
    return lab.model()


def test_every_object_becomes_an_out_object_below_the_output_path(lab: TransformLab, model: str) -> None:
    lab.put("names/a.csv", "1\n22\n")
    lab.put("names/deep/b.csv", "333\n")
    job = lab.transform(model, "names/")
    assert job["TransformJobStatus"] == "Completed", job
    assert lab.outputs(job) == ["a.csv.out", "deep/b.csv.out"]
    assert lab.output(job, "a.csv") == "1,2\n2,2\n"
    assert job["TransformStartTime"] <= job["TransformEndTime"]


def test_one_object_keeps_its_own_name(lab: TransformLab, model: str) -> None:
    lab.put("single/only.csv", "1\n")
    assert lab.outputs(lab.transform(model, "single/only.csv")) == ["only.csv.out"]


def test_many_records_are_one_request_and_single_records_one_each(lab: TransformLab, model: str) -> None:
    lab.put("strategy/a.csv", "1\n22\n333\n")
    many = lab.transform(model, "strategy/", BatchStrategy="MultiRecord")
    single = lab.transform(model, "strategy/", BatchStrategy="SingleRecord", MaxConcurrentTransforms=3)
    assert lab.output(many, "a.csv") == "1,3\n2,3\n3,3\n"
    assert lab.output(single, "a.csv") == "1,1\n2,1\n3,1\n"


def test_requests_are_as_large_as_the_payload_allows_and_answers_keep_their_order(
    lab: TransformLab, model: str
) -> None:
    row = "x" * 1023 + "\n"
    lab.put("payload/a.csv", row * 2500)
    job = lab.transform(model, "payload/", MaxPayloadInMB=1, MaxConcurrentTransforms=2)
    counts = [line.split(",")[1] for line in lab.output(job, "a.csv").splitlines()]
    assert counts == ["1024"] * 2048 + ["452"] * 452


def test_without_a_split_the_whole_file_is_one_request(lab: TransformLab, model: str) -> None:
    lab.put("whole/a.json", json.dumps([1, 2]))
    job = lab.transform(model, "whole/", split="None", content="application/json")
    assert json.loads(lab.output(job, "a.json")) == {"seen": [1, 2]}


def test_a_record_or_a_file_that_is_too_large_fails_the_job(lab: TransformLab, model: str) -> None:
    lab.put("large/a.csv", "x" * (1024 * 1024 + 1))
    for split in ("Line", "None"):
        job = lab.transform(model, "large/", split=split, MaxPayloadInMB=1)
        assert job["TransformJobStatus"] == "Failed"
        assert job["FailureReason"] == "ClientError: See job logs for more information"
        lab.logged(
            "/aws/sagemaker/TransformJobs",
            job["TransformJobName"],
            f"[sagemaker logs]: {lab.bucket}/large/a.csv: Too much data for max payload size",
        )


def test_lines_are_cut_even_inside_quotes_as_aws_does(lab: TransformLab, model: str) -> None:
    lab.put("quoted/a.csv", '1,"two\nlines"\n')
    job = lab.transform(model, "quoted/", BatchStrategy="SingleRecord")
    assert lab.output(job, "a.csv") == "6,1\n6,1\n"


def test_record_io_is_cut_at_its_records(lab: TransformLab, model: str) -> None:
    def record(text: bytes) -> bytes:
        return struct.pack("<II", 0xCED7230A, len(text)) + text + b"\0" * (-len(text) % 4)

    lab.put("recordio/a.rec", record(b"ab") + record(b"cdefg"))
    how = {"split": "RecordIO", "content": "application/x-recordio", "BatchStrategy": "SingleRecord"}
    job = lab.transform(lab.model(ECHO_BYTES), "recordio/", **how)
    assert lab.output(job, "a.rec") == "12 16 "


ECHO_BYTES = """
def model_fn(model_dir):
    return None


def transform_fn(model, body, content_type, accept):
    return f"{len(body)} ", "text/plain"
"""


def test_assembling_by_line_puts_every_answer_on_a_line_of_its_own(lab: TransformLab) -> None:
    lab.put("assembled/a.csv", "a\nb\n")
    model = lab.model(ECHO_BYTES)
    joined = lab.transform(model, "assembled/", content="application/x", BatchStrategy="SingleRecord")
    by_line = lab.transform(model, "assembled/", content="application/x", BatchStrategy="SingleRecord", assemble="Line")
    assert lab.output(joined, "a.csv") == "2 2 "
    assert lab.output(by_line, "a.csv") == "2 \n2 \n"


def test_a_compressed_object_is_opened_first(lab: TransformLab, model: str) -> None:
    lab.put("gzip/a.csv.gz", gzip.compress(b"1\n22\n"))
    job = lab.transform(model, "gzip/", input={"CompressionType": "Gzip"})
    assert lab.output(job, "a.csv.gz") == "1,2\n2,2\n"


def test_a_bad_record_costs_its_file_and_fails_the_job_but_not_the_other_files(lab: TransformLab, model: str) -> None:
    lab.put("bad/a.csv", "1\n")
    lab.put("bad/b.csv", "1\nrefuse\n")
    lab.put("bad/c.csv", "1\n")
    job = lab.transform(model, "bad/")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert lab.outputs(job) == ["a.csv.out", "c.csv.out"]
    for said in ("ClientError: 400", '{"error": {"column": "age"}}'):
        lab.logged(
            "/aws/sagemaker/TransformJobs", job["TransformJobName"], f"[sagemaker logs]: {lab.bucket}/bad/b.csv: {said}"
        )


def test_an_error_of_the_models_code_is_an_algorithm_error(lab: TransformLab, model: str) -> None:
    lab.put("error/a.csv", "raise\n")
    job = lab.transform(model, "error/", ModelClientConfig={"InvocationsMaxRetries": 1})
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"


def test_a_server_that_dies_fails_the_job(lab: TransformLab, model: str) -> None:
    lab.put("death/a.csv", "die\n")
    job = lab.transform(model, "death/")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"


def test_a_model_that_cannot_be_loaded_fails_the_job_and_says_why(lab: TransformLab) -> None:
    lab.put("unloaded/a.csv", "1\n")
    job = lab.transform(lab.model("raise ImportError('no module named shap')"), "unloaded/")
    assert job["TransformJobStatus"] == "Failed"
    assert "no module named shap" in job["FailureReason"]


def test_the_container_is_told_about_the_batches_and_the_jobs_own_variables(lab: TransformLab, model: str) -> None:
    lab.put("told/a.csv", "environment\n")
    job = lab.transform(
        model,
        "told/",
        accept="application/json",
        Environment={"OWN": "yes"},
        BatchStrategy="SingleRecord",
        MaxPayloadInMB=2,
        MaxConcurrentTransforms=4,
    )
    told = json.loads(lab.output(job, "a.csv"))
    assert {key: told.get(key) for key in told if "BATCH" in key or "MAX" in key or key == "OWN"} == {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "2",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "4",
        "OWN": "yes",
    }
    assert (told["accept"], told["content"]) == ("application/json", "text/csv")


def test_csv_rows_are_filtered_scored_and_joined(lab: TransformLab, model: str) -> None:
    lab.put("joined/a.csv", 'id-1,10,"a,b"\nid-2,2000,c\n')
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-2,-1]"}
    job = lab.transform(model, "joined/", DataProcessing=processing, **CSV)
    assert job["TransformJobStatus"] == "Completed", job
    assert lab.output(job, "a.csv") == "id-1,8,2\nid-2,6,2\n"


def test_json_lines_are_filtered_scored_and_joined(lab: TransformLab, model: str) -> None:
    lab.put("lines/a.jsonl", lines({"id": 1, "features": {"x": "가"}}, {"id": 2, "features": {"x": 2}}))
    processing = {"InputFilter": "$.features", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"}
    job = lab.transform(model, "lines/", DataProcessing=processing, **JSON_LINES)
    assert [json.loads(line) for line in lab.output(job, "a.jsonl").splitlines()] == [
        {"id": 1, "SageMakerOutput": {"seen": {"x": "가"}}},
        {"id": 2, "SageMakerOutput": {"seen": {"x": 2}}},
    ]


def test_a_json_document_that_is_no_object_is_joined_as_input_and_output(lab: TransformLab, model: str) -> None:
    lab.put("document/a.json", "[1,2]")
    job = lab.transform(
        model,
        "document/",
        split="None",
        content="application/json",
        accept="application/json",
        DataProcessing={"JoinSource": "Input"},
    )
    assert json.loads(lab.output(job, "a.json")) == {"SageMakerInput": [1, 2], "SageMakerOutput": {"seen": [1, 2]}}


def test_a_filter_that_selects_nothing_costs_the_file(lab: TransformLab, model: str) -> None:
    lab.put("nothing/a.csv", "1,2\n")
    job = lab.transform(model, "nothing/", DataProcessing={"InputFilter": "$[5]"}, **CSV)
    assert job["FailureReason"] == "ClientError: See job logs for more information"


def test_several_instances_share_the_objects_and_load_a_server_each(lab: TransformLab, model: str) -> None:
    for number in range(5):
        lab.put(f"shared/{number}.csv", "1\n")
    job = lab.transform(model, "shared/", instances=2)
    assert job["TransformJobStatus"] == "Completed", job
    assert lab.outputs(job) == [f"{number}.csv.out" for number in range(5)]
    logs = lab.embedded.client("logs")
    streams = logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=job["TransformJobName"]
    )["logStreams"]
    assert sorted(each["logStreamName"].count("/data-log") for each in streams) == [0, 0, 1, 1]


WAITS = """
import threading


def model_fn(model_dir):
    return None


def transform_fn(model, body, content_type, accept):
    print("asked", flush=True)
    threading.Event().wait()
"""


def test_a_stopped_job_leaves_no_output(lab: TransformLab) -> None:
    lab.put("stopped/a.csv", "1\n")
    name = lab.begin(lab.model(WAITS), "stopped/")
    lab.logged("/aws/sagemaker/TransformJobs", name, "asked")
    lab.sagemaker.stop_transform_job(TransformJobName=name)
    job = lab.transformed(name)
    assert job["TransformJobStatus"] == "Stopped"
    assert lab.outputs(job) == []
    with pytest.raises(ClientError, match="is in status Stopped"):
        lab.sagemaker.stop_transform_job(TransformJobName=name)


def test_a_job_works_with_the_rights_of_its_models_role(lab: TransformLab) -> None:
    lab.put("rights/a.csv", "1\n")
    iam, name = lab.embedded.client("iam"), f"transform-{uuid.uuid4().hex[:8]}"
    data = f"arn:aws:s3:::{lab.bucket}/rights/*"
    role = make_role(iam, name, "sagemaker.amazonaws.com", may=[EVERYTHING, deny("s3:GetObject", on=[data])])
    job = lab.transform(lab.model(ExecutionRoleArn=role), "rights/")
    assert job["TransformJobStatus"] == "Failed"

    name = f"transform-{uuid.uuid4().hex[:8]}"
    role = make_role(iam, name, "sagemaker.amazonaws.com", may=[EVERYTHING, deny("ecr:BatchGetImage")])
    job = lab.transform(lab.model(ExecutionRoleArn=role), "rights/")
    assert "not authorized to perform: ecr:BatchGetImage" in job["FailureReason"]


def test_a_model_package_can_be_scored_with(lab: TransformLab) -> None:
    lab.put("package/a.csv", "1\n")
    container = {"Image": IMAGE, "ModelDataUrl": lab.archive("package", ECHO), "Environment": SETTINGS}
    package = lab.sagemaker.create_model_package(
        ModelPackageName=f"package-{uuid.uuid4().hex[:8]}",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    model = f"from-package-{uuid.uuid4().hex[:8]}"
    lab.sagemaker.create_model(
        ModelName=model, ExecutionRoleArn=lab.role, PrimaryContainer={"ModelPackageName": package}
    )
    assert lab.output(lab.transform(model, "package/"), "a.csv") == "1,1\n"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"split": "None", "BatchStrategy": "MultiRecord"}, "BatchStrategy needs a SplitType"),
        ({"MaxPayloadInMB": 50, "MaxConcurrentTransforms": 3}, "must not exceed 100 MB"),
        ({"DataProcessing": {"InputFilter": "features"}, **CSV}, "does not begin with $"),
        ({"DataProcessing": {"InputFilter": "$..x"}, **CSV}, "is not understood at '..x'"),
        ({"DataProcessing": {"InputFilter": "$.x"}, **CSV}, "have indexes only"),
        ({"DataProcessing": {"JoinSource": "Input"}, "accept": "text/csv"}, "needs SplitType and AssembleWith"),
        ({"DataProcessing": {"JoinSource": "Input"}, "assemble": "Line"}, "ContentType and Accept to be the same"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://b/c"}}, "DataCaptureConfig is not available"),
        ({"ModelName": "nobody"}, "Could not find model"),
    ],
)
def test_a_request_that_does_not_fit_together_is_refused(
    lab: TransformLab, model: str, how: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError) as caught:
        lab.begin(model, "any/", **how)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert said in caught.value.response["Error"]["Message"]


def test_an_input_without_objects_fails_the_job(lab: TransformLab, model: str) -> None:
    job = lab.transform(model, "nothing-is-here/")
    assert job["TransformJobStatus"] == "Failed"
    assert "No S3 objects found under S3 URL" in job["FailureReason"]


def test_jobs_are_listed_by_name_and_state(lab: TransformLab, model: str) -> None:
    lab.put("listed/a.csv", "1\n")
    job = lab.transform(model, "listed/")
    listed = lab.sagemaker.list_transform_jobs(NameContains=job["TransformJobName"], StatusEquals="Completed")
    assert [each["TransformJobArn"] for each in listed["TransformJobSummaries"]] == [job["TransformJobArn"]]
