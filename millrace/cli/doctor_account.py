"""The doctor's checks of an account: whose it is, what it must hold before the first deployment, where images are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from millrace.cli import model_files
from millrace.cli.accounts import Account
from millrace.cli.connect import Connection, Options
from millrace.cli.findings import Finding, bad, good, look, skipped
from millrace.cli.needs import Image, Needs
from millrace.errors import MillraceError

SCALING_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
SCALING_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
SERVICES = ("sagemaker", "events", "scheduler", "lambda", "sqs", "dynamodb", "kms", "cloudwatch")
LOCAL = "the embedded AWS does not show this; ask again with --profile for the account on AWS"


def connect(options: Options) -> tuple[Connection | None, Finding | None]:
    """The connection, or why there is none."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        plain = Options(profile=options.profile, region=options.region, account=None)
        connection = plain.connect() if options.profile else options.connect()
        assert connection.account
    except (MillraceError, BotoCoreError, ClientError) as error:
        why = "every call is made with the credentials of the profile"
        todo = "log in (aws sso login, aws configure), or name another profile" if options.profile else "millrace up"
        return None, bad("credentials", str(error), why=why, todo=todo)
    return connection, None


def credentials(connection: Connection) -> Iterator[Finding]:
    who = str(connection.client("sts").get_caller_identity()["Arn"])
    if who.endswith(":root") and not connection.embedded:
        yield look(
            "credentials",
            f"{who} is the account's root",
            why="nothing limits it, and its use cannot be told from anyone's",
            todo="use a role that may assume the CDK's roles",
        )
    else:
        yield good("credentials", f"{who}, {connection.region}")


def ids(
    connection: Connection, known: Sequence[Account], *, wanted: Account | None, found: Account | None
) -> Iterator[Finding]:
    listed = ", ".join(f"{each.name} {each.id}" for each in known)
    if found is None or (wanted is not None and wanted != found):
        named = f"; {wanted.name} is {wanted.id}" if wanted else ""
        yield bad(
            "account",
            f"the credentials are of {connection.account}, settings/accounts.toml has {listed}{named}",
            why="a stack is for one account, and cdk deploy refuses to bring it to another one",
            todo=f'write account_id = "{connection.account}" into the table it is meant for, or use another profile',
        )
    else:
        yield good("account", f"{connection.account} is {found.name} of settings/accounts.toml")
    simulated = [each for each in known if len(set(each.id)) == 1]
    if simulated and not connection.embedded:
        yield bad(
            "accounts",
            f"{', '.join(f'{each.name} {each.id}' for each in simulated)}: simulated ids",
            why="AWS refuses a policy that names an account that does not exist, and dev's grants name all accounts",
            todo="write your own ids into settings/accounts.toml, and take out the tables of accounts you do not have",
        )


def region(connection: Connection, account: Account) -> Iterator[Finding]:
    import boto3

    if connection.region != account.region:
        yield bad(
            "region",
            f"the profile is in {connection.region}, {account.name} in {account.region}",
            why="stacks of one region are not deployed to another one",
            todo=f'give --region {account.region}, or write region = "{connection.region}" for it',
        )
    absent = [each for each in SERVICES if account.region not in boto3.session.Session().get_available_regions(each)]
    if absent:
        yield bad(
            "region",
            f"{account.region} is not known to have {', '.join(absent)}",
            why="the stacks use these services there",
            todo="choose another region in settings/accounts.toml",
        )
    elif connection.region == account.region:
        yield good("region", f"{account.region} has every service that the stacks use")


