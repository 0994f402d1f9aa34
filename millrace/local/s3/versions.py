"""Versions of objects: two writes of one key at once keep both, and every deletion of a version is told of.

moto reads the list of a key's versions, adds one and writes it back without a lock; it reports the deletion of a
key's last version only, and a multipart upload twice.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from millrace.local.replacing import change

_LOCKS = [threading.RLock() for _ in range(64)]


def lock_of(bucket: str, key: str) -> threading.RLock:
    """What serialises the changes of one key."""
    return _LOCKS[hash((bucket, key)) % len(_LOCKS)]


def mend() -> None:
    _no_version_lost()
    _every_deletion_told()
    _markers_are_no_objects()


def _no_version_lost() -> None:
    from moto.s3.models import S3Backend

    def put_object(self: Any, bucket_name: str, key_name: str, *rest: Any, **named: Any) -> Any:
        # Only the end of a multipart upload gives parts and reports by itself.
        if named.get("multipart") is not None:
            named["disable_notification"] = True
        with lock_of(bucket_name, key_name):
            return known(self, bucket_name, key_name, *rest, **named)

    known = change(S3Backend, "put_object", put_object)


def _every_deletion_told() -> None:
    from moto.s3.models import FakeDeleteMarker, S3Backend

    def delete_object(
        self: Any, bucket_name: str, key_name: str, version_id: str | None = None, bypass: bool = False
    ) -> tuple[bool, dict[str, Any]]:
        with lock_of(bucket_name, key_name):
            bucket = self.get_bucket(bucket_name)
            if bucket.is_versioned and version_id is not None:
                return True, _delete_version(self, bucket, key_name, version_id, bypass)
            found: tuple[bool, dict[str, Any]] = delete(self, bucket_name, key_name, version_id, bypass)
            return found

    def set_marker(self: Any, bucket_name: str, key_name: str) -> Any:
        """S3 marks keys as deleted that never were."""
        bucket = self.get_bucket(bucket_name)
        if key_name in bucket.keys:
            return mark(self, bucket_name, key_name)
        never: Any = SimpleNamespace(name=key_name)
        bucket.keys[key_name] = marker = FakeDeleteMarker(key=never)
        return marker

    delete = change(S3Backend, "delete_object", delete_object)
    mark = change(S3Backend, "_set_delete_marker", set_marker)


def _markers_are_no_objects() -> None:
    """moto says of the version of a delete marker that it does not exist."""
    from moto.s3.exceptions import MethodNotAllowed, S3ClientError
    from moto.s3.models import FakeDeleteMarker, S3Backend
    from moto.s3.responses import S3Response

    def get_object(
        self: Any,
        bucket_name: str,
        key_name: str,
        version_id: str | None = None,
        part_number: str | None = None,
        return_delete_marker: bool = False,
    ) -> Any:
        found = get(self, bucket_name, key_name, version_id, part_number, return_delete_marker=True)
        if not isinstance(found, FakeDeleteMarker) or return_delete_marker:
            return found
        if version_id is None:
            return None
        raise MethodNotAllowed("GET", "DeleteMarker")

    def copy_object(self: Any) -> Any:
        try:
            return copy(self)
        except MethodNotAllowed as error:
            raise S3ClientError(
                "InvalidRequest",
                "The source of a copy request may not specifically refer to a delete marker by version id.",
            ) from error

    get = change(S3Backend, "get_object", get_object)
    copy = change(S3Response, "copy_object", copy_object)


def _delete_version(backend: Any, bucket: Any, key_name: str, version_id: str, bypass: bool) -> dict[str, Any]:
    """Take one version away for ever; the headers of the answer."""
    from moto.s3 import notifications
    from moto.s3.exceptions import AccessDeniedByLock
    from moto.s3.models import FakeDeleteMarker, FakeKey

    headers = {"version-id": version_id}
    versions = bucket.keys.getlist(key_name, [])
    gone = next((each for each in versions if each.version_id == version_id), None)
    if gone is None:
        return headers
    if isinstance(gone, FakeKey) and gone.is_locked(governance_bypass=bypass):
        raise AccessDeniedByLock
    if isinstance(gone, FakeDeleteMarker):
        headers["delete-marker"] = "true"
    kept = [each for each in versions if each is not gone]
    # The event is made of the version, so it comes before the version's body is thrown away.
    removed = notifications.S3NotificationEvent.OBJECT_REMOVED_DELETE_EVENT
    notifications.send_event(backend.account_id, removed, bucket, gone)
    bucket.keys.setlist(key_name, kept)
    if not kept:
        dict.pop(bucket.keys, key_name)
    return headers
