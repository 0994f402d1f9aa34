"""Everything that touches moto's inside: what is changed, each with its reason, and what is read.

No other module imports moto's backends. `apply` asserts that every symbol it changes exists, so that a new
moto version fails at start-up and not somewhere in a run.

It is longer than other files on purpose: every change to moto is to be found in one place, one function each.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import mmap
import re
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from millrace.local.clients import SERVICE_KEYS, account_of_root_key, account_of_service_key
from millrace.local.clock import Clock
from millrace.local.objects import ObjectFile, ObjectFiles
from millrace.local.replacing import MOTO_VERSION as MOTO_VERSION
from millrace.local.replacing import change as _change

if TYPE_CHECKING:
    from millrace.local.events.topics import TopicMessage

# Where the gateway leaves the name of a request's operation and the parameters in its path.
OPERATION = "millrace.operation"
AWS_MANAGED = ":iam::aws:policy/"
ROLE_ARN = re.compile(r"^arn:aws[\w-]*:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)$")


class S3Events(Protocol):
    """Who is told of a change in a bucket that sends its events to EventBridge."""

    def s3_event(
        self,
        *,
        account: str,
        region: str,
        bucket: str,
        key: str,
        size: int | None,
        etag: str | None,
        version_id: str | None,
        detail_type: str,
        reason: str,
        deletion_type: str | None,
    ) -> None: ...


class TopicDelivery(Protocol):
    """Who brings a topic's messages to its subscribed queues and functions."""

    protocols: tuple[str, ...]

    def deliver(self, message: TopicMessage) -> None: ...


class MessageEvent(Protocol):
    """Who counts what happens to queues."""

    def __call__(self, queue_arn: str, name: str, value: float = 1.0, unit: str = "Count") -> None: ...


def apply(files: ObjectFiles, events: S3Events, topics: TopicDelivery, clock: Clock) -> None:
    """Change moto for this process; call once, before the first request."""
    import moto

    if moto.__version__ != MOTO_VERSION:
        raise RuntimeError(
            f"moto {moto.__version__} is installed, the patches are for {MOTO_VERSION}: run `make setup`"
        )
    _keep_no_instances()
    _dates_by_the_clock(clock)
    _accounts_from_keys()
    _operations_from_the_gateway()
    _assume_only_roles_that_exist()
    _aws_managed_policies_on_demand()
    _bodies_in_files(files)
    _bodies_are_no_forms()
    _bucket_policies_neutral()
    _versions_mended()
    _s3_events_to(events)
    _topics_deliver_by(topics)
    _no_delivery_by_moto()
    _no_mapping_by_moto()
    _queues_by_the_clock(clock)
    _queues_of_many_messages()
    _logs_mended()
    _modules_listed_once()
    _ec2_only_when_used()
    _tables_mended(clock)


def _keep_no_instances() -> None:
    """moto keeps every model object in a list for its dashboard, for ever: a leak of every object body."""
    from moto.core.common_models import BaseModel

    _change(BaseModel, "__new__", lambda cls, *_args, **_kwargs: object.__new__(cls))


def _dates_by_the_clock(clock: Clock) -> None:
    """moto dates what it keeps by the machine's time, and refuses log lines from more than two hours ahead of it.

    Sessions of roles end by the machine's time, as the SDKs that renew them do.
    """
    from moto.core import utils
    from moto.sts import models as sts

    def utcnow() -> datetime:
        return clock.datetime().replace(tzinfo=None)

    known = _change(utils, "utcnow", utcnow)
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and module is not sts and getattr(module, "utcnow", None) is known:
            _change(module, "utcnow", utcnow)


def _accounts_from_keys() -> None:
    """moto takes unknown keys for its default account; ours carry their account, the rest are refused."""
    from moto.iam import models as iam

    known = iam.get_account_id_from
    _change(iam, "get_account_id_from", lambda key: account_of_own_key(key) or known(key))


def _operations_from_the_gateway() -> None:
    """moto reads the operation anew, also out of texts in the body: it must serve the one that was decided."""
    from moto.core.responses import BaseResponse

    def action(self: Any) -> str:
        decided = self.normalized_request.environ.get(OPERATION)
        if decided is None:
            return str(known(self))
        name, path_params = decided
        if path_params:
            self.uri_match = path_params
        return str(name)

    known = _change(BaseResponse, "_get_action", action)


