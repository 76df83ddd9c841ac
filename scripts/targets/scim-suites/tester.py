"""Runs scim2-tester against the SCIM server at BASE_URL, with TOKEN."""

import os

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from summary import print_summary

PASSED = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}


def main():
    http = Client(
        base_url=os.environ["BASE_URL"],
        headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
        timeout=30,
        trust_env=False,
    )
    passed, failed, skipped = 0, [], []
    for result in check_server(SyncSCIMClient(http)):
        name = f"{result.resource_type or 'Server'}: {result.title}: {result.reason}"
        if result.status in PASSED:
            passed += 1
        elif result.status == Status.SKIPPED:
            skipped.append(name)
        else:
            failed.append(name)
    print_summary(passed, failed, skipped)


main()
