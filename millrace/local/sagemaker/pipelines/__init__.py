"""SageMaker Pipelines of the embedded AWS: the definition language, its scheduler and its API operations."""
