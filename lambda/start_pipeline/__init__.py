"""Starts a pipeline when there is something new to train on, and keeps the ledger. Runs in Lambda, fed by one queue.

handler.py       SQS records in, partial batch failures out
batch.py         works off the records: uploads, ends of runs, looks, schedules, starts, replays
messages.py      what a record asks for
uploads.py       an announced file version becomes a row of the ledger
wake.py          a burst of uploads becomes one look
look.py          is a run going on, is anything new, is it to be started?
plan.py          the same question, pure: listing against rows
mend.py          brings the rows up to date with the bucket
admit.py         reads and checks one version (check.py), puts what is no table aside (quarantine.py)
start.py         manifest, lock, copies, rows, execution: each at most once
finish.py        files, run row, lock: how a run ended
schedule.py      the hourly look and its figures
skips.py         why a look started nothing
rows.py          the items of the ledger; ledger.py reads and writes them, lock.py the run lock
bucket.py        the listing and the first bytes of a file; manifest.py a data set's identity
services.py      clients, settings, clock; settings.py the environment; errors.py
"""
