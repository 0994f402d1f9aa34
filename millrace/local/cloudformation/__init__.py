"""CloudFormation of the embedded AWS: reads templates, plans, executes, rolls back; `service.py` is its face."""
