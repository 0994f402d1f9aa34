"""Event delivery of the embedded AWS: EventBridge buses, rules and targets, and both schedulers' clock."""
