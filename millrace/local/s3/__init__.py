"""S3 as moto has it, mended where uploads lean on it: every version kept, listed, deleted and told of.

`patches` calls `mend` in the embedded AWS; tests that run moto in their own process call it too.
"""

from __future__ import annotations

import functools


@functools.cache
def mend() -> None:
    """Change moto's S3 once; call before the first request."""
    from millrace.local.s3 import keys, listing, parts, versions

    keys.mend()
    listing.mend()
    parts.mend()
    versions.mend()
