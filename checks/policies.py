"""Asks parliament about policies: {name: document} on stdin, a list of findings on stdout.

`tools.py` runs it as a script with the Python of the checks environment, so it may import parliament alone.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")  # parliament still uses pkg_resources

import parliament  # noqa: E402


def main() -> None:
    found = []
    for name, document in json.load(sys.stdin).items():
        for raw in parliament.analyze_policy_string(json.dumps(document)).findings:
            finding = parliament.enhance_finding(raw)
            found.append(
                {
                    "policy": name,
                    "issue": finding.issue,
                    "title": finding.title,
                    "description": finding.description,
                    "detail": json.dumps(finding.detail) if finding.detail else "",
                }
            )
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
