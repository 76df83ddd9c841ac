"""Runs scim2-server so that its resources outlive a restart.

The server keeps everything in memory and can only write it out when it stops.
Usage: scim2-server.py STATE_FILE [arguments of scim2-server...]
"""

import itertools
import json
import os
import signal
import sys

from scim2_server.testserver import cli

STATE_FILE = sys.argv[1]


class RestoredApplication(cli.BearerTokenApplication):
    def __init__(self, storage, provider, **others):
        if os.path.exists(STATE_FILE):
            with open(STATE_FILE) as state:
                saved = json.load(state)
            models = {kind.name: provider.model_for(kind) for kind in provider.resource_types}
            storage.resources = [
                models[record["meta"]["resourceType"]].model_validate(record) for record in saved
            ]
            # Versions count up from 1: none may come back for another content.
            newest = [int(record["meta"]["version"].split('"')[1]) for record in saved]
            storage.versions = itertools.count(max(newest, default=0) + 1)
        super().__init__(storage, provider, **others)


def stop(_signal, _frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    cli.BearerTokenApplication = RestoredApplication
    signal.signal(signal.SIGTERM, stop)
    # The server empties its dump file when it starts.
    dump = STATE_FILE + ".new"
    sys.argv = ["scim2-server", *sys.argv[2:], "--dump-resources", dump]
    cli.main()
    os.replace(dump, STATE_FILE)
