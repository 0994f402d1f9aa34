"""One model's endpoint. `deploy_model` updates this stack with the version to serve; nothing else touches it.

It holds SageMaker resources only, so that the updating role needs no rights beyond SageMaker. Until the first
approval the stack holds a placeholder and its parameter.
"""

from __future__ import annotations

import hashlib
import json

from aws_cdk import CfnCondition, CfnOutput, CfnParameter, CfnWaitConditionHandle, Fn, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import ModelSettings

SERVED_TYPES = (
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Endpoint",
)
NONE = "none"
PARAMETER = "ModelPackageArn"


class ServingStack(Stack):
    """The endpoint keeps its name for ever; model and configuration are replaced with each version."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        model: ModelSettings,
        execution_role_arn: str,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_, description=f"Millrace: the endpoint {model.name}")
        self._package = CfnParameter(
            self,
            PARAMETER,
            default=NONE,
            description=f"The version of {model.name} to serve, or {NONE}; set by the deploy function",
        ).value_as_string
        approved = CfnCondition(self, "Approved", expression=Fn.condition_not(Fn.condition_equals(self._package, NONE)))
        # A stack without any resource cannot be created; this one is nothing and costs nothing.
        CfnWaitConditionHandle(self, "Empty")
        served = sagemaker.CfnModel(
            self,
            "Model",
            model_name=self._versioned_name(model, execution_role_arn, "isolated"),
            execution_role_arn=execution_role_arn,
            enable_network_isolation=True,  # the container loads the model and answers; it needs no network
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(model_package_name=self._package),
        )
        variant = sagemaker.CfnEndpointConfig.ProductionVariantProperty(
            variant_name="AllTraffic",
            model_name=served.attr_model_name,
            instance_type=model.endpoint.instance_type,
            initial_instance_count=model.endpoint.instance_count,
            initial_variant_weight=1,
        )
        config = sagemaker.CfnEndpointConfig(
            self,
            "EndpointConfig",
            endpoint_config_name=self._versioned_name(model, execution_role_arn, key.key_arn, repr(model.endpoint)),
            production_variants=[variant],
            kms_key_id=key.key_arn,
        )
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=model.name,
            endpoint_config_name=config.attr_endpoint_config_name,
        )
        for resource in (served, config, endpoint):
            resource.cfn_options.condition = approved
        output = CfnOutput(self, "EndpointName", value=endpoint.attr_endpoint_name)
        output.condition = approved

    def _versioned_name(self, model: ModelSettings, *properties: object) -> str:
        """`<model>-<version>-<digest>`: new with each version and with each change of the properties given.

        CloudFormation replaces these resources by making the new one first, so the name must change with them,
        and it must begin with the model's name, because the updating role is limited to such names.
        """
        text = json.dumps(self.resolve(list(properties)), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        # The slashes give Select a third part even while the parameter is "none".
        version = Fn.select(2, Fn.split("/", Fn.join("", [self._package, "//"])))
        return Fn.join("-", [model.name, version, digest])
