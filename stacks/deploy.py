"""What brings approved models to their endpoints: the functions that deploy and test, and the roles they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_kms as kms
from constructs import Construct

from pipeline_code.definition_deploy import pipeline_name
from settings import EndpointSettings
from stacks.access import AccessStack
from stacks.account_stack import AccountStack
from stacks.deploy_model import DeployModel
from stacks.deploy_pipeline import DeployPipelines
from stacks.endpoint_role import EndpointRole
from stacks.forward import Forward
from stacks.hourly_schedule import send_on_schedule
from stacks.naming import SERVING_UPDATE, Naming
from stacks.registry import Registry
from stacks.registry_bus import RegistryBus
from stacks.secure_bucket import SecureBucket
from stacks.service_role import ServiceRole
from stacks.serving_rights import update_statements
from stacks.smoke_test import SmokeTest


class DeployStack(AccountStack):
    """`endpoint_role` is what serving stacks run their models with; the watch stack watches the rest."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        registry: Registry,
        others: Sequence[Naming],
        endpoints: Mapping[str, EndpointSettings],
        access: AccessStack,
        key: kms.IKey,
        capture_bucket: SecureBucket | None,
        by_pipeline: Sequence[str] = (),
    ) -> None:
        """`others` are the accounts to tell of the registry's events: none, but from the training account.

        `by_pipeline` are the models whose versions a pipeline can deploy as well.
        """
        super().__init__(scope, id_, description="Millrace: brings approved models to their endpoints")
        self.endpoint_role = EndpointRole(
            self,
            "EndpointRole",
            naming=naming,
            registry=registry,
            access=access,
            key=key,
            capture_bucket=capture_bucket,
        )
        home = registry.home
        bus = None if naming == home else RegistryBus(self, "Registry", naming=naming, home=home).name
        deploy = DeployModel(
            self,
            "DeployModel",
            naming=naming,
            registry=registry,
            access=access,
            key=key,
            update_role_arn=self._update_role(naming, registry, endpoints, key).arn,
            bus=bus,
            pipelines=[pipeline_name(model) for model in by_pipeline],
        )
        if by_pipeline:
            DeployPipelines(self, "Pipelines", naming=naming, models=by_pipeline, worker=deploy, key=key)
        if bus:
            self._look_every_hour(deploy, naming)
        test = SmokeTest(self, "SmokeTest", naming=naming, registry=registry, endpoints=endpoints, key=key)
        self.workers = [deploy, test]
        self.forward = (
            Forward(self, "Forward", naming=naming, models=registry.models, others=others, key=key) if others else None
        )

    def _update_role(
        self, naming: Naming, registry: Registry, endpoints: Mapping[str, EndpointSettings], key: kms.IKey
    ) -> ServiceRole:
        """What CloudFormation changes the serving stacks with."""
        return ServiceRole(
            self,
            "ServingUpdateRole",
            name=naming.of(SERVING_UPDATE),
            service="cloudformation.amazonaws.com",
            acting_for=None,  # CloudFormation is not documented to say for whom it assumes a role
            statements=update_statements(
                self,
                naming=naming,
                endpoints=endpoints,
                packages=registry.packages,
                endpoint_role_arn=self.endpoint_role.arn,
                key=key,
            ),
        )

    def _look_every_hour(self, deploy: DeployModel, naming: Naming) -> None:
        """The registry is in another account, which may be deployed later, and whose events may get lost."""
        send_on_schedule(
            self,
            deploy,
            naming=naming,
            prefix="deploy-",
            description="Asks the registry in the other account, for what no event told",
            message={"look": "all"},
            expression="rate(1 hour)",
        )
