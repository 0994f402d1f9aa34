"""Keys of objects: any text of up to 1,024 bytes, line breaks included."""

from __future__ import annotations

from typing import Any

from millrace.local.replacing import change

KEY_BYTES = 1024


def mend() -> None:
    from moto.s3.models import S3Backend

    _any_character_in_paths()
    for method in ("put_object", "create_multipart_upload"):
        _short_keys_only(S3Backend, method)


def _any_character_in_paths() -> None:
    """The dots in moto's and its router's patterns match every character but a line break."""
    from moto.core.routing import GreedyLabelConverter, ImplicitGreedyLabelConverter
    from moto.moto_server.utilities import RegexConverter

    def pattern(self: Any, url_map: Any, *items: Any) -> None:
        known(self, url_map, *items)
        self.regex = f"(?s:{items[0]})"

    known = change(RegexConverter, "__init__", pattern)
    for converter in (GreedyLabelConverter, ImplicitGreedyLabelConverter):
        change(converter, "regex", f"(?s:{converter.regex})")


def _short_keys_only(backend: Any, method: str) -> None:
    def call(self: Any, bucket_name: str, key_name: str, *rest: Any, **named: Any) -> Any:
        if len(key_name.encode("utf-8", "surrogateescape")) > KEY_BYTES:
            from moto.s3.exceptions import S3ClientError

            raise S3ClientError("KeyTooLongError", "Your key is too long")
        return known(self, bucket_name, key_name, *rest, **named)

    known = change(backend, method, call)
