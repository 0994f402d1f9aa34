"""The alarms of an endpoint: while a version is rolled out they take it back, afterwards they tell people.

Each watches one fleet, the instances that serve one configuration, so that a bad new version is not hidden by the good
old one beside it, nor a good new one blamed for the old. They are made and named anew with each configuration: an
alarm that rings for the old fleet must not stop the update that mends it.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, Fn, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import EndpointSettings
from stacks.naming import Naming

NAMESPACE = "AWS/SageMaker"
PERIOD_SECONDS = 60
SLOWEST_SHARE = "p90"
"""Nine in ten: a request of ten thousand rows among many small ones is slow by right."""


class FleetAlarms(Construct):
    """Server errors, requests without a proper answer, latency. No request is no trouble."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        endpoint: EndpointSettings,
        model: str,
        config: sagemaker.CfnEndpointConfig,
        variant: str,
    ) -> None:
        super().__init__(scope, id_)
        self._naming, self._config, self._endpoint = naming, config, endpoint
        self._name = endpoint.endpoint_name(model)
        dimensions = {"EndpointName": self._name, "VariantName": variant}
        if not endpoint.is_serverless:  # which has no fleet
            dimensions["EndpointConfigName"] = config.attr_endpoint_config_name
        self._dimensions = [
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in dimensions.items()
        ]
        self.all = (self._server_errors(), self._unanswered(), self._latency())

    def _server_errors(self) -> cloudwatch.CfnAlarm:
        """The average of a metric that is 1 for each such answer and 0 for each other one."""
        percent = self._endpoint.alarm_error_percent
        return self._alarm(
            "server-errors",
            f"More than {percent:g} % of the requests to {self._name} in a minute were answered with 5xx",
            threshold=percent / 100,
            namespace=NAMESPACE,
            metric_name="Invocation5XXErrors",
            dimensions=self._dimensions,
            statistic="Average",
            period=PERIOD_SECONDS,
        )

    def _unanswered(self) -> cloudwatch.CfnAlarm:
        """Crashes and timeouts count as well; what the model refused with 4xx is the caller's mistake."""
        percent = self._endpoint.alarm_error_percent
        return self._alarm(
            "unanswered",
            f"More than {percent:g} % of the requests to {self._name} in a minute got no proper answer",
            threshold=percent,
            metrics=[
                cloudwatch.CfnAlarm.MetricDataQueryProperty(
                    id="share",
                    expression="100 * (FILL(failed, 0) - FILL(refused, 0)) / invocations",
                    label="Requests without a proper answer, in percent",
                    return_data=True,
                ),
                self._sum("failed", "InvocationModelErrors"),
                self._sum("refused", "Invocation4XXErrors"),
                self._sum("invocations", "Invocations"),
            ],
        )

    def _latency(self) -> cloudwatch.CfnAlarm:
        milliseconds = self._endpoint.alarm_latency_ms
        return self._alarm(
            "latency",
            f"A tenth of the requests to {self._name} in a minute took longer than {milliseconds} ms",
            threshold=milliseconds * 1000,  # the metric counts in microseconds
            namespace=NAMESPACE,
            metric_name="ModelLatency",
            dimensions=self._dimensions,
            extended_statistic=SLOWEST_SHARE,
            period=PERIOD_SECONDS,
        )

    def _sum(self, id_: str, metric: str) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
        found = cloudwatch.CfnAlarm.MetricProperty(namespace=NAMESPACE, metric_name=metric, dimensions=self._dimensions)
        stat = cloudwatch.CfnAlarm.MetricStatProperty(metric=found, stat="Sum", period=PERIOD_SECONDS)
        return cloudwatch.CfnAlarm.MetricDataQueryProperty(id=id_, metric_stat=stat, return_data=False)

    def _alarm(self, purpose: str, description: str, *, threshold: float, **watched: Any) -> cloudwatch.CfnAlarm:
        stack = Stack.of(self)
        topic = stack.format_arn(
            service="sns", resource=self._naming.of("alarms"), arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        alarm = cloudwatch.CfnAlarm(
            self,
            purpose,
            alarm_name=Fn.join("-", [self._naming.of("serving"), self._config.attr_endpoint_config_name, purpose]),
            alarm_description=description,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            alarm_actions=[topic],
            ok_actions=[topic],
            **watched,
        )
        # People read these in the events of a deployment.
        alarm.override_logical_id(f"{purpose.title().replace('-', '')}Alarm")
        return alarm
