"""How a denial becomes a sentence that names the statement to look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from shared.grants import Sides, denied, missing_grant

from tests.deploy_lab import BUCKET, GROUP, TRAINER, arn

LAMBDAS = Path(__file__).parents[2] / "lambda"
PROD = Sides("millrace-prod-deploy-model", "333333333333", TRAINER)
DEV = Sides("millrace-dev-deploy-model", TRAINER, TRAINER)
DEPLOYER = "millrace-prod-deploy-model"
PROD_ID = "333333333333"
OF_GROUP = f"of the policy of the model package group claims-fraud in account {TRAINER} must allow"
OF_BUCKET = f"of the policy of the bucket {BUCKET}"
MODEL_DATA, KEY = f"s3://{BUCKET}/runs/1/m.gz", f"arn:aws:kms:r:{TRAINER}:key/1"
ENDPOINT = "arn:aws:sagemaker:r:333333333333:endpoint/m"


def user(role: str, action: str, on: str, why: str = "no resource-based policy") -> str:
    who = f"arn:aws:sts::333333333333:assumed-role/{role}/session"
    return (
        f"User: {who} is not authorized to perform: {action} on resource: {on} because {why} allows the {action} action"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            user("millrace-prod-serving-update", "sagemaker:CreateModel", arn(3)),
            f"statement DeployersMayMakeModels {OF_GROUP} millrace-prod-serving-update of account 333333333333 "
            f"sagemaker:CreateModel on {arn(3)}",
        ),
        (
            user(DEPLOYER, "sagemaker:ListModelPackages", GROUP),
            f"statement DeployersMayReadVersions {OF_GROUP} {DEPLOYER} of account 333333333333 "
            f"sagemaker:ListModelPackages on {GROUP}",
        ),
        (
            user(DEPLOYER, "sagemaker:UpdateModelPackage", arn(3)),
            f"statement DeployersMayRecordAndReject {OF_GROUP} {DEPLOYER} of account 333333333333 "
            f"sagemaker:UpdateModelPackage on {arn(3)}",
        ),
        (
            user(DEPLOYER, "s3:GetObject", f"arn:aws:s3:::{BUCKET}/runs/1/m"),
            f"statement DeployersMayReadModels {OF_BUCKET} in account {TRAINER} must allow {DEPLOYER} of account "
            f"333333333333 s3:GetObject on arn:aws:s3:::{BUCKET}/runs/1/m",
        ),
        (
            user(DEPLOYER, "s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
            f"statement DeployersMayListModels {OF_BUCKET} in account {TRAINER} must allow {DEPLOYER} of account "
            f"333333333333 s3:ListBucket on arn:aws:s3:::{BUCKET}",
        ),
        (
            user("millrace-prod-endpoint", "kms:Decrypt", KEY),
            f"statement DeployersMayDecryptModels of the policy of the artifacts' key in account {TRAINER} must allow "
            f"millrace-prod-endpoint of account 333333333333 kms:Decrypt on {KEY}",
        ),
        (
            f"Could not access model data at {MODEL_DATA}. Please ensure that the role "
            '"arn:aws:iam::333333333333:role/millrace-prod-endpoint" exists',
            f"statement DeployersMayReadModels {OF_BUCKET} and statement DeployersMayDecryptModels of the policy of "
            f"the artifacts' key in account {TRAINER} must allow millrace-prod-endpoint of account {PROD_ID} "
            f"s3:GetObject on {MODEL_DATA}",
        ),
        (
            user(DEPLOYER, "s3:GetObject", "arn:aws:s3:::b/k", "no identity-based policy"),
            f"the identity-based policy of {DEPLOYER} in account {PROD_ID} must allow s3:GetObject on arn:aws:s3:::b/k",
        ),
        (
            user(DEPLOYER, "s3:GetObject", "arn:aws:s3:::b/k", "no permissions boundary"),
            f"the permissions boundary of {DEPLOYER} in account {PROD_ID} must allow s3:GetObject on arn:aws:s3:::b/k",
        ),
        (
            user("millrace-prod-smoke-test", "sagemaker:InvokeEndpoint", ENDPOINT),
            "the own policy of millrace-prod-smoke-test in account 333333333333 must allow sagemaker:InvokeEndpoint on "
            f"{ENDPOINT}",
        ),
        (
            f"User: arn:aws:sts::333333333333:assumed-role/{DEPLOYER}/s is not authorized to perform: s3:GetObject on "
            "resource: arn:aws:s3:::b/k with an explicit deny in a resource-based policy",
            f"an explicit deny in a resource-based policy keeps {DEPLOYER} of account {PROD_ID} from s3:GetObject "
            "on arn:aws:s3:::b/k",
        ),
        (
            "Access denied for a reason of its own",
            f"{DEPLOYER} of account 333333333333 lacks a right: Access denied for a reason of its own",
        ),
    ],
)
def test_a_denial_names_the_statement_the_policy_the_account_the_role_and_the_right(text: str, sentence: str) -> None:
    assert denied(text)
    assert missing_grant(text, PROD) == sentence


def test_in_the_training_account_it_is_the_roles_own_policy() -> None:
    told = missing_grant("AccessDenied: Access Denied", DEV, action="s3:GetObject", on=f"s3://{BUCKET}/runs/")
    assert told == (
        f"the own policy of millrace-dev-deploy-model in account {TRAINER} must allow s3:GetObject on s3://{BUCKET}/runs/"
    )


@pytest.mark.parametrize("text", ["Rate exceeded", "an alarm went off", "did not pass the ping health check"])
def test_what_is_no_denial_is_none(text: str) -> None:
    assert not denied(text)
