"""The command line. It speaks AWS through boto3 alone, so it serves a real account too (`--profile`)."""
