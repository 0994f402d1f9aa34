"""The static gates of `make gates`: public rule packs over the templates, and the decisions to accept a finding.

One synth feeds all of them; the tools that cannot share the toolbox's packages run from an environment of their own.

    __main__.py       synth, run the tools side by side, judge, print
    finding.py        what a tool found: what, why it matters, what to change
    nag.py            cdk-nag's five packs and our own controls, in the synth
    tools.py          checkov, cfn-lint and parliament, as processes
    policies.py       what parliament is asked, in its environment
    any_resource.py   Allow statements on every resource: counted, each with its reason
    accepted.py       reads accepted.toml and judges the findings by it
"""
