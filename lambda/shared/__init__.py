"""What several functions need; of it, each function's asset holds what it imports.

grants.py        which statement of which policy a denied call lacks; pure
records.py       how a record of the registry is written; pure
log.py           log lines as JSON
dead_letters.py  a message that nobody can act on, with its reason
"""
