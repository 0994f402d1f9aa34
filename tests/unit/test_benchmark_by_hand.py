"""The scripts by hand run the code of the run that they are compared with."""

from __future__ import annotations

from pathlib import Path

from benchmarks.by_hand import assembly_file


def test_an_asset_is_found_by_the_key_under_which_it_was_published(tmp_path: Path) -> None:
    for name in ("asset.aa.zip", "asset.bb.zip", "asset.cc.tar.gz"):
        (tmp_path / name).touch()

    assert assembly_file(tmp_path, "bb.zip").name == "asset.bb.zip"
    assert assembly_file(tmp_path, "cc.gz").name == "asset.cc.tar.gz"
