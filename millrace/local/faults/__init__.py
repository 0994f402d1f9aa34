"""Faults on request: events that come twice, late, in another order or never, throttled calls, crashed functions."""
