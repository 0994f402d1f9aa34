"""`python -m millrace`, and what the script `.venv/bin/millrace` runs."""

from __future__ import annotations

import sys

from millrace.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
