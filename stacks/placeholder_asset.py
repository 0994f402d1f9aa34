"""The object that stands in for a champion while there is none, as a CDK asset. `build.py` makes one.

Evaluate's input must name something in S3; what it finds there without a model is that there is none.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from aws_cdk import AssetHashType
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

NAME = "no-champion.json"
CONTENT = '{"champion": null}\n'


class Placeholder(s3_assets.Asset):
    """`s3_object_url` is its address; its own file name is its hash, as that of every asset."""

    def __init__(self, scope: Construct, id_: str) -> None:
        # An asset copies its file into cdk.out at once, so the file's own folder need not outlive the call.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, NAME)
            path.write_text(CONTENT, "utf-8")
            digest = hashlib.sha256(CONTENT.encode()).hexdigest()
            super().__init__(scope, id_, path=str(path), asset_hash_type=AssetHashType.CUSTOM, asset_hash=digest)
