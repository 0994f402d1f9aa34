"""Settings in, CDK stages out: `cdk synth`, `cdk deploy "Dev/*"`, or `python app.py` to write cdk.out alone."""

from settings import load
from stacks.account_stage import AccountStage
from stacks.app import new_app
from stacks.plain_errors import tell_mistakes_plainly

tell_mistakes_plainly()
settings = load()
app = new_app()
for account in settings.accounts:
    AccountStage(app, account.name.capitalize(), account=account, settings=settings)
app.synth()
