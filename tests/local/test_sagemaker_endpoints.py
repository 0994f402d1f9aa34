"""Endpoints that serve a model's own inference code, and InvokeEndpoint, through boto3."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sagemaker_lab import ANSWERS, IMAGE, INFERENCE, SETTINGS, EndpointLab, tar_gz


@pytest.fixture(scope="session")
def lab(embedded: Any) -> EndpointLab:
    return EndpointLab(embedded)


@pytest.fixture(scope="session")
def served(lab: EndpointLab) -> str:
    return lab.serve(lab.config("first"))


def test_an_endpoint_answers_with_its_own_inference_code(lab: EndpointLab, served: str) -> None:
    answer = lab.invoke(served, "1,2", ContentType="text/csv", Accept="application/json")
    assert json.loads(answer["Body"].read()) == ["first", "str", "text/csv", "application/json"]
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_only_json_and_csv_reach_the_code_as_text(lab: EndpointLab, served: str) -> None:
    answer = lab.runtime.invoke_endpoint(EndpointName=served, Body=b"\x00", ContentType="application/x-parquet")
    assert json.loads(answer["Body"].read())[1:3] == ["bytes", "application/x-parquet"]


def test_a_refusal_of_the_code_is_a_model_error_and_the_process_survives(lab: EndpointLab, served: str) -> None:
    with pytest.raises(lab.runtime.exceptions.ModelError) as caught:
        lab.invoke(served, "refuse", ContentType="text/csv")
    answer = caught.value.response
    assert answer["OriginalStatusCode"] == 400
    assert json.loads(answer["OriginalMessage"]) == {"error": {"column": "age"}}
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["LogStreamArn"].endswith(f"log-group:/aws/sagemaker/Endpoints/{served}")
    assert "Received client error (400) from primary" in answer["Error"]["Message"]
    assert lab.name_served(served) == "first"


def test_an_exception_of_the_code_is_a_500_as_in_the_image(lab: EndpointLab, served: str) -> None:
    with pytest.raises(lab.runtime.exceptions.ModelError) as caught:
        lab.invoke(served, "raise", ContentType="text/csv")
    assert caught.value.response["OriginalStatusCode"] == 500
    assert "Internal Server Error" in caught.value.response["OriginalMessage"]
    assert lab.name_served(served) == "first"


def test_the_code_may_answer_with_the_toolkits_response(lab: EndpointLab, served: str) -> None:
    with pytest.raises(lab.runtime.exceptions.ModelError) as caught:
        lab.invoke(served, "toolkit", ContentType="text/csv")
    assert caught.value.response["OriginalStatusCode"] == 422
    assert caught.value.response["OriginalMessage"] == "no"


PARTS = """
import json
from sagemaker_containers.beta.framework import errors


def model_fn(model_dir):
    return 2


def input_fn(body, content_type):
    if content_type != "text/csv":
        raise errors.UnsupportedFormatError(content_type)
    return [float(each) for each in body.split(",")]


def predict_fn(data, model):
    return [each * model for each in data]


def output_fn(prediction, accept):
    if accept != "application/json":
        raise errors.UnsupportedFormatError(accept)
    return json.dumps(prediction), accept
"""


def test_code_in_three_parts_is_served_too(lab: EndpointLab) -> None:
    name = lab.serve(lab.config("parts", lab.archive("parts", PARTS)))
    answer = lab.invoke(name, "1,2", ContentType="text/csv", Accept="application/json")
    assert json.loads(answer["Body"].read()) == [2.0, 4.0]
    for status, changes in ((415, {"ContentType": "a/b"}), (406, {"ContentType": "text/csv", "Accept": "a/b"})):
        with pytest.raises(lab.runtime.exceptions.ModelError) as caught:
            lab.invoke(name, "1,2", **changes)
        assert caught.value.response["OriginalStatusCode"] == status


def test_the_answer_has_the_type_that_the_code_gave_it(lab: EndpointLab, served: str) -> None:
    answer = lab.invoke(served, "connect 127.0.0.1:1", ContentType="text/csv", Accept="text/csv")

    assert (answer["Body"].read(), answer["ContentType"]) == (b"out of reach", "text/csv; charset=utf-8")


@pytest.mark.parametrize("member", ["TargetModel", "SessionId", "EnableExplanations"])
def test_a_member_of_the_request_that_no_endpoint_here_heeds_is_refused(
    lab: EndpointLab, served: str, member: str
) -> None:
    value = "NEW_SESSION" if member == "SessionId" else "a"

    with pytest.raises(ClientError, match=f"{member} is not available at endpoints of the embedded AWS"):
        lab.invoke(served, "1", ContentType="text/csv", **{member: value})


def with_code_in_s3(lab: EndpointLab, files: dict[str, str], **model: Any) -> str:
    """A configuration as the SageMaker SDK's models of a framework make it: the code is an archive beside the model."""
    model_data = lab.put("apart/model.tar.gz", tar_gz({"model.json": json.dumps({"name": "apart"})}))
    code = lab.put(f"apart/{uuid.uuid4().hex}/sourcedir.tar.gz", tar_gz(files))
    container = {"Image": IMAGE, "ModelDataUrl": model_data}
    settings = SETTINGS | {"SAGEMAKER_SUBMIT_DIRECTORY": code}
    return lab.config("apart", PrimaryContainer={**container, "Environment": settings}, **model)


