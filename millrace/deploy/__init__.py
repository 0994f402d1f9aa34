"""Deploys a cloud assembly through the AWS API, to the embedded AWS or to an account: read, plan, execute.

`deployer.py` is its face. It speaks boto3 only and knows nothing of what made the assembly.
"""
