"""What every template must hold, checked at each synth: a violation fails it, so nothing else can be deployed.

The public rule packs (`make gates`) do not know SageMaker's pipelines; these controls read inside the definition.

    plugin.py       hands the controls to CDK's validation; `stacks/app.py` adds it to the App
    violation.py    what is wrong, why it matters, what to change
    templates.py    the templates of an App as resources with resolved properties
    jobs.py         every job of every pipeline: encryption, limits, isolation, role
    roles.py        boundary, policies, trust
    data.py         buckets, log groups, models and endpoints, undelivered events
"""
