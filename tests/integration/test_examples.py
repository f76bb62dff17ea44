"""The examples log what they say, and the README shows the one it shows as it is."""
import os
import subprocess
import tempfile
import textwrap
import time
import unittest

from daemon import Daemon

SOURCE = os.environ["HEADRACE_SOURCE"]
BIN = os.path.join(os.environ["HEADRACE_BUILD"], "bin")


def read(path):
    with open(os.path.join(SOURCE, path)) as f:
        return f.read()


class Examples(unittest.TestCase):
    def logged(self, daemon, stream, count):
        """Waits until the ledger has nothing of the stream on its way, and holds it against count."""
        deadline = time.monotonic() + 60
        while True:
            lines = [line for line in daemon.json("/api/v1/ledger")["lines"] if line["stream"] == stream]
            sums = {term: sum(line[term] for line in lines) for term in ["logged", "accepted", "quarantined", "in_flight", "missing"]}
            if sums["logged"] == count and sums["in_flight"] == 0 or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        self.assertEqual(sums, {"logged": count, "accepted": count, "quarantined": 0, "in_flight": 0, "missing": 0})

    def test_they_arrive(self):
        with Daemon() as daemon, tempfile.TemporaryDirectory(prefix="headrace-examples.") as folder:
            env = {**os.environ, "HEADRACE_URL": daemon.url}
            subprocess.run([os.path.join(BIN, "example_shop")], check=True, env=env, cwd=folder)
            self.logged(daemon, "shop.CheckoutCompleted", 1000)
            subprocess.run([os.path.join(BIN, "example_message")], check=True, env=env, cwd=folder)
            self.logged(daemon, "shop.PageSeen", 1000)
            if os.path.exists(os.path.join(BIN, "example_shop_cxx")):
                subprocess.run([os.path.join(BIN, "example_shop_cxx")], check=True, env=env, cwd=folder)
                self.logged(daemon, "shop.CheckoutCompleted", 2000)
            subprocess.run([os.path.join(BIN, "example_shop_test")], check=True, cwd=folder)

    def test_readme_shows_them(self):
        readme = read("README.md")
        for path, skip in [("sdk/examples/shop.c", 1), ("sdk/examples/shop.proto", 0)]: # a first line that speaks of the README
            text = "\n".join(read(path).splitlines()[skip:])
            shown = textwrap.indent(text, "    ")
            self.assertIn(shown, readme, f"README.md does not show {path} as it is")


if __name__ == "__main__":
    unittest.main()
