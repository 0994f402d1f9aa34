"""Which archives the deploy function lets through: it reads them as a stream and unpacks none."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import itertools
import tarfile
import tracemalloc
from collections.abc import Callable

import pytest
from deploy_model.archive import LARGEST_UNPACKED, NEEDED, Limits, check_archive
from deploy_model.errors import RefusedError

from tests.archive_lab import SOUND, member, packed, tar


def refusal(data: bytes, *, sha256: str | None = None, limits: Limits | None = None) -> str:
    with pytest.raises(RefusedError) as caught:
        check_archive(io.BytesIO(data), sha256=sha256 or hashlib.sha256(data).hexdigest(), limits=limits)
    return str(caught.value)


def accept(data: bytes) -> None:
    check_archive(io.BytesIO(data), sha256=hashlib.sha256(data).hexdigest())


def with_member(*infos: tarfile.TarInfo) -> bytes:
    return packed(others=infos)


def long_header() -> bytes:
    """A header of extended attributes that alone would fill the memory."""
    info = member("model.json")
    info.pax_headers = {"comment": "a" * (1 << 20)}
    return with_member(info)


def nested_headers() -> bytes:
    head = member("././@PaxHeader", kind=tarfile.XHDTYPE).tobuf(tarfile.USTAR_FORMAT)
    return gzip.compress(head * 5000)


def behind_the_end() -> bytes:
    return gzip.compress(tar() + tar({"model.json": b"another one"}))


def cut_off() -> bytes:
    return packed({**SOUND, "large.bin": bytes(range(256)) * 4096})[:-100]


def bad_checksum() -> bytes:
    data = bytearray(packed())
    data[-8] ^= 1
    return bytes(data)


def shorter_than_it_says() -> bytes:
    return gzip.compress(tar()[:1024] + member("large.bin", size=1 << 20).tobuf() + b"short")


MALICIOUS: dict[str, tuple[Callable[[], bytes], str]] = {
    "absolute path": (lambda: with_member(member("/etc/passwd")), "'/etc/passwd' leads out of its folder"),
    "traversal": (lambda: with_member(member("../../escaped.txt")), "'../../escaped.txt' leads out of its folder"),
    "hidden traversal": (lambda: with_member(member("code/./../../x")), "'code/./../../x' leads out of its folder"),
    "folder outside": (lambda: with_member(member("..", kind=tarfile.DIRTYPE)), "'..' leads out of its folder"),
    "backslashes": (lambda: with_member(member("..\\..\\x")), "has a name that is too long or not plain"),
    "line break": (lambda: with_member(member("a\nb")), "has a name that is too long or not plain"),
    "long name": (lambda: with_member(member("a" * 300)), "has a name that is too long or not plain"),
    "symbolic link": (
        lambda: with_member(member("code/lib", kind=tarfile.SYMTYPE, link="/etc")),
        "'code/lib' is neither a plain file nor a folder",
    ),
    "hard link": (
        lambda: with_member(member("a", kind=tarfile.LNKTYPE, link="../../etc/passwd")),
        "'a' is neither a plain file nor a folder",
    ),
    "device": (lambda: with_member(member("null", kind=tarfile.CHRTYPE)), "'null' is neither a plain file nor a"),
    "pipe": (lambda: with_member(member("pipe", kind=tarfile.FIFOTYPE)), "'pipe' is neither a plain file nor a"),
    "sparse file": (
        lambda: with_member(member("sparse.bin", kind=tarfile.GNUTYPE_SPARSE)),
        "'sparse.bin' is neither a plain file nor a folder",
    ),
    "same name twice": (lambda: with_member(member("./model.json")), "it holds './model.json' twice"),
    "many members": (lambda: with_member(*(member(f"{n}") for n in range(1100))), "it holds more than 1,000 members"),
    "long header": (long_header, "a header of the archive takes 1,04"),
    "nested headers": (nested_headers, "it is no sound tar archive"),
    "second archive": (behind_the_end, "something follows the end of the archive"),
    "cut off": (cut_off, "it ends in the middle"),
    "bad checksum": (bad_checksum, "it is no sound gzip file"),
    "shorter than it says": (shorter_than_it_says, "it is no sound tar archive"),
    "no gzip": (lambda: tar(), "it is no sound gzip file"),
    "a zip": (lambda: b"PK\x03\x04", "it is no sound gzip file"),
    "no tar": (lambda: gzip.compress(b"\x80\x04pickle" * 200), "it is no sound tar archive"),
    "nothing": (lambda: b"", "it ends in the middle"),
}


@pytest.mark.parametrize("kind", MALICIOUS)
def test_an_archive_that_nobody_should_unpack_is_refused_with_what_is_wrong(kind: str) -> None:
    make, why = MALICIOUS[kind]
    assert why in refusal(make())


@pytest.mark.parametrize("absent", NEEDED)
def test_an_archive_that_lacks_a_member_is_refused(absent: str) -> None:
    assert refusal(packed({name: held for name, held in SOUND.items() if name != absent})) == f"it holds no {absent}"


def test_the_digest_of_the_digests_is_found_in_the_same_reading() -> None:
    for digests in (b"", b"{}", b"a" * 511, b"a" * 512, b"a" * 513, b"a" * (1 << 16)):
        data = packed({**SOUND, "digests.json": digests, "behind.bin": bytes(3000)})
        found = check_archive(io.BytesIO(data), sha256=hashlib.sha256(data).hexdigest())
        assert found == hashlib.sha256(digests).hexdigest()


def test_digests_that_nobody_would_write_are_refused() -> None:
    why = "its digests.json has 65,537 bytes, more than 65,536"
    assert refusal(packed({**SOUND, "digests.json": b"a" * ((1 << 16) + 1)})) == why
    cut = gzip.compress(member("digests.json", size=600).tobuf() + b"a")
    assert refusal(cut) == "its digests.json ends in the middle"


def test_an_empty_folder_is_no_file() -> None:
    files = {name: held for name, held in SOUND.items() if name != "model.json"}
    assert refusal(packed(files, [member("model.json", kind=tarfile.DIRTYPE)])) == "it holds no model.json"


def test_other_bytes_than_the_registered_ones_are_refused_whatever_they_are() -> None:
    wanted = hashlib.sha256(packed()).hexdigest()
    for other in (packed({**SOUND, "model.json": b"another"}), with_member(member("/etc/passwd")), b"", packed()[:-1]):
        found = hashlib.sha256(other).hexdigest()
        expected = f"its sha256 is {found}, but {wanted} was registered: the archive was changed"
        assert refusal(other, sha256=wanted) == expected


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_the_usual_ways_to_write_an_archive_are_accepted(format: int) -> None:
    data = tar(format=format)
    accept(gzip.compress(data))
    accept(gzip.compress(data[:1000]) + gzip.compress(data[1000:]))  # as some packers write in parts
    accept(packed({f"./{name}": held for name, held in SOUND.items()}, [member(".", kind=tarfile.DIRTYPE)]))
    dated = member("later.txt")
    dated.mtime = 1.5
    accept(packed(others=[dated, member("a" * 200)]))


def test_an_archive_of_any_size_takes_little_memory() -> None:
    big = packed({**SOUND, "zeros.bin": bytes(64 << 20)})
    tracemalloc.start()
    try:
        accept(big)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 << 20


def test_a_bomb_is_given_up_at_the_limit() -> None:
    bomb = packed({**SOUND, "zeros.bin": bytes(64 << 20)})
    assert refusal(bomb, limits=Limits(unpacked=32 << 20)) == "unpacked it is larger than 33,554,432 bytes"
    assert LARGEST_UNPACKED < 1 << 32


def test_bytes_changed_anywhere_are_refused() -> None:
    sound = packed()
    wanted = hashlib.sha256(sound).hexdigest()
    for place, bit in itertools.product(range(0, len(sound), 7), (1, 128)):
        changed = bytearray(sound)
        changed[place] ^= bit
        assert "the archive was changed" in refusal(bytes(changed), sha256=wanted)
        with contextlib.suppress(RefusedError):  # no other error, whatever was registered
            check_archive(io.BytesIO(changed), sha256=hashlib.sha256(changed).hexdigest())
