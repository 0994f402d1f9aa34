"""The controls as a plug-in of CDK's validation, which every synth runs. `stacks/app.py` adds it to the App."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import aws_cdk as cdk
import jsii

from stacks.controls import data, jobs, roles, size
from stacks.controls.templates import Templates, read
from stacks.controls.violation import Control, Violation

CONTROLS: tuple[Control, ...] = (
    jobs.jobs_are_safe,
    roles.roles_have_the_boundary,
    roles.policies_are_our_own,
    roles.actions_are_named,
    roles.policies_fit,
    roles.roles_are_passed_to_one_service,
    roles.services_are_trusted_for_this_account_only,
    roles.nobody_is_everybody,
    data.buckets_answer_over_tls_only,
    data.data_never_expire,
    data.logs_are_encrypted_and_forget,
    data.models_are_served_safely,
    data.nothing_undelivered_is_lost,
    size.templates_fit,
)


RULES = (
    *("job-outputs-encrypted", "job-volumes-encrypted", "job-runtime-limited", "job-instances-limited"),
    *("job-isolated", "job-traffic-encrypted", "job-role", "job-image", "step-known", "step-function"),
    *("role-boundary", "policy-own", "policy-actions-named", "policy-size", "passrole-limited", "trust-limited"),
    *("bucket-tls", "data-kept", "logs-encrypted-and-limited", "model-isolated", "endpoint-volumes-encrypted"),
    *("failures-kept", "principals-own", "template-size"),
)
"""What the controls may report; each has a fixture in tests/stacks that violates it."""


def violations(templates: Templates) -> list[Violation]:
    """What all controls find."""
    return [violation for control in CONTROLS for violation in control(templates)]


@jsii.implements(cdk.IPolicyValidationPlugin)
class MillraceControls:
    """Makes `app.synth()` raise when a control finds something; the report is cdk.out/validation-report.json."""

    @property
    def name(self) -> str:
        return "Millrace"

    @property
    def version(self) -> str | None:
        return None

    @property
    def rule_ids(self) -> list[str] | None:
        return list(RULES)

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        found = violations(
            read(
                [
                    (Path(stack.template_path), str(stack.account_id), str(stack.region))
                    for stack in context.stack_templates
                ]
            )
        )
        return cdk.PolicyValidationPluginReport(success=not found, violations=_reported(found))


def _reported(found: Sequence[Violation]) -> list[cdk.PolicyViolation]:
    return [
        cdk.PolicyViolation(
            rule_name=violation.control,
            description=f"{violation.what}. Why it matters: {violation.why}.",
            fix=violation.change,
            severity="error",
            violating_resources=[
                cdk.PolicyViolatingResource(
                    resource_logical_id=violation.resource.split(" ")[0],
                    template_path=violation.template,
                    locations=[violation.resource],
                )
            ],
        )
        for violation in found
    ]
