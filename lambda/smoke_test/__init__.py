"""Asks a freshly deployed endpoint what its model was asked when it was trained. Runs in Lambda, fed by a queue of
its own with the events of the serving stacks.

Right answers from the right version, fast enough, from the archive that was registered: that is passed, and accounts
that come after this one deploy the version. Else it is marked Rejected with the reason, and every account goes back.
A test tells nothing of a version unless the stack is the same before and after it.

    handler.py    the entry point, and the clients
    batch.py      SQS records in, partial batch failures out
    messages.py   which model a message is about
    stacks.py     what the serving stack says that it serves
    registry.py   what is known of the version, and what it is told
    archive.py    the model's archive: its digest, and the golden rows in it
    endpoint.py   the questions to the endpoint, and how long they take
    answers.py    whether two answers are one; pure
    test.py       the test, and its result
    errors.py     what is raised
    settings.py   the environment as a record
"""
