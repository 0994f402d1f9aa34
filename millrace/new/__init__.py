"""Bring your own table: reads CSV files once, infers a model's settings, and writes them down with reasons.

`millrace.cli.new` calls it. It imports nothing of what is deployed: what it knows of the settings file is the file's
own format, and a test loads what it writes.
"""

from millrace.new.infer import infer
from millrace.new.reading import read
from millrace.new.records import Proposal, Wishes
from millrace.new.writer import as_toml

__all__ = ["Proposal", "Wishes", "as_toml", "infer", "read"]
