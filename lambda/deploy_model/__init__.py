"""Brings approved models to their endpoints, in every account. Runs in Lambda, fed by the queue of the deploy stack.

It never waits: each message makes it compare what should be served with what is, and at most start one update of
the serving stack; the stack's own event brings it back when that is done. The registry is the training account's;
from another account it is also looked at every hour, for what no event told.
A version is checked before that; one that must not be served, or that an alarm or its own container took back, is
marked Rejected, with the reason. What was done with a version is told in its metadata.

    handler.py    the entry point, and the clients
    batch.py      SQS records in, partial batch failures out
    direct.py     one version, asked for by a step of a pipeline
    served.py     the answer to a pipeline's step that waits until a version is served
    messages.py   which models a message is about, and who approved
    plan.py       what to do, from the state of registry and stack; pure
    deploy.py     reads that state and does it
    registry.py   the versions: which are approved, what is known of one, what it is told
    stacks.py     the serving stack: its state, why it was rolled back, its update
    check.py      whether a version may be served: what the registry says of it, and its archive
    archive.py    what the archive must look like, and the digest that the stack pins
    unpacked.py   the archive as a stream, in bounded memory
    errors.py     what is raised
    settings.py   the environment as a record
"""
