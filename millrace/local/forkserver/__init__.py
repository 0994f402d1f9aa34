"""Starts children of the embedded AWS in the environment of their image, in milliseconds and never orphaned."""