def account_of_own_key(access_key: str) -> str | None:
    """The account of a root's or a service's key, which IAM knows nothing of."""
    return account_of_root_key(access_key) or account_of_service_key(access_key)


def account_of(access_key: str) -> str | None:
    """The account of a key: a root's, a service's or one that IAM or STS issued; None for a key nobody issued."""
    own = account_of_own_key(access_key)
    if own:
        return own
    from moto.iam.models import iam_backends

    for account, partitions in list(iam_backends.items()):
        if access_key in partitions["aws"].access_keys:
            return str(account)
    return None


def principal_arn(access_key: str, account: str) -> str:
    """The ARN that GetCallerIdentity answers for the key; a service's is its principal."""
    if account_of_root_key(access_key):
        return f"arn:aws:iam::{account}:root"
    if service := SERVICE_KEYS.identity(access_key):
        return service.principal
    from moto.sts.models import sts_backends

    return str(sts_backends[account]["aws"].get_caller_identity(access_key, "us-east-1")[1])


def _assume_only_roles_that_exist() -> None:
    """moto hands out sessions of any role, existing or not; AWS answers AccessDenied."""
    from moto.core.exceptions import ServiceException
    from moto.iam.models import iam_backends
    from moto.sts.models import STSBackend

    class AccessDenied(ServiceException):
        code = "AccessDenied"

        def __init__(self, role_arn: str) -> None:
            super().__init__(f"Not authorized to perform sts:AssumeRole: {role_arn} does not exist")

    def assume_role(self: Any, region_name: str, role_session_name: str, role_arn: str, **rest: Any) -> Any:
        named = ROLE_ARN.match(role_arn)
        roles = iam_backends[named[1]]["aws"].roles.values() if named else ()
        if not any(role.arn == role_arn for role in list(roles)):
            raise AccessDenied(role_arn)
        return known(self, region_name, role_session_name, role_arn, **rest)

    known = _change(STSBackend, "assume_role", assume_role)

    def caller_identity(self: Any, access_key_id: str, region: str) -> Any:
        if account_of_root_key(access_key_id):
            return self.account_id, f"arn:aws:iam::{self.account_id}:root", self.account_id
        return known_identity(self, access_key_id, region)

    known_identity = _change(STSBackend, "get_caller_identity", caller_identity)


def _aws_managed_policies_on_demand() -> None:
    """moto has none of AWS's managed policies, or all 1,400 of them in every account; ours come when named."""
    from moto.iam.models import AWSManagedPolicy, IAMBackend

    @functools.cache
    def documents() -> dict[str, Any]:
        from moto.iam.aws_managed_policies import aws_managed_policies_data

        found = json.loads(aws_managed_policies_data)
        return {f"arn:aws:iam::aws:policy{entry['Path']}{name}": (name, entry) for name, entry in found.items()}

    def loading_first(method: str) -> None:
        def call(self: Any, policy_arn: str, *args: Any, **kwargs: Any) -> Any:
            if AWS_MANAGED in policy_arn and policy_arn not in self.managed_policies and policy_arn in documents():
                name, document = documents()[policy_arn]
                made = AWSManagedPolicy.from_data(name, self.account_id, self.region_name, document)
                self.managed_policies[policy_arn] = made
            return known(self, policy_arn, *args, **kwargs)

        known = _change(IAMBackend, method, call)

    for method in (
        "attach_role_policy",
        "attach_user_policy",
        "attach_group_policy",
        "get_policy",
        "get_policy_version",
    ):
        loading_first(method)


def _bodies_in_files(files: ObjectFiles) -> None:
    """Object bodies become ordinary files, and a ranged GET reads its range (moto reads the whole body)."""
    from flask import has_request_context, request
    from moto.s3.models import FakeKey

    def read(self: Any) -> Any:
        body = self._value_buffer
        if has_request_context() and _one_range(request) and self.contentsize:
            with body.path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return body.content()

    def write(self: Any, new: bytes | str) -> None:
        if not isinstance(self._value_buffer, ObjectFile):
            self._value_buffer.close()
            self._value_buffer = ObjectFile(
                files.path(bucket=self.bucket_name, key=self.name, version=self._version_id)
            )
        data = new.encode() if isinstance(new, str) else bytes(new)
        self._value_buffer.write(data)
        self.contentsize = len(data)

    def get_state(self: Any) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "lock"}

    def set_state(self: Any, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=threading.Lock())

    _change(FakeKey, "value", property(read, write))
    _change(FakeKey, "__getstate__", get_state)
    _change(FakeKey, "__setstate__", set_state)
    # An object that is only garbage in memory (after a reload of the state) must not take its file along.
    _change(FakeKey, "__del__", lambda self: None)


