"""CloudWatch: metrics of what runs here and of callers, alarms that are evaluated, dashboards that are kept."""
