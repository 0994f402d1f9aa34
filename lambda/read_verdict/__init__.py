"""Hands the verdict of a run to the registry. Runs in Lambda, called by a pipeline's step behind its gate.

The definition language can compare one value of a file, but not pass it on; so this function reads the file.

    handler.py    the entry point, and the client
    source.py     the file's bytes, out of the artifact bucket and no larger than a verdict is
    verdict.py    the verdict as the texts that a model package's metadata take; pure
    errors.py     what can be wrong with a verdict
"""
