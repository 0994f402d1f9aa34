"""Brings approved models to their endpoints. Runs in Lambda, fed by the queue of the deploy stack.

It never waits: each message makes it compare what should be served with what is, and at most start one update of
the serving stack; the stack's own event brings it back when that is done.
A version is checked before that; one that must not be served is marked Rejected, with the reason.

    handler.py    the entry point, and the clients
    batch.py      SQS records in, partial batch failures out
    messages.py   which model a message is about
    plan.py       what to do, from the state of registry and stack; pure
    deploy.py     reads that state and does it
    check.py      whether a version may be served: what the registry says of it, and its archive
    archive.py    what the archive must look like
    unpacked.py   the archive as a stream, in bounded memory
    errors.py     what is raised
    settings.py   the environment as a record
"""