def bootstrap(connection: Connection, wanted: Needs) -> Iterator[Finding]:
    from botocore.exceptions import ClientError

    command = (
        f"npx cdk bootstrap aws://{connection.account}/{connection.region} --profile {connection.profile or '...'}"
    )
    if connection.embedded:
        command = "millrace deploy (it bootstraps the embedded AWS by itself)"
    try:
        answer = connection.client("ssm").get_parameter(Name=wanted.bootstrap_parameter)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        state = look if connection.embedded else bad
        yield state(
            "bootstrap",
            f"the CDK's bootstrap stack is not there ({wanted.bootstrap_parameter})",
            why="it holds the bucket for templates and code and the roles that deploy them",
            todo=command,
        )
        return
    version = int(answer["Parameter"]["Value"])
    if version < wanted.bootstrap_version:
        yield bad(
            "bootstrap",
            f"version {version}, the stacks need {wanted.bootstrap_version}",
            why="cdk deploy refuses an older one",
            todo=command,
        )
    else:
        yield good("bootstrap", f"version {version} ({wanted.bootstrap_version} is needed)")


def deploy_role(connection: Connection, wanted: Needs) -> Iterator[Finding]:
    """What cdk deploy does first."""
    from botocore.exceptions import ClientError

    if connection.embedded:
        yield skipped("deploy role", f"`millrace deploy` needs none; {LOCAL}")
        return
    arn = wanted.deploy_role.replace(
        "${AWS::Partition}", connection.session.get_partition_for_region(connection.region)
    )
    try:
        connection.client("sts").assume_role(RoleArn=arn, RoleSessionName="millrace-doctor", DurationSeconds=900)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        yield bad(
            "deploy role",
            f"{arn} cannot be assumed",
            why="cdk deploy works as this role, and the bootstrap makes it",
            todo="bootstrap the account, and allow your role sts:AssumeRole on it",
        )
    else:
        yield good("deploy role", "it can be assumed")


def scaling_role(connection: Connection, wanted: Needs) -> Iterator[Finding]:
    if not wanted.scales:
        yield good("scaling role", "no endpoint scales by itself, so none is needed")
        return
    if connection.embedded:
        yield skipped("scaling role", LOCAL)
        return
    iam = connection.client("iam")
    try:
        iam.get_role(RoleName=SCALING_ROLE)
    except iam.exceptions.NoSuchEntityException:
        yield look(
            "scaling role",
            f"{SCALING_ROLE} is not there yet",
            why="the first endpoint that scales makes it; where an organization forbids that, it is rolled back",
            todo=f"make it before: aws iam create-service-linked-role --aws-service-name {SCALING_SERVICE}",
        )
    else:
        yield good("scaling role", f"{SCALING_ROLE} is there")


def images(connection: Connection, wanted: Needs) -> Iterator[Finding]:
    if not wanted.images:
        yield good("image", "no stack of this account names one: its endpoints get it with the registered version")
    for image in wanted.images:
        if image.region != connection.region:
            yield bad(
                "image",
                f"{image}, but the account is in {connection.region}",
                why="SageMaker pulls an image from its own region only",
                todo="make synth anew; the image follows the region in settings/accounts.toml",
            )
        elif connection.embedded:
            yield _local(image)
        else:
            yield from _pulled(connection, image)


def _local(image: Image) -> Finding:
    try:
        model_files.image_python(f"x/{image.repository}:{image.tag}")
    except MillraceError as error:
        return bad("image", str(error), why="it stands in for the image on this machine", todo="make setup")
    return good("image", f"{image.repository}:{image.tag} has its environment here")


def _pulled(connection: Connection, image: Image) -> Iterator[Finding]:
    """As SageMaker does it: the repositories of its own images let everyone pull."""
    answer = connection.client("ecr").batch_get_image(
        registryId=image.account, repositoryName=image.repository, imageIds=[{"imageTag": image.tag}]
    )
    if answer.get("images"):
        yield good("image", f"{image} can be pulled")
        return
    reason = next((each.get("failureReason", "") for each in answer.get("failures", ())), "no reason given")
    yield bad(
        "image",
        f"{image}: {reason}",
        why="no job and no endpoint starts without its image",
        todo="choose a region that has it, or another version of the framework",
    )
