"""SageMaker's control plane in the embedded AWS: a store, jobs that run, the model registry, endpoints."""
