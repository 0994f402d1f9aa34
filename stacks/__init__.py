"""What is deployed: one file per concern, constructs beside it. `account_stage.py` shows the wiring."""

from stacks.jsii_node import use_the_wheel

use_the_wheel()  # jsii starts Node when aws_cdk is first used, so this must come before every other module here