def _bodies_are_no_forms() -> None:
    """moto takes an upload that is said to be a form (curl and urllib say so of any) for fields, and stores nothing."""
    from moto.core.request import Request

    def wanted(self: Any) -> bool:
        return self.method != "PUT" and bool(known.fget(self))

    known = _change(Request, "want_form_data_parsed", property(wanted))


def _one_range(request: Any) -> bool:
    wanted = request.headers.get("Range", "")
    return request.method == "GET" and bool(wanted) and "," not in wanted


def _bucket_policies_neutral() -> None:
    """moto evaluates bucket policies without conditions: a TLS-only bucket would refuse every request."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    _change(FakeBucket, "get_permission", lambda self, action, resource: PermissionResult.NEUTRAL)


REASONS = {
    "s3:ObjectCreated:Put": ("Object Created", "PutObject", None),
    "s3:ObjectCreated:Post": ("Object Created", "POST Object", None),
    "s3:ObjectCreated:Copy": ("Object Created", "CopyObject", None),
    "s3:ObjectCreated:CompleteMultipartUpload": ("Object Created", "CompleteMultipartUpload", None),
    "s3:ObjectRemoved:Delete": ("Object Deleted", "DeleteObject", "Permanently Deleted"),
    "s3:ObjectRemoved:DeleteMarkerCreated": ("Object Deleted", "DeleteObject", "Delete Marker Created"),
    "s3:ObjectTagging:Put": ("Object Tags Added", "PutObjectTagging", None),
    "s3:ObjectTagging:Delete": ("Object Tags Deleted", "DeleteObjectTagging", None),
    "s3:ObjectAcl:Put": ("Object ACL Updated", "PutObjectAcl", None),
}


def _versions_mended() -> None:
    """moto's S3 loses versions, deletions and keys with line breaks; what is changed stands in its own package."""
    from millrace.local.s3 import mend

    mend()


def _s3_events_to(events: S3Events) -> None:
    """moto delivers inside the request, once, in order, with one constant id; ours goes through the bus."""
    from flask import has_request_context, request
    from moto.s3 import notifications
    from moto.s3.models import S3Backend

    def send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        configuration = bucket.notification_configuration
        if configuration is None or configuration.event_bridge is None or key is None:
            return
        name = str(event_name.value)
        if name not in REASONS:
            return
        # moto reports "tags added" for every put; S3 does so for PutObjectTagging only.
        if name.startswith("s3:ObjectTagging") and has_request_context() and "tagging" not in request.args:
            return
        detail_type, reason, deletion = REASONS[name]
        removed = detail_type == "Object Deleted"
        events.s3_event(
            account=account_id,
            region=bucket.region_name,
            bucket=bucket.name,
            key=key.name,
            size=None if removed else key.size,
            etag=None if removed else key.etag.strip('"'),
            version_id=None if key.version_id == "null" else key.version_id,
            detail_type=detail_type,
            reason=reason,
            deletion_type=deletion,
        )

    def delete_marker(self: Any, bucket_name: str, key_name: str) -> Any:
        """moto forgets to report a delete marker."""
        marker = set_marker(self, bucket_name, key_name)
        bucket = self.get_bucket(bucket_name)
        created = notifications.S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
        send_event(self.account_id, created, bucket, marker)
        return marker

    _change(notifications, "send_event", send_event)
    set_marker = _change(S3Backend, "_set_delete_marker", delete_marker)


