"""Makes the CDK App the same way with and without the CDK CLI. Called by the top-level `app.py` and the tests."""

from __future__ import annotations

import json
import os
from pathlib import Path

import aws_cdk as cdk

from stacks.controls.plugin import MillraceControls

REPOSITORY = Path(__file__).parent.parent


def new_app(*, outdir: Path | None = None) -> cdk.App:
    """An App with cdk.json's context, which only the CLI would read, writing to `cdk.out` beside it."""
    chosen = os.environ.get("CDK_OUTDIR")
    app = cdk.App(
        outdir=str(outdir or chosen or REPOSITORY / "cdk.out"),
        context=json.loads((REPOSITORY / "cdk.json").read_text("utf-8"))["context"],
        analytics_reporting=False,
    )
    cdk.Validations.of(app).add_plugins(MillraceControls())
    return app
