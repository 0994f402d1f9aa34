"""Three accounts, their functions and one registry: whatever happens in any order, what people want comes true.

Events are late, doubled and out of order, calls are throttled, models fail in some accounts. Played to its end, each
account serves the newest version that is wanted there, or says why not.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from deploy_model.messages import LOOK
from deploy_model.plan import token_prefix
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from shared.records import utc

from tests.deploy_lab import (
    ALARM,
    ARCHIVE,
    CAPACITY,
    IDS,
    PING,
    PINNED,
    Account,
    Bucket,
    Clock,
    Record,
    Registry,
    arn,
    refusal,
)

ACCOUNTS = st.sampled_from(["dev", "staging", "prod"])
VERSIONS = st.integers(1, 4)
FAILURES = {"alarm": ALARM, "ping": PING, "capacity": CAPACITY}
FATES = st.sampled_from(["none", "none", *FAILURES, "answers wrongly"])
Pending = tuple[str, str, Record]


class World:
    """What AWS announces is pending until it is delivered to the account and the function it is for."""

    def __init__(self) -> None:
        self.registry, self.bucket = Registry(Clock()), Bucket()
        self.accounts = {
            "dev": Account("dev", self.registry, self.bucket),
            "staging": Account("staging", self.registry, self.bucket),
            "prod": Account("prod", self.registry, self.bucket, stage="Production", after="staging"),
        }
        self.pending: list[Pending] = []

    def collect(self) -> None:
        """Rules and buses: the registry's events go everywhere, a stack's to its own account."""
        for record in self.registry.announced:
            if json.loads(record["body"])["detail"]["ModelApprovalStatus"] != "PendingManualApproval":
                self.pending += [(name, "deploy", record) for name in self.accounts]
        self.registry.announced.clear()
        for name, account in self.accounts.items():
            for record in account.cloudformation.announced:
                self.pending += [(name, function, record) for function in ("deploy", "smoke")]
            account.cloudformation.announced.clear()

    def deliver(self, message: Pending) -> bool:
        name, function, record = message
        account = self.accounts[name]
        failed = account.deliver(record) if function == "deploy" else account.smoke(record)
        self.collect()
        return not failed

    def wanted(self, account: Account) -> str | None:
        """What people want to be served there: said once more, in the plainest way."""
        for version, package in sorted(self.registry.packages.items(), reverse=True):
            wanted = package["ModelApprovalStatus"] == "Approved"
            if account.name == "prod":
                stage = package.get("ModelLifeCycle", {})
                wanted &= (stage.get("Stage"), stage.get("StageStatus")) == ("Production", "Approved")
                wanted &= self.registry.records(version).get("staging_smoke", "").startswith("passed")
            if wanted:
                return arn(version)
        return None


class AnyOrder(RuleBasedStateMachine):
    """The first version is served everywhere when it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.requests = 1  # how often a person asked for something
        self.asked: dict[str, datetime] = {}  # when a person asked for a version last, or for a deployment of the app
        self.random = Random(0)
        for account in self.world.accounts.values():
            account.cloudformation.watch = partial(self.check_update, account)

    @initialize(seed=st.integers(0, 999))
    def the_first_version_is_served(self, seed: int) -> None:
        self.random = Random(seed)
        self.someone_approves(1, dict.fromkeys(self.world.accounts, "none"), promotes=True)
        self.play_to_the_end()
        assert all(account.cloudformation.version == arn(1) for account in self.world.accounts.values())

    @rule(version=VERSIONS, fates=st.fixed_dictionaries(dict.fromkeys(IDS, FATES)), promotes=st.booleans())
    def someone_approves(self, version: int, fates: dict[str, str], promotes: bool) -> None:
        """What will become of the version is known to nobody."""
        self.it_turns_out(version, fates)
        if promotes:
            self.asked_for(version)
            self.world.registry.promote(version)
        self.asked_for(version)
        self.world.registry.decide(version, "Approved")
        self.world.collect()

    @rule(version=VERSIONS)
    def someone_rejects(self, version: int) -> None:
        self.requests += 1
        self.world.registry.decide(version, "Rejected")
        self.world.collect()

    @rule(version=VERSIONS, status=st.sampled_from(["Approved", "Archived"]))
    def someone_promotes(self, version: int, status: str) -> None:
        self.asked_for(version)
        self.world.registry.promote(version, status)
        self.world.collect()

    @rule(version=VERSIONS, fates=st.fixed_dictionaries(dict.fromkeys(IDS, FATES)))
    def it_turns_out(self, version: int, fates: dict[str, str]) -> None:
        for name, fate in fates.items():
            account = self.world.accounts[name]
            account.cloudformation.failing.pop(arn(version), None)
            if fate in FAILURES:
                account.cloudformation.failing[arn(version)] = FAILURES[fate]
            (account.runtime.bad.add if fate == "answers wrongly" else account.runtime.bad.discard)(arn(version))

    @rule(version=VERSIONS, archive=st.sampled_from([b"something else", ARCHIVE]))
    def an_archive_is_changed_or_restored(self, version: int, archive: bytes) -> None:
        self.world.bucket.put(version, archive)

    @rule()
    def events_say_more_or_less(self) -> None:
        self.world.registry.tells_fields = not self.world.registry.tells_fields

    @rule(accounts=st.sets(ACCOUNTS, min_size=1))
    def updates_end(self, accounts: set[str]) -> None:
        for name in sorted(accounts):
            if self.world.accounts[name].cloudformation.status == "UPDATE_IN_PROGRESS":
                self.world.accounts[name].cloudformation.finish()
        self.world.collect()

    @rule(account=ACCOUNTS)
    def someone_deploys_the_app(self, account: str) -> None:
        cloudformation = self.world.accounts[account].cloudformation
        if not cloudformation.status.endswith("_IN_PROGRESS"):
            self.requests += 1
            cloudformation.redeploy()
            self.asked[account] = self.world.registry.clock.now
            self.world.collect()

    @rule(account=ACCOUNTS)
    def an_hour_passes(self, account: str) -> None:
        """Nothing happened, and the registry is looked at all the same."""
        self.world.pending.append((account, "deploy", {"messageId": "1", "body": json.dumps(LOOK)}))

    @rule(count=st.integers(1, 12))
    def messages_arrive(self, count: int) -> None:
        for _ in range(count):
            if self.world.pending:
                self.deliver_one(doubled=self.random.random() < 0.2, throttled=self.random.random() < 0.2)

    @rule()
    def everything_arrives(self) -> None:
        self.messages_arrive(len(self.world.pending))

    def deliver_one(self, *, doubled: bool, throttled: bool) -> None:
        """Any of those that are pending; what fails is delivered again later."""
        world = self.world
        place = self.random.randrange(len(world.pending))
        message = world.pending[place]
        cloudformation = world.accounts[message[0]].cloudformation
        cloudformation.refuses = refusal("UpdateStack", "Rate exceeded", "Throttling") if throttled else None
        done = world.deliver(message)
        cloudformation.refuses = None
        assert done or throttled
        if done and not doubled:
            del world.pending[place]

    def asked_for(self, version: int) -> None:
        self.requests += 1
        self.asked[arn(version)] = self.world.registry.clock.now

    def check_update(self, account: Account, version: str) -> None:
        """Only what is wanted is deployed, and what was rolled back only if someone asked for it after that."""
        assert version == self.world.wanted(account)
        cloudformation = account.cloudformation
        if cloudformation.status == "UPDATE_ROLLBACK_COMPLETE" and cloudformation.tokens[-1].startswith(
            token_prefix(version)
        ):
            ended = cloudformation.events[-1]["Timestamp"].replace(microsecond=0)
            assert self.asked[version] >= ended - timedelta(milliseconds=400)

    def teardown(self) -> None:
        self.play_to_the_end()
        for account in self.world.accounts.values():
            self.check(account)

    def play_to_the_end(self) -> None:
        """In any order as well."""
        world = self.world
        for _ in range(200 * self.requests):
            for account in world.accounts.values():
                if account.cloudformation.status == "UPDATE_IN_PROGRESS":
                    account.cloudformation.finish()
            world.collect()
            if not world.pending:
                return
            self.deliver_one(doubled=False, throttled=False)
        raise AssertionError("messages make messages for ever")

    def check(self, account: Account) -> None:
        cloudformation, wanted = account.cloudformation, self.world.wanted(account)
        if wanted and cloudformation.version != wanted:
            assert cloudformation.status == "UPDATE_ROLLBACK_COMPLETE"
            assert cloudformation.tokens[-1].startswith(token_prefix(wanted))
            told = self.world.registry.records(int(wanted.rsplit("/", 1)[1]))
            of_account = "Unable to provision requested ML compute capacity." in told[f"{account.name}_back"]
            good_before = told.get(f"{account.name}_smoke", "").startswith("passed ")
            assert of_account or good_before, "what was at fault is rejected"
        if cloudformation.version != "none":
            assert cloudformation.served["ModelDigest"] == PINNED
            self.check_told(account, cloudformation.version)

    def check_told(self, account: Account, version: str) -> None:
        """The registry knows what is served, and how its test ended."""
        told = self.world.registry.records(int(version.rsplit("/", 1)[1]))
        assert told[f"{account.name}_deployed"].startswith("deployed ")
        if account.cloudformation.status == "UPDATE_COMPLETE":
            since = f"deployment of {utc(account.cloudformation.changed)}"
            outcome = told[f"{account.name}_smoke"]
            assert since in outcome
            assert outcome.startswith(("failed ", "passed "))


AnyOrder.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=25)
TestAnyOrder: Any = AnyOrder.TestCase
