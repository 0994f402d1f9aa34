"""Brings approved models to their endpoints. Runs in Lambda, fed by the queue of the deploy stack.

It never waits: each message makes it compare what should be served with what is, and at most start one update of
the serving stack; the stack's own event brings it back when that is done.

    handler.py    the entry point, and the clients
    batch.py      SQS records in, partial batch failures out
    messages.py   which model a message is about
    plan.py       what to do, from the state of registry and stack; pure
    deploy.py     reads that state and does it
    settings.py   the environment as a record
"""
