"""What a look decides, from any listing and any ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from start_pipeline.bucket import OVERWRITTEN, REMOVED, Version, read_pages
from start_pipeline.ledger import FileState
from start_pipeline.manifest import Manifest, RawFile
from start_pipeline.plan import OPEN, Comparison, History, compare, data_set, worth_a_run
from start_pipeline.rows import FileRow, RunRow, decode, encode, from_item, run_id, split_run, table_items, to_item

from tests.starter_lab import MODEL, settings

SPEC = settings()
STATES = ("seen", "assigned", "trained", "failed", "rejected", "superseded", "deleted")


def item_of(version: Version) -> str:
    return f"{table_items(version.table)}{version.key}@{version.version_id}"


def row(state: str) -> FileState:
    return FileState(state, "run" if state in ("assigned", "trained", "failed") else "", 1.0, "c", "k", "v")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Version], dict[str, FileState]]:
    """A listing as S3 gives it (one current version for each key, or none), and rows that may or may not fit."""
    versions: list[Version] = []
    for key in draw(st.sets(st.sampled_from(["a.csv", "b.CSV", "c.txt", "d/e.csv"]))):
        table = draw(st.sampled_from(SPEC.tables))
        hidden = draw(st.sampled_from(["", REMOVED]))
        for number in range(draw(st.integers(1, 3))):
            why = hidden if number == 0 or hidden else OVERWRITTEN
            versions.append(Version(table, f"raw/{MODEL}/{table}/{key}", f"v{number}", "e", 1, 1.0, why))
    known = draw(st.lists(st.sampled_from(versions))) if versions else []
    files = {item_of(version): row(draw(st.sampled_from(STATES))) for version in known}
    for number in range(draw(st.integers(0, 3))):
        files[f"{table_items('claims')}gone{number}"] = row(draw(st.sampled_from(STATES)))
    return versions, files


def mended(found: Comparison, files: dict[str, FileState]) -> dict[str, FileState]:
    """The ledger after everything the comparison asks for; every check passes."""
    after = dict(files)
    for step in (*found.admit, *found.revive, *found.record):
        after[step.item] = replace(after.get(step.item, row("seen")), state=step.state)
    for close in found.close:
        after[close.item] = replace(after[close.item], state=close.state)
    return after


@given(worlds())
def test_a_mended_ledger_needs_no_mending_and_every_listed_version_has_a_row(world: Any) -> None:
    versions, files = world
    found = compare(versions, files, model=SPEC, item_of=item_of)
    after = mended(found, files)
    assert {item_of(version) for version in versions} <= set(after)
    assert compare(versions, after, model=SPEC, item_of=item_of).clean


@given(worlds())
def test_a_trained_or_rejected_row_never_changes_by_looking(world: Any) -> None:
    versions, files = world
    after = mended(compare(versions, files, model=SPEC, item_of=item_of), files)
    for item, old in files.items():
        if old.state in ("trained", "rejected"):
            assert after[item] == old


@given(worlds())
def test_only_current_versions_wait_and_all_of_them_are_in_the_data_set(world: Any) -> None:
    versions, files = world
    found = compare(versions, files, model=SPEC, item_of=item_of)
    after = mended(found, files)
    data = data_set(found.current, after, model=SPEC)
    used = {(file.key, file.version_id) for table in data.tables.values() for file in table}
    for version in versions:
        state, item = after[item_of(version)].state, item_of(version)
        assert (state in OPEN) == (item in (*data.waiting, *data.failed))
        if (version.key, version.version_id) in used:
            assert not version.hidden
            assert version.key.lower().endswith(".csv")
            assert state in (*OPEN, "trained")
    assert not {item for item, now in after.items() if now.state in OPEN} - {item_of(version) for version in versions}


@given(worlds(), st.randoms())
def test_the_order_of_the_listing_changes_nothing(world: Any, random: Any) -> None:
    versions, files = world
    shuffled = list(versions)
    random.shuffle(shuffled)
    manifests = []
    for order in (versions, shuffled):
        found = compare(order, files, model=SPEC, item_of=item_of)
        manifests.append(Manifest(MODEL, data_set(found.current, mended(found, files), model=SPEC).tables))
    assert manifests[0].digest == manifests[1].digest
    assert Manifest.parse(manifests[0].text).text == manifests[0].text


@pytest.mark.parametrize(
    ("state", "attempts", "last", "allowed", "worth"),
    [
        ("seen", 5, "failed", 1, True),
        ("assigned", 1, "failed", 1, True),
        ("trained", 0, "", 9, False),
        ("failed", 0, "", 1, True),
        ("failed", 1, "failed", 1, False),
        ("failed", 1, "failed", 2, True),
        ("failed", 1, "stopped", 2, False),
    ],
)
def test_what_is_worth_a_run(state: str, attempts: int, last: str, allowed: int, worth: bool) -> None:
    version = Version("claims", "k.csv", "v", "e", 1, 1.0)
    data = data_set({"i": version}, {"i": row(state)}, model=SPEC)
    assert worth_a_run(data, History(attempts, last), attempts=allowed) == worth
    assert data.missing == ("customers",)


FILES = st.builds(RawFile, key=st.text(max_size=8), version_id=st.text(max_size=4), etag=st.just("e"), size=st.just(1))
TABLES = st.dictionaries(st.sampled_from("abc"), st.frozensets(FILES, max_size=3).map(tuple), min_size=1)


@given(TABLES, TABLES)
def test_two_data_sets_share_a_digest_exactly_if_they_hold_the_same_versions(one: Any, other: Any) -> None:
    same = {table: set(files) for table, files in one.items()} == {table: set(files) for table, files in other.items()}
    assert (Manifest("m", one).digest == Manifest("m", other).digest) == same


def test_the_manifest_is_canonical_json_and_its_digest_names_the_copies() -> None:
    file = RawFile("raw/m/t/ü.csv", "1", "e", 3)
    manifest = Manifest("m", {"t": (file, file)})
    entry = '{"etag":"e","key":"raw/m/t/ü.csv","size":3,"version_id":"1"}'
    assert manifest.text == f'{{"model":"m","tables":{{"t":[{entry},{entry}]}}}}'
    place = f"inputs/{manifest.digest}"
    assert manifest.key == f"{place}/manifest.json"
    assert [key for _, key in manifest.copies()] == [f"{place}/t/00000.csv", f"{place}/t/00001.csv"]


@given(st.binary(max_size=9), st.integers(1, 99_999))
def test_a_run_id_fits_where_it_is_used_and_is_read_back(content: bytes, attempt: int) -> None:
    digest = Manifest("m", {"t": (RawFile(content.hex(), "", "", 0),)}).digest
    run = run_id(digest, attempt)
    assert 32 <= len(run) <= 82
    assert split_run(run) == (digest, attempt)


@pytest.mark.parametrize("name", ["", "data-1", "f" * 64, "F" * 64 + "-1", "f" * 64 + "-", "f" * 64 + "-²"])
def test_other_names_of_executions_are_no_run_ids(name: str) -> None:
    assert split_run(name) is None


@given(st.text(max_size=20), st.integers(0, 10**12), st.floats(0, 4e9).map(lambda time: round(time, 3)))
def test_records_survive_the_ledger(text: str, size: int, time: float) -> None:
    file = FileRow("m", "t", "b", "k" + text, "v", "seen", size=size, seen_at=time, reason=text)
    assert from_item(FileRow, to_item(file)) == file
    run = RunRow("m", "d" * 64, 3, "failed", text, "s3://x", 1, 1, "c", time, ended_at=time)
    assert from_item(RunRow, to_item(run)) == run
    assert decode(encode(time)) == time


def page(*versions: tuple[str, str, bool], markers: tuple[tuple[str, bool], ...] = ()) -> dict[str, Any]:
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    listed = [
        {"Key": key, "VersionId": version, "IsLatest": latest, "ETag": '"e"', "Size": 1, "LastModified": moment}
        for key, version, latest in versions
    ]
    deleted = [{"Key": key, "VersionId": "m", "IsLatest": latest} for key, latest in markers]
    return {"Versions": listed, "DeleteMarkers": deleted}


def test_a_listing_tells_overwritten_from_deleted_also_across_pages() -> None:
    claims = f"raw/{MODEL}/claims"
    pages = [
        page((f"{claims}/a.csv", "2", True), (f"{claims}/b.csv", "1", False)),
        page((f"{claims}/a.csv", "1", False), markers=((f"{claims}/b.csv", True), (f"{claims}/a.csv", False))),
        page((f"{claims}/_SUCCESS", "1", True), (f"raw/{MODEL}/unknown/a.csv", "1", True)),
    ]
    listing = read_pages(pages, SPEC)
    hidden = {(version.key[-5:], version.version_id): version.hidden for version in listing.versions}
    assert hidden == {("a.csv", "2"): "", ("b.csv", "1"): REMOVED, ("a.csv", "1"): OVERWRITTEN}
    assert listing.pages == 3


def test_a_listing_is_the_same_only_for_the_same_versions_and_settings() -> None:
    one, other = page(("k", "1", True)), page(("k", "1", False), markers=(("k", True),))
    digests = {
        read_pages([one], SPEC).digest,
        read_pages([other], SPEC).digest,
        read_pages([one], settings(attempts=2)).digest,
    }
    assert len(digests) == 3
    assert read_pages([one], SPEC).digest in digests
