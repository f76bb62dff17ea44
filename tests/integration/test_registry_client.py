"""@kafkajs/confluent-schema-registry registers, fetches and checks against a real headraced: tests/registry/client.mjs."""
import os
import shutil
import subprocess
import sys
import unittest

from daemon import Daemon

FOLDER = os.path.join(os.environ.get("HEADRACE_SOURCE", "."), "tests", "registry")


class Client(unittest.TestCase):
    def test_a_client_of_confluents_registry(self):
        with Daemon() as daemon:
            run = subprocess.run(["node", "client.mjs", daemon.http], cwd=FOLDER, capture_output=True, text=True, timeout=120)
            self.assertEqual((run.returncode, run.stdout), (0, "ok\n"), run.stdout + run.stderr)


if __name__ == "__main__":
    if shutil.which("node") is None or not os.path.isdir(os.path.join(FOLDER, "node_modules")):
        print("no node, or no npm ci in tests/registry")
        sys.exit(77)
    unittest.main()
