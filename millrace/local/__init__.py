"""The embedded AWS: one server process on 127.0.0.1 that runs the templates of `cdk.out` for real."""