def _topics_deliver_by(topics: TopicDelivery) -> None:
    """moto writes into subscribed queues without asking their policies, and runs subscribed functions in Docker."""
    from moto.sns.models import Subscription

    from millrace.local.events.topics import TopicMessage

    def publish(
        self: Any,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> None:
        given = (message, message_id, subject, message_attributes, group_id, deduplication_id, message_structure)
        if self.protocol not in topics.protocols:
            known(self, *given)
            return
        wanted = self._filter_policy_matcher
        if wanted is not None and not wanted.matches(message_attributes, message):
            return
        text = self._parse_message_structure(message, self.protocol) if message_structure == "json" else message
        raw = self.protocol == "sqs" and str(self.attributes.get("RawMessageDelivery", "")).lower() == "true"
        envelope = {} if raw else self.get_post_data(text, message_id, subject, message_attributes=message_attributes)
        topics.deliver(
            TopicMessage(
                topic=self.topic.arn,
                subscription=self.arn,
                endpoint=self.endpoint,
                text=text,
                notification=envelope,
                raw=raw,
                attributes=message_attributes or {},
                group=group_id,
                deduplication=deduplication_id,
                dead_letters=json.loads(self.attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn"),
            )
        )

    known = _change(Subscription, "publish", publish)


def _no_delivery_by_moto() -> None:
    """Rules deliver through our bus alone; moto would also fire disabled rules and every schedule."""
    from moto.events.models import Rule

    _change(Rule, "send_to_targets", lambda self, *args, **kwargs: None)


def _no_mapping_by_moto() -> None:
    """moto invokes mapped functions inside SendMessage, in Docker; our pollers read the queue."""
    from moto.sqs.models import Queue

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        known(self, *args, **kwargs)
        self.lambda_event_source_mappings = _Ignored()

    known = _change(Queue, "__init__", init)


def _queues_by_the_clock(clock: Clock) -> None:
    """moto counts a message's longest visibility timeout from when it was sent, which a moved clock soon exceeds.

    It also stops at a message that is too old: those behind it wait.
    """
    from moto.sqs import models as sqs
    from moto.sqs.exceptions import ReceiptHandleIsInvalid, SQSException

    class MessageNotInflight(ReceiptHandleIsInvalid):
        def __init__(self) -> None:
            SQSException.__init__(self, "MessageNotInflight", "The specified message isn't in flight.")

    def messages(self: Any) -> list[Any]:
        now = clock.now() * 1000
        oldest = now - self.message_retention_period * 1000
        kept = [each for each in list(self._messages) if each.sent_timestamp > oldest]
        return [each for each in kept if each.visible_at < now >= each.delayed_until]

    def change_visibility(self: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        queue = self.get_queue(queue_name)
        message = _message(queue, receipt_handle)
        if message.visible:
            raise MessageNotInflight
        message.change_visibility(visibility_timeout)
        if message.visible:
            queue.pending_messages.discard(message)

    _change(sqs.Queue, "messages", property(messages))
    _change(sqs.SQSBackend, "change_message_visibility", change_visibility)
    _change(sqs.SQSBackend, "is_message_valid_based_on_retention_period", lambda self, queue_name, message: True)


def _queues_of_many_messages() -> None:
    """moto counts a queue's messages several times for each that is sent or received, and searches all to delete one.

    It also replaces the list of messages when it deletes one, and so loses another that comes at this moment.
    """
    from moto.core.utils import camelcase_to_underscores
    from moto.sqs.models import Queue

    fields = functools.cache(camelcase_to_underscores)

    class Attributes(Mapping[str, Any]):
        """A queue's attributes, each computed when it is asked for."""

        def __init__(self, queue: Any) -> None:
            names = [*queue.BASE_ATTRIBUTES, *(queue.FIFO_ATTRIBUTES if queue.fifo_queue else ())]
            self._names = [*names, *(queue.KMS_ATTRIBUTES if queue.kms_master_key_id else ())]
            self._queue = queue

        def __getitem__(self, name: str) -> Any:
            if name not in self._names:
                raise KeyError(name)
            value = getattr(self._queue, fields(name))
            if name.endswith("Timestamp"):
                return int(value)
            if name == "RedrivePolicy" and value:
                return json.dumps(value)
            return str(value).lower() if isinstance(value, bool) else value

        def __contains__(self, name: object) -> bool:
            return name in self._names

        def __iter__(self) -> Iterator[str]:
            return iter(self._names)

        def __len__(self) -> int:
            return len(self._names)

    def delete(self: Any, receipt_handle: str) -> None:
        if receipt_handle in self.deleted_messages:
            return
        message = _message(self, receipt_handle)
        with contextlib.suppress(ValueError):
            self._messages.remove(message)
        self.pending_messages.discard(message)
        self.deleted_messages.update(message.all_receipt_handles)

    _change(Queue, "attributes", property(Attributes))
    _change(Queue, "delete_message", delete)


def _logs_mended() -> None:
    """moto finds other lines than were asked for; what is changed stands in its own package."""
    from millrace.local.logs import mend

    mend()


def _message(queue: Any, receipt_handle: str) -> Any:
    """The message of a queue that had this receipt handle; those in flight are the first ones."""
    from moto.sqs.exceptions import ReceiptHandleIsInvalid

    for message in list(queue._messages):
        if receipt_handle == message.receipt_handle or receipt_handle in message._old_receipt_handles:
            return message
    raise ReceiptHandleIsInvalid


def tell_of_messages(happened: MessageEvent) -> None:
    """What SQS counts for CloudWatch, moto does not; `happened` is told of every send, receive and delete."""
    from moto.sqs.models import SQSBackend

    def arn(backend: Any, queue: str) -> str:
        return f"arn:aws:sqs:{backend.region_name}:{backend.account_id}:{queue}"

    def send(self: Any, queue_name: str, message_body: str, *args: Any, **kwargs: Any) -> Any:
        message = known_send(self, queue_name, message_body, *args, **kwargs)
        happened(arn(self, queue_name), "NumberOfMessagesSent")
        happened(arn(self, queue_name), "SentMessageSize", len(message_body.encode()), "Bytes")
        return message

    def receive(self: Any, queue_name: str, *args: Any, **kwargs: Any) -> Any:
        found = known_receive(self, queue_name, *args, **kwargs)
        if found:
            happened(arn(self, queue_name), "NumberOfMessagesReceived", len(found))
        else:
            happened(arn(self, queue_name), "NumberOfEmptyReceives")
        return found

    def delete(self: Any, queue_name: str, receipt_handle: str) -> None:
        known_delete(self, queue_name, receipt_handle)
        happened(arn(self, queue_name), "NumberOfMessagesDeleted")

    known_send = _change(SQSBackend, "send_message", send)
    known_receive = _change(SQSBackend, "receive_message", receive)
    known_delete = _change(SQSBackend, "delete_message", delete)


class _Ignored(dict[str, Any]):
    """A dict that stays empty."""

    def __setitem__(self, key: str, value: Any) -> None:
        return


def _modules_listed_once() -> None:
    """moto lists its own folder, and tries the patterns of all services, for every request."""
    from moto import backends
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    found = tuple(backends.list_of_moto_modules())
    _change(backends, "list_of_moto_modules", lambda: found)
    known = DomainDispatcherApplication.get_backend_for_host
    _change(DomainDispatcherApplication, "get_backend_for_host", functools.lru_cache(1024)(known))


def _ec2_only_when_used() -> None:
    """SSM imports EC2, whose tables of machine types and images take most of a second, for one rare operation."""
    stand_in: Any = types.ModuleType("moto.ec2")
    stand_in.ec2_backends = _Ec2Backends()
    sys.modules["moto.ec2"] = stand_in
    try:
        importlib.import_module("moto.ssm.models")
    finally:
        del sys.modules["moto.ec2"]


class _Ec2Backends:
    def __getitem__(self, account: str) -> Any:
        return importlib.import_module("moto.ec2").ec2_backends[account]


def _tables_mended(clock: Clock) -> None:
    """moto's DynamoDB is neither atomic nor quick; what is changed stands in its own package."""
    from millrace.local.dynamodb import mend

    mend(clock.now)


def queues() -> list[tuple[str, Any]]:
    """Every queue of every account with its ARN; no API tells how old a queue's messages are."""
    from moto.sqs.models import sqs_backends

    backends: list[Any] = [backend for _, _, backend in list(sqs_backends.iter_backends())]
    return [(queue.queue_arn, queue) for backend in backends for queue in list(backend.queues.values())]


def function_code(account: str, region: str, name: str) -> bytes:
    """The zip of a Lambda function's code (GetFunction answers only a URL that leads nowhere)."""
    from moto.awslambda.models import lambda_backends

    return bytes(lambda_backends[account][region].get_function(name).code_bytes)


def moto_application() -> Callable[..., Any]:
    """moto's WSGI application: one Flask app per service, made on its first request."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    def create(service: Any) -> Any:
        if service is None:
            raise NotImplementedError("moto does not have the service")
        return create_backend_app(service)

    return DomainDispatcherApplication(create)


def collect_garbage(stop: threading.Event, every_seconds: float = 2.0) -> None:
    """moto's request bodies sit in reference cycles; without this the process keeps them for minutes."""
    while not stop.wait(every_seconds):
        gc.collect(1)
