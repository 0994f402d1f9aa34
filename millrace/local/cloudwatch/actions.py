"""What follows a change of an alarm's state: its history, the event, and its actions on topics and functions."""

from __future__ import annotations

import json
import logging
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from millrace.local.cloudwatch import notification
from millrace.local.cloudwatch.alarm import Alarm
from millrace.local.cloudwatch.alarms import Alarms
from millrace.local.events.timer import Workers
from millrace.local.iam.services import ALARM, ALARM_FUNCTION, Deputy
from millrace.local.world import World

log = logging.getLogger("millrace.cloudwatch")

THREADS = 4
STATE_CHANGE = "CloudWatch Alarm State Change"
CONFIGURATION_CHANGE = "CloudWatch Alarm Configuration Change"
STATE_UPDATE, ACTION, CONFIGURATION_UPDATE = "StateUpdate", "Action", "ConfigurationUpdate"
DEPUTIES: dict[str, Deputy] = {"sns": ALARM, "lambda": ALARM_FUNCTION}


def is_action(arn: str) -> bool:
    """Whether the embedded AWS can do what an alarm asks for."""
    parts = arn.split(":")
    return len(parts) > 5 and parts[2] in DEPUTIES


class Actions:
    """Acts on worker threads, in CloudWatch's name."""

    def __init__(self, world: World, alarms: Alarms) -> None:
        self._world = world
        self._alarms = alarms
        self._workers = Workers(world, name="alarm actions", limit=THREADS)

    def changed(self, before: Alarm, after: Alarm) -> None:
        """A new state."""
        summary = f"Alarm updated from {before.state.value} to {after.state.value}"
        self._alarms.note(after, STATE_UPDATE, after.state.updated, summary, notification.history(before, after))
        log.info("alarm %s: %s -> %s: %s", after.name, before.state.value, after.state.value, after.state.reason)
        self._publish(after, STATE_CHANGE, notification.event(before, after))
        if after.actions_enabled:
            for arn in after.actions(after.state.value):
                self._workers.submit(lambda arn=arn: self._act(arn, before, after))  # type: ignore[misc]

    def configured(self, alarm: Alarm, operation: str) -> None:
        """An alarm was created, updated or deleted."""
        moment = self._world.clock.datetime()
        told = {"create": "created", "update": "updated", "delete": "deleted"}[operation]
        data = {"version": "1.0", "type": operation.capitalize(), f"{told}Alarm": _plain(alarm.settings)}
        text = json.dumps(data)
        self._alarms.note(alarm, CONFIGURATION_UPDATE, moment, f'Alarm "{alarm.name}" {told}', text)
        detail: dict[str, Any] = {
            "alarmName": alarm.name,
            "operation": operation,
            "state": {"value": alarm.state.value, "timestamp": notification.long_text(alarm.state.updated)},
            "configuration": notification.configuration(alarm),
        }
        self._publish(alarm, CONFIGURATION_CHANGE, detail)

    def _publish(self, alarm: Alarm, detail_type: str, detail: dict[str, Any]) -> None:
        self._world.publish(
            account=alarm.account,
            region=alarm.region,
            source="aws.cloudwatch",
            detail_type=detail_type,
            detail=detail,
            resources=[alarm.arn],
        )

    def _act(self, arn: str, before: Alarm, after: Alarm) -> None:
        try:
            self._reach(arn, before, after)
        except (ClientError, BotoCoreError) as error:
            log.error("alarm %s could not reach %s: %s", after.name, arn, error)
            self._note_action(after, arn, str(error))
            return
        self._note_action(after, arn, None)

    def _reach(self, arn: str, before: Alarm, after: Alarm) -> None:
        service, region, account = arn.split(":")[2:5]
        identity = DEPUTIES[service].identity(after.arn, account=account, region=region)
        client = self._world.aws.identity_client(identity, service)
        if service == "sns":
            text = notification.message(before, after)
            client.publish(TopicArn=arn, Subject=notification.subject(after), Message=text)
        else:
            payload = json.dumps(notification.function_input(before, after)).encode()
            client.invoke(FunctionName=arn, InvocationType="Event", Payload=payload)

    def _note_action(self, alarm: Alarm, arn: str, error: str | None) -> None:
        how = "Failed to execute" if error else "Successfully executed"
        data = {
            "actionState": "Failed" if error else "Succeeded",
            "stateUpdateTimestamp": int(alarm.state.updated.timestamp() * 1000),
            "notificationResource": arn,
            "error": error,
        }
        moment = self._world.clock.datetime()
        self._alarms.note(alarm, ACTION, moment, f"{how} action {arn}", json.dumps(data))


def _plain(settings: Any) -> Any:
    return json.loads(json.dumps(dict(settings), default=str))
