"""AWS::CloudWatch::Alarm, CompositeAlarm and Dashboard."""

from __future__ import annotations

from dataclasses import dataclass

from millrace.local.cloudformation.errors import ResourceError
from millrace.local.cloudformation.providers.api import Api
from millrace.local.cloudformation.providers.base import Context, Made, Properties

KINDS = ("MetricAlarm", "CompositeAlarm")


@dataclass(frozen=True)
class AlarmApi(Api):
    """Ref is the alarm's name. PutMetricAlarm would overwrite an alarm of the same name; CloudFormation refuses."""

    def create(self, ctx: Context, properties: Properties) -> Made:
        name = properties.get("AlarmName")
        if name:
            found = ctx.own_client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=list(KINDS))
            if any(found[f"{kind}s"] for kind in KINDS):
                raise ResourceError(f"Resource of type alarm with identifier {name} already exists.")
        return super().create(ctx, properties)


PROVIDERS = {
    "AWS::CloudWatch::Alarm": AlarmApi(
        "cloudwatch",
        "put_metric_alarm",
        "put_metric_alarm",
        "delete_alarms",
        name="AlarmName",
        limit=255,
        arn=("cloudwatch", "alarm:{AlarmName}"),
        delete_as={"AlarmNames": "AlarmName"},
        tagged={"ResourceARN": "Arn"},
    ),
    "AWS::CloudWatch::CompositeAlarm": AlarmApi(
        "cloudwatch",
        "put_composite_alarm",
        "put_composite_alarm",
        "delete_alarms",
        name="AlarmName",
        limit=255,
        arn=("cloudwatch", "alarm:{AlarmName}"),
        delete_as={"AlarmNames": "AlarmName"},
        tagged={"ResourceARN": "Arn"},
    ),
    "AWS::CloudWatch::Dashboard": Api(
        "cloudwatch",
        "put_dashboard",
        "put_dashboard",
        "delete_dashboards",
        name="DashboardName",
        limit=255,
        delete_as={"DashboardNames": "DashboardName"},
    ),
}
