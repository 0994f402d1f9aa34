"""SageMaker endpoints that really serve: one process per instance, running the model's own inference code."""
