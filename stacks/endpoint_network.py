"""The rights that a network of one's own asks of the role of endpoints; `boundary.py` lets them through."""

NETWORK = (
    *("CreateNetworkInterface", "CreateNetworkInterfacePermission", "DeleteNetworkInterface"),
    *("DeleteNetworkInterfacePermission", "DescribeDhcpOptions", "DescribeNetworkInterfaces"),
    *("DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs"),
)
"""What SageMaker does in a role's name to put instances into a network; most of it knows no resources."""
