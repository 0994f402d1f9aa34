"""The state of the embedded AWS on disk: one pickle of moto's backends and of our stores, bodies beside it.

One pickle, because two backends may share an object. It is bound to the exact versions that wrote it; another
version refuses it and says what to do. Object bodies are files of their own (see `objects`) and not in it.
"""

from __future__ import annotations

import copyreg
import importlib
import io
import logging
import os
import pickle
import platform
import threading
import time
import types
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from millrace.errors import MillraceError
from millrace.local.dynamodb.atomic import TABLES
from millrace.local.replacing import MOTO_VERSION

log = logging.getLogger("millrace.state")

FORMAT = 2
SAVE_EVERY_SECONDS = 20.0
ATTEMPTS = 5
# What differs from run to run and is not state.
TRANSIENT_SERVICES = ("moto_api", "instance_metadata")


class Persistent(Protocol):
    """A store that can give its whole content as plain picklable data, and take it back."""

    def dump(self) -> Any: ...

    def load(self, content: Any) -> None: ...


class State:
    """Saves and loads `state.pickle` of one folder."""

    def __init__(self, folder: Path, stores: Mapping[str, Persistent]) -> None:
        self._file = folder / "state.pickle"
        self._stores = stores
        self._saving = threading.Lock()
        self._changed = threading.Event()

    def touch(self) -> None:
        """Something changed: the next periodic save will write."""
        self._changed.set()

    def save(self) -> None:
        """Write the whole state; a reader finds the old file or the new one, never a part."""
        with self._saving:
            self._changed.clear()
            content = self._pickled()
            unfinished = self._file.with_suffix(".new")
            unfinished.write_bytes(content)
            os.replace(unfinished, self._file)

    def save_periodically(self, stop: threading.Event) -> None:
        while not stop.wait(SAVE_EVERY_SECONDS):
            if self._changed.is_set():
                self.save()

    def load(self) -> bool:
        """Take back what was saved; False when there is nothing."""
        if not self._file.exists():
            return False
        with self._file.open("rb") as file:
            stamp = pickle.load(file)
            if stamp != _stamp():
                raise MillraceError(
                    f"{self._file} was written by {stamp}, this is {_stamp()}: it cannot be read. "
                    "Run `millrace reset` to start from nothing, then `millrace deploy`."
                )
            content = pickle.load(file)
        _put_backends(content["moto"])
        for name, store in self._stores.items():
            if name in content["stores"]:
                store.load(content["stores"][name])
        return True

    def _pickled(self) -> bytes:
        for attempt in range(ATTEMPTS):
            buffer = io.BytesIO()
            pickle.dump(_stamp(), buffer)
            try:
                stores = {name: store.dump() for name, store in self._stores.items()}
                with TABLES:
                    _Pickler(buffer).dump({"moto": _backends(), "stores": stores})
                return buffer.getvalue()
            except RuntimeError:
                # A request changed a dict while it was being read: the next attempt sees it whole.
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.05)
        raise AssertionError("unreachable")


def _stamp() -> dict[str, Any]:
    return {"format": FORMAT, "moto": MOTO_VERSION, "python": platform.python_version_tuple()[:2]}


def _backends() -> list[tuple[str, str, str, Any]]:
    from moto.core.base_backend import BackendDict

    return [
        (every.service_name, account, region, backend)
        for every in list(BackendDict._instances)  # type: ignore[misc]
        if every.service_name not in TRANSIENT_SERVICES
        for account, region, backend in list(every.iter_backends())
    ]


def _put_backends(found: list[tuple[str, str, str, Any]]) -> None:
    from moto.backends import get_backend

    for service, account, region, backend in found:
        dict.__setitem__(get_backend(service)[account], region, backend)  # type: ignore[call-overload]
        if service == "s3":
            _find_buckets(account, backend)


def _find_buckets(account: str, backend: Any) -> None:
    """Moto finds the buckets of other accounts by an index that belongs to no backend."""
    from moto.s3.models import s3_backends

    for name in backend.buckets:
        s3_backends.bucket_accounts[name] = (backend.partition, account)


def _fresh_condition() -> threading.Condition:
    return threading.Condition()


def _plain(value: Any) -> tuple[Any, ...]:
    return (dict, (dict(value),))


_FRESH: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    type(threading.Lock()): lambda _: (threading.Lock, ()),
    type(threading.RLock()): lambda _: (threading.RLock, ()),
    threading.Condition: lambda _: (_fresh_condition, ()),
    threading.Event: lambda _: (threading.Event, ()),
    weakref.WeakValueDictionary: lambda _: (weakref.WeakValueDictionary, ()),
    type({}.keys()): lambda value: (list, (list(value),)),
    types.MappingProxyType: _plain,
    io.BytesIO: lambda value: (io.BytesIO, (value.getvalue(),)),
}


class _Pickler(pickle.Pickler):
    """Locks and the like are made anew at load; keys of cryptography travel as PEM; modules by name."""

    def __init__(self, file: io.BytesIO) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
        from moto.core.base_backend import AccountSpecificBackend, BackendDict

        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._backends, self._of_account = BackendDict, AccountSpecificBackend
        self._private_keys = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)
        self._as_pem = (
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.dispatch_table = copyreg.dispatch_table.copy()
        self.dispatch_table.update(_FRESH)

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, self._backends):
            return (_backends_of, (value.service_name,))
        if isinstance(value, self._of_account):
            return (_backend_of_account, (value.service_name, value.account_id))
        if isinstance(value, types.ModuleType):
            return (importlib.import_module, (value.__name__,))
        if isinstance(value, self._private_keys):
            pem = value.private_bytes(*self._as_pem)
            return (_private_key, (pem,))
        if isinstance(value, dict) and type(value) not in (dict, defaultdict, OrderedDict):
            # moto's own dicts have other constructors and item setters than pickle expects.
            factory = getattr(value, "default_factory", None)
            content = (factory, getattr(value, "__dict__", {}), dict(dict.items(value)))
            return (_empty, (type(value),), content, None, None, _fill)
        if isinstance(value, types.FunctionType) and value.__qualname__.endswith("<lambda>"):
            import cloudpickle

            return (cloudpickle.loads, (cloudpickle.dumps(value),))
        return NotImplemented


def _empty(kind: type) -> Any:
    return kind.__new__(kind)  # type: ignore[call-overload]


def _fill(made: Any, content: tuple[Any, dict[str, Any], dict[Any, Any]]) -> None:
    factory, attributes, items = content
    if isinstance(made, defaultdict):
        made.default_factory = factory
    for key, value in items.items():
        dict.__setitem__(made, key, value)
    made.__dict__.update(attributes)


def _private_key(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem, password=None)


def _backends_of(service: str) -> Any:
    from moto.backends import get_backend

    return get_backend(service)  # type: ignore[call-overload]


def _backend_of_account(service: str, account: str) -> Any:
    return _backends_of(service)[account]
