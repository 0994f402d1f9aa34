"""Batch transform jobs: S3 objects through the model's own inference server, and its answers back to S3."""
