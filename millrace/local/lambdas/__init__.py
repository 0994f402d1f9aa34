"""Lambda functions of the embedded AWS: warm worker processes, asynchronous invocations, queue pollers."""
