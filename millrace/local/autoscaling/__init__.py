"""Application Auto Scaling of endpoint variants: what AWS refuses is refused, and target tracking really scales."""
