"""A gzip archive as a file that is read forwards only, in bounded memory. Used by `archive.py`.

Everything that passes is counted and hashed, so that one reading of the object tells both what is in the archive and
which bytes it is.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Protocol

CHUNK = 1 << 18
MOST_AT_ONCE = 1 << 16
"""No header of an archive is longer; content is skipped, never held."""
GZIP = 31
"""How zlib is told to expect gzip's head and checksum."""


class Source(Protocol):
    """What S3 answers, or any other stream of bytes."""

    def read(self, amount: int, /) -> bytes: ...


class BadStreamError(Exception):
    """The bytes are no gzip stream that may be unpacked."""


class Unpacked:
    """The unpacked bytes: a file as tarfile needs it, but for seeking back."""

    def __init__(self, source: Source, *, most: int) -> None:
        self._source, self._most = source, most
        self._hash = hashlib.sha256()
        self._inflate = zlib.decompressobj(GZIP)
        self._waiting = b""
        self._ready = bytearray()
        self._position = 0
        self._unpacked = 0

    def read(self, amount: int) -> bytes:
        if not 0 <= amount <= MOST_AT_ONCE:
            raise BadStreamError(f"a header of the archive takes {amount:,} bytes, more than {MOST_AT_ONCE:,}")
        while len(self._ready) < amount and self._more():
            pass
        found = bytes(self._ready[:amount])
        del self._ready[:amount]
        self._position += len(found)
        return found

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, _whence: int = 0) -> int:
        if position < self._position:
            raise BadStreamError("the archive leads back to where it was")
        while self._position < position and self._skip(position - self._position):
            pass
        return self._position

    def rest_is_zero(self) -> bool:
        """Whether nothing but padding follows."""
        while self._ready or self._more():
            if self._ready.count(0) != len(self._ready):
                return False
            self._position += len(self._ready)
            self._ready.clear()
        return True

    def sha256(self) -> str:
        """The digest of the packed bytes, to their end."""
        while self._fetch():
            pass
        return self._hash.hexdigest()

    def _skip(self, amount: int) -> int:
        if not self._ready and not self._more():
            return 0
        skipped = min(amount, len(self._ready))
        del self._ready[:skipped]
        self._position += skipped
        return skipped

    def _more(self) -> bool:
        """Unpack some more; False at the end."""
        packed = self._waiting or self._fetch()
        if self._inflate.eof and packed:
            self._inflate = zlib.decompressobj(GZIP)  # gzip streams may follow each other
        if not packed and self._inflate.eof:
            return False
        try:
            found = self._inflate.decompress(packed, CHUNK)
        except zlib.error as error:
            raise BadStreamError(f"it is no sound gzip file ({error})") from error
        self._waiting = self._inflate.unconsumed_tail or self._inflate.unused_data
        if not (packed or found or self._inflate.eof):
            raise BadStreamError("it ends in the middle")
        self._unpacked += len(found)
        if self._unpacked > self._most:
            raise BadStreamError(f"unpacked it is larger than {self._most:,} bytes")
        self._ready += found
        return True

    def _fetch(self) -> bytes:
        packed = self._source.read(CHUNK)
        self._hash.update(packed)
        return packed
