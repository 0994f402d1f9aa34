"""Finds the version that a new model has to beat. Runs in Lambda, called by the first step of every pipeline.

It never fails a run because a version is missing or on its way: it then takes the next best, and says why.

    handler.py    the entry point, and the clients
    resolve.py    served version, newest approved one, or none: in this order
    registry.py   what SageMaker knows of endpoint and registry; what is missing is None
    champion.py   the answer, as the pipeline's step wants it
    settings.py   the environment as a record
"""
