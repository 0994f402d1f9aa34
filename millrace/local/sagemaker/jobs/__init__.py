"""SageMaker jobs that really run: S3 in, a child process under a private /opt/ml, S3 out."""