def test_code_that_lies_in_s3_is_fetched_for_the_model(lab: EndpointLab) -> None:
    name = lab.serve(with_code_in_s3(lab, {"inference.py": INFERENCE, "answers.py": ANSWERS}))

    assert lab.name_served(name) == "apart"


@pytest.mark.parametrize(
    ("files", "model", "said"),
    [
        ({"requirements.txt": "x"}, {}, "installs nothing"),
        ({}, {"EnableNetworkIsolation": True}, "an isolated container cannot reach S3"),
    ],
)
def test_code_in_s3_that_cannot_be_used_fails_the_endpoint(
    lab: EndpointLab, files: dict[str, str], model: dict[str, Any], said: str
) -> None:
    config = with_code_in_s3(lab, {"inference.py": INFERENCE, "answers.py": ANSWERS} | files, **model)
    name = f"endpoint-{uuid.uuid4().hex[:6]}"
    lab.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)

    failed = lab.settled(name)
    assert failed["EndpointStatus"] == "Failed"
    assert said in failed["FailureReason"]


def test_a_process_that_dies_is_started_again(lab: EndpointLab) -> None:
    name = lab.serve(lab.config("mortal"))
    with pytest.raises(lab.runtime.exceptions.ModelError, match="closed the connection"):
        lab.invoke(name, "die", ContentType="text/csv")
    assert lab.name_served(name) == "mortal"


def test_an_unknown_endpoint_is_a_validation_error(lab: EndpointLab) -> None:
    with pytest.raises(ClientError, match=r"\(ValidationError\).*Endpoint nobody of account 111111111111 not found"):
        lab.invoke("nobody", "x")


def test_a_body_of_more_than_6_mb_is_refused(lab: EndpointLab, served: str) -> None:
    with pytest.raises(ClientError, match="less than or equal to 6291456"):
        lab.invoke(served, "x" * (6 * 1024 * 1024 + 1))


