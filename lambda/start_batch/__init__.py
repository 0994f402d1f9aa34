"""Starts the batch pipeline of a model for each file uploaded to batch/<model>/. Runs in Lambda, fed by one queue.

handler.py    SQS records in, partial batch failures out
work.py       works off the records; what fails comes back alone
messages.py   what a record asks for: one upload, or a sweep for what no event told
inputs.py     which uploads count, and the names of everything made for one; pure
start.py      copy, execution, marker: each at most once
sweep.py      the hourly look for uploads without a marker
bucket.py     whether a version is there, and how large it is
services.py   the clients and settings; settings.py the environment; errors.py
"""
