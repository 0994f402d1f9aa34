"""Starts a pipeline when there is a new, complete data set. Runs in Lambda, fed by the queue of the trigger stack.

handler.py    SQS records in, partial batch failures out
messages.py   what a record asks for: S3 events and schedules
dataset.py    the current files of a model in the raw bucket
manifest.py   the data set's identity, and where its copy lies
start.py      copy, then start, each at most once
settings.py   the environment as a record
"""
