"""What every suite prints at its end: one line of JSON, read by tests/it/scim_suites.rs."""

import json


def print_summary(passed, failed, skipped):
    print(json.dumps({"passed": passed, "failed": sorted(failed), "skipped": sorted(skipped)}))
