"""One model's endpoint. `deploy_model` updates this stack with the version to serve; nothing else touches it.

It holds the endpoint, its alarms and its scaling, no role and no function, so that the updating role needs few rights
(`stacks/serving_rights.py`). Until the first approval the stack holds a placeholder and its parameters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnCondition, CfnOutput, CfnParameter, CfnWaitConditionHandle, Fn
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from pipeline_code.definition_register import SERVING_ENVIRONMENT
from settings import EndpointSettings, ModelSettings, NetworkSettings
from settings.names import has_local_storage
from stacks.account_stack import AccountStack
from stacks.endpoint_scaling import EndpointScaling, kept_on_update
from stacks.fleet_alarms import FleetAlarms
from stacks.naming import Naming
from stacks.rollout import deployment, update_policy

NONE = "none"
VERSION, DIGEST = "ModelPackageArn", "ModelDigest"
VARIANT = "AllTraffic"
"""Always the same: SageMaker shifts traffic between two configurations only if their variants have one name."""
CAPTURE = "capture"
CSV_TYPES, JSON_TYPES = ["text/csv"], ["application/json", "application/jsonlines"]

Properties = Mapping[str, Any]


class ServingStack(AccountStack):
    """The endpoint keeps its name; model, configuration and alarms are replaced with each version and each setting."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        model: ModelSettings,
        endpoint: EndpointSettings,
        execution_role_arn: str,
        key: kms.IKey,
        network: NetworkSettings | None = None,
        capture_bucket: s3.IBucket | None = None,
    ) -> None:
        super().__init__(scope, id_, description=f"Millrace: the endpoint {endpoint.endpoint_name(model.name)}")
        self._naming, self._model, self._endpoint = naming, model.name, endpoint
        self._package = self._parameter(VERSION, f"The version of {model.name} to serve, or {NONE}")
        self._digest = self._parameter(DIGEST, f"The SHA-256 of the version's digests.json, or {NONE}")
        self._approved = self._unless_none("Approved", self._package)
        self._checked = self._unless_none("Checked", self._digest)
        # A stack without any resource cannot be created; this one is nothing and costs nothing.
        CfnWaitConditionHandle(self, "Empty")
        container = self._model_properties(execution_role_arn, network)
        served = sagemaker.CfnModel(self, "Model", model_name=self._name(container), **container)
        variant = self._config_properties(served.attr_model_name, key, capture_bucket)
        # Whatever an update changes comes with a new configuration: SageMaker updates an endpoint to another one only.
        config = sagemaker.CfnEndpointConfig(
            self,
            "EndpointConfig",
            endpoint_config_name=self._name(container, variant, update_policy(endpoint), kept_on_update(endpoint)),
            **variant,
        )
        alarms = FleetAlarms(
            self, "Alarms", naming=naming, endpoint=endpoint, model=model.name, config=config, variant=VARIANT
        )
        deployed = self._deployed(config, alarms)
        scaling = EndpointScaling(self, "Scaling", endpoint=endpoint, served=deployed, variant=VARIANT)
        for resource in (served, config, *alarms.all, deployed, *scaling.all):
            resource.cfn_options.condition = self._approved
        CfnOutput(self, "EndpointName", value=deployed.attr_endpoint_name).condition = self._approved

    def _parameter(self, name: str, description: str) -> str:
        """Set by the deploy function; whoever else deploys the stack leaves it as it is."""
        return CfnParameter(
            self, name, default=NONE, description=f"{description}; set by the deploy function"
        ).value_as_string

    def _unless_none(self, id_: str, parameter: str) -> CfnCondition:
        return CfnCondition(self, id_, expression=Fn.condition_not(Fn.condition_equals(parameter, NONE)))

    def _model_properties(self, role_arn: str, network: NetworkSettings | None) -> Properties:
        """The container loads the model and answers, so it needs no network; serverless ones cannot be without."""
        container = sagemaker.CfnModel.ContainerDefinitionProperty(
            model_package_name=self._package, environment=self._environment()
        )
        properties: dict[str, Any] = {"execution_role_arn": role_arn, "primary_container": container}
        if not self._endpoint.is_serverless:
            properties["enable_network_isolation"] = True
        if network:
            properties["vpc_config"] = sagemaker.CfnModel.VpcConfigProperty(
                subnets=list(network.subnets), security_group_ids=list(network.security_groups)
            )
        return properties

    def _environment(self) -> Mapping[str, str]:
        """What the container calls itself in its answers, and what it checks before it loads the model.

        The rest is what the version is registered with: AWS does not say whether it adds to that or replaces it.
        """
        return {**SERVING_ENVIRONMENT, "MODEL_VERSION": self._version_name(), "MODEL_DIGEST": self._digest}

    def _config_properties(self, model_name: str, key: kms.IKey, capture_bucket: s3.IBucket | None) -> Properties:
        variant = sagemaker.CfnEndpointConfig.ProductionVariantProperty(
            variant_name=VARIANT, model_name=model_name, initial_variant_weight=1, **self._capacity()
        )
        properties: dict[str, Any] = {"production_variants": [variant]}
        # Built-in disks encrypt themselves, and SageMaker takes no key for them; serverless ones have none.
        if not self._endpoint.is_serverless and not has_local_storage(self._endpoint.instance_type):
            properties["kms_key_id"] = key.key_arn
        if self._endpoint.capture_percent:
            properties["data_capture_config"] = self._capture(capture_bucket)
        return properties

    def _capacity(self) -> Mapping[str, Any]:
        endpoint = self._endpoint
        if endpoint.is_serverless:
            size = sagemaker.CfnEndpointConfig.ServerlessConfigProperty(
                memory_size_in_mb=endpoint.memory_mb, max_concurrency=endpoint.max_concurrency
            )
            return {"serverless_config": size}
        return {"instance_type": endpoint.instance_type, "initial_instance_count": endpoint.instance_count}

    def _capture(self, bucket: s3.IBucket | None) -> sagemaker.CfnEndpointConfig.DataCaptureConfigProperty:
        """Requests and answers as they were, in a bucket of their own with its own key."""
        if bucket is None or bucket.encryption_key is None:
            raise ValueError(f"{self._model} captures data: give its stack the account's bucket for it, with its key")
        of = sagemaker.CfnEndpointConfig
        return of.DataCaptureConfigProperty(
            enable_capture=True,
            initial_sampling_percentage=self._endpoint.capture_percent,
            destination_s3_uri=f"s3://{bucket.bucket_name}/{CAPTURE}",
            kms_key_id=bucket.encryption_key.key_arn,
            capture_options=[of.CaptureOptionProperty(capture_mode=mode) for mode in ("Input", "Output")],
            capture_content_type_header=of.CaptureContentTypeHeaderProperty(
                csv_content_types=CSV_TYPES, json_content_types=JSON_TYPES
            ),
        )

    def _deployed(self, config: sagemaker.CfnEndpointConfig, alarms: FleetAlarms) -> sagemaker.CfnEndpoint:
        endpoint = self._endpoint
        policy = deployment(endpoint, alarms.all)
        return sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=endpoint.endpoint_name(self._model),
            endpoint_config_name=config.attr_endpoint_config_name,
            deployment_config=policy,
            # Without it an update that names no policy of its own would shift all traffic at once.
            retain_deployment_config=True if policy else None,
            **kept_on_update(endpoint),
        )

    def _version_name(self) -> str:
        """`<group>/<number>` out of the version's ARN, which ends with them."""
        return Fn.join("/", [self._part(1), self._part(2)])

    def _part(self, number: int) -> str:
        # The slashes give Select a third part even while the parameter is "none".
        return Fn.select(number, Fn.split("/", Fn.join("", [self._package, "//"])))

    def _name(self, *properties: object) -> str:
        """`<model>-<version>-<digest>`: new with each version and with each change of the properties given.

        CloudFormation replaces these resources by making the new one first, so the name must change with them,
        and it must begin with the model's name, because the updating role is limited to such names. The last
        letter tells a version whose digest is checked from one that was deployed without.
        """
        text = json.dumps(self.resolve(list(properties)), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        checked = Fn.condition_if(self._checked.logical_id, "c", "u").to_string()
        return Fn.join("-", [self._model, self._part(2), Fn.join("", [digest, checked])])