def test_a_model_that_does_not_load_fails_the_endpoint_with_its_exception(lab: EndpointLab) -> None:
    broken = "def model_fn(folder):\n    raise OSError('features.json is missing')\n\ntransform_fn = print\n"
    name = f"broken-{uuid.uuid4().hex[:6]}"
    config = lab.config("broken", lab.archive("broken", broken))
    lab.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    endpoint = lab.settled(name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert "OSError: features.json is missing (inference.py, line 2)" in endpoint["FailureReason"]


def test_an_update_serves_the_new_model_without_losing_a_request(lab: EndpointLab) -> None:
    name = lab.serve(lab.config("old"))
    config = lab.config("new")
    seen: list[str] = []
    failures: list[Exception] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                seen.append(lab.name_served(name))
            except Exception as error:  # noqa: BLE001 - any failure is the finding
                failures.append(error)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    lab.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    assert lab.settled(name)["EndpointStatus"] == "InService"
    assert lab.name_served(name) == "new"
    done.set()
    for thread in asking:
        thread.join()
    assert failures == []
    assert set(seen) <= {"old", "new"}
    assert lab.describe(name)["EndpointConfigName"] == config


def test_an_update_that_fails_leaves_the_old_model_serving(lab: EndpointLab) -> None:
    before = lab.config("steady")
    name = lab.serve(before)
    broken = lab.config("broken", lab.archive("broken", "raise ImportError('no such module')\n"))
    lab.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    endpoint = lab.settled(name)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == before
    assert "ImportError: no such module" in endpoint["FailureReason"]
    assert lab.name_served(name) == "steady"


def test_an_isolated_model_reaches_nothing(lab: EndpointLab) -> None:
    name = lab.serve(lab.config("alone", EnableNetworkIsolation=True))
    server = lab.embedded.url.removeprefix("http://")
    answer = lab.invoke(name, f"connect {server}", ContentType="text/csv")
    assert answer["Body"].read() == b"out of reach"
    assert (
        lab.invoke(lab.serve(lab.config("open")), f"connect {server}", ContentType="text/csv")["Body"].read()
        == b"reached"
    )


def test_traffic_goes_by_weight_or_to_the_variant_asked_for(lab: EndpointLab) -> None:
    models = [lab.config(name) for name in ("champion", "challenger")]
    variants = [
        {
            "VariantName": model.split("-")[0],
            "ModelName": model,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": weight,
        }
        for model, weight in zip(models, (1.0, 0.0), strict=True)
    ]
    config = f"both-{uuid.uuid4().hex[:6]}"
    lab.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants)
    name = lab.serve(config)
    assert {lab.name_served(name) for _ in range(5)} == {"champion"}
    assert json.loads(lab.invoke(name, "x", TargetVariant="challenger")["Body"].read())[0] == "challenger"
    lab.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "champion", "DesiredWeight": 0.0},
            {"VariantName": "challenger", "DesiredWeight": 1.0, "DesiredInstanceCount": 2},
        ],
    )
    counts = {each["VariantName"]: each["CurrentInstanceCount"] for each in lab.settled(name)["ProductionVariants"]}
    assert counts == {"champion": 1, "challenger": 2}
    assert {lab.name_served(name) for _ in range(5)} == {"challenger"}


def test_a_further_instance_gets_the_data_that_are_in_s3_then(lab: EndpointLab) -> None:
    url = lab.archive("first")
    name = lab.serve(lab.config("first", url))
    bucket, key = url.removeprefix("s3://").split("/", 1)
    lab.embedded.client("s3").put_object(Bucket=bucket, Key=key, Body=b"no archive")
    two = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]

    lab.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=two)
    found = lab.settled(name)

    assert "Failed to extract model data" in found["FailureReason"]
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert lab.name_served(name) == "first"


def test_an_archive_that_leads_out_of_its_folder_is_refused(lab: EndpointLab) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("../../escaped.txt")
        archive.addfile(info, io.BytesIO())
    config = lab.config("escape", lab.put("escape/model.tar.gz", buffer.getvalue()))
    name = f"escape-{uuid.uuid4().hex[:6]}"
    lab.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    endpoint = lab.settled(name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "leads out of its folder" in endpoint["FailureReason"]


def test_a_deleted_endpoint_is_gone(lab: EndpointLab) -> None:
    name = lab.serve(lab.config("short"))
    lab.sagemaker.delete_endpoint(EndpointName=name)
    lab.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 0.05})
    with pytest.raises(ClientError, match="not found"):
        lab.invoke(name, "x")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        lab.sagemaker.delete_endpoint(EndpointName=name)


def test_a_model_without_its_data_is_refused(lab: EndpointLab) -> None:
    with pytest.raises(ClientError, match="Could not access model data"):
        lab.config("nothing", f"s3://{lab.bucket}/nothing/model.tar.gz")


def test_an_approved_package_can_be_deployed_and_a_pending_one_cannot(lab: EndpointLab) -> None:
    group = f"group-{uuid.uuid4().hex[:6]}"
    lab.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    container = {"Image": IMAGE, "ModelDataUrl": lab.archive("packaged"), "Environment": SETTINGS}
    arn = lab.sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    with pytest.raises(ClientError, match="must be Approved"):
        lab.config("package", PrimaryContainer={"ModelPackageName": arn})
    lab.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    assert lab.name_served(lab.serve(lab.config("package", PrimaryContainer={"ModelPackageName": arn}))) == "packaged"


def test_an_endpoint_serves_again_after_a_restart(embedded_factory: Callable[..., Any], tmp_path: Path) -> None:
    lab = EndpointLab(embedded_factory(tmp_path))
    name = lab.serve(lab.config("lasting"))
    lab.embedded.stop()
    again = embedded_factory(tmp_path)
    again.client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 0.05})
    answer = again.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=b"x")
    assert json.loads(answer["Body"].read())[0] == "lasting"
