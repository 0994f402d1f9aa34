"""What tells people that something is wrong, or too quiet: the alarms, and the topic that they tell it to."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from constructs import Construct

from settings import ModelSettings
from stacks.account_stack import AccountStack
from stacks.alarm_topic import AlarmTopic
from stacks.forward import Forward
from stacks.naming import FORWARD, Naming
from stacks.pipeline_functions import PipelineFunctions
from stacks.trigger import NAMESPACE
from stacks.worker_queue import WorkerQueue

MINUTES = 5
QUEUE_AGE_MINUTES = 45
"""Longer than a message needs that is retried once after a crash: it is hidden for six times the function's limit."""


class WatchStack(AccountStack):
    """Queues and functions; where models are trained also the schedule, their age and what other accounts were told."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        naming: Naming,
        models: Sequence[ModelSettings],
        workers: Sequence[WorkerQueue],
        functions: Sequence[PipelineFunctions],
        forward: Forward | None = None,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_, description="Millrace: alarms")
        self._naming = naming
        self._tell = actions.SnsAction(AlarmTopic(self, "Topic", naming=naming, key=key))
        for worker in workers:
            self._watch_worker(worker)
        for called in functions:
            self._watch_functions(called)
        if forward:
            self._watch_forward(forward)
        if naming.account.trains:
            self._watch_schedule()
            for model in models:
                self._watch_age(model)

    def _watch_worker(self, worker: WorkerQueue) -> None:
        purpose = worker.name.removeprefix(self._naming.of(""))
        self._alarm(
            f"{purpose}-queue-age",
            f"A message has waited in the queue {worker.name} for {QUEUE_AGE_MINUTES} minutes",
            metric=_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", QueueName=worker.name),
            over=QUEUE_AGE_MINUTES * 60,
        )
        self._watch_dead_letters(
            f"{worker.name}-dlq", f"The queue {worker.name} gave up a message; `millrace replay dlq` sends it again"
        )
        self._watch_errors(worker.name, f"The function {worker.name} crashed or ran out of time")

    def _watch_functions(self, functions: PipelineFunctions) -> None:
        """Those that pipelines call: an error there fails a run whatever its data."""
        for name in functions.names:
            self._watch_errors(name, f"The function {name} crashed or ran out of time, and a run failed with it")
        self._watch_dead_letters(
            functions.dead_letters_name,
            "A pipeline's function was called by someone who did not wait, and it failed",
        )

    def _watch_forward(self, forward: Forward) -> None:
        """Rings once for each failure, not while it is kept: an account that is not deployed yet misses nothing."""
        self._alarm(
            "forward-failed",
            "Another account was not told of a version: it is not deployed, or its bus does not let "
            f"{self._naming.of(FORWARD)} in; it asks the registry once it is deployed, and every hour from then on",
            metric=_metric("AWS/SQS", "NumberOfMessagesSent", "Sum", QueueName=forward.dead_letters_name),
            over=0,
        )

    def _watch_dead_letters(self, queue: str, description: str) -> None:
        purpose = queue.removeprefix(self._naming.of("")).removesuffix("-dlq")
        self._alarm(
            f"{purpose}-dead-letters",
            description,
            metric=_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=queue),
            over=0,
        )

    def _watch_errors(self, function: str, description: str) -> None:
        self._alarm(
            f"{function.removeprefix(self._naming.of(''))}-errors",
            description,
            metric=_metric("AWS/Lambda", "Errors", "Sum", FunctionName=function),
            over=0,
        )

    def _watch_schedule(self) -> None:
        """Silence is the alarm, so it also rings from the first deployment until the first look.

        Left missing, the silent hours would count late: CloudWatch then looks at older ones instead.
        """
        hours = self._naming.account.alarms.schedule_silent_hours
        looks = _metric(NAMESPACE, "ScheduledLook", "Sum", hours=1)
        self._alarm(
            "schedule-silent",
            f"No schedule has made `start_pipeline` look for new data in the last {hours} hours",
            metric=cloudwatch.MathExpression(
                expression="FILL(looks, 0)", using_metrics={"looks": looks}, period=Duration.hours(1)
            ),
            below=1,
            periods=hours,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def _watch_age(self, model: ModelSettings) -> None:
        hours = model.alarms.model_age_hours
        self._alarm(
            f"model-age-{model.name}",
            f"The newest model of {model.name} is older than {hours} hours",
            metric=_metric(NAMESPACE, "ModelAgeHours", "Maximum", hours=1, Model=model.name),
            over=hours,
            # The schedule reports the age; between two reports it has not become less.
            missing=cloudwatch.TreatMissingData.IGNORE,
        )

    def _alarm(
        self,
        purpose: str,
        description: str,
        *,
        metric: cloudwatch.IMetric,
        over: float | None = None,
        below: float | None = None,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        operators = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            self,
            f"Alarm-{purpose}",
            alarm_name=self._naming.of(purpose),
            alarm_description=description,
            metric=metric,
            threshold=over if over is not None else below or 0,
            comparison_operator=operators.GREATER_THAN_THRESHOLD if over is not None else operators.LESS_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._tell)
        alarm.add_ok_action(self._tell)


def _metric(namespace: str, name: str, statistic: str, *, hours: int = 0, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        dimensions_map=dimensions,
        period=Duration.hours(hours) if hours else Duration.minutes(MINUTES),
    )
