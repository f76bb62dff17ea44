"""Personal data over the real daemon: what a field says is hashed is nowhere in clear, in no file of the store, no answer, no metric
and no line of the log; and equal values are equal hashes, in every field and after a restart."""
import hashlib
import hmac
import json
import os
import stat
import subprocess
import tempfile
import time
import unittest

from daemon import Daemon

HEADRACE = os.path.join(os.environ.get("HEADRACE_BUILD", "."), "bin", "headrace")
PROTO = """syntax = "proto3";
package crm;
import "buf/validate/validate.proto";
import "headrace/options.proto";
message Visit {
  string email = 1 [(headrace.field) = {personal: {class: CONTACT action: HASH}}, (buf.validate.field).string.email = true];
  int32 seconds = 2 [(buf.validate.field).int32.gte = 0];
  repeated string friends = 3 [(headrace.field) = {personal: {class: CONTACT action: HASH}}];
  Person person = 4;
}
message Person { string name = 1 [(headrace.field) = {personal: {class: ID action: HASH}}]; }
"""
CANARY = "canary-7f3a"


class Personal(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="headrace-personal.")
        self.sink = os.path.join(self.dir.name, "sink")
        self.daemon = Daemon("--file-sink", self.sink, "--log-level", "debug").start()

    def tearDown(self):
        self.daemon.__exit__()
        self.dir.cleanup()

    def run_command(self, *args, stdin="", code=0):
        done = subprocess.run([HEADRACE, *args], input=stdin.encode(), capture_output=True, timeout=120,
                              env={**os.environ, "HEADRACE_HTTP": self.daemon.http, "HEADRACE_URL": self.daemon.url})
        self.assertEqual(done.returncode, code, f"{args}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        return done.stdout.decode()

    def send(self, rows, code):
        path = os.path.join(self.dir.name, "visit.proto")
        with open(path, "w") as f:
            f.write(PROTO)
        self.run_command("send", "--proto", path, "--type", "crm.Visit", stdin="".join(json.dumps(r) + "\n" for r in rows), code=code)

    def lines(self, what, n):
        deadline = time.monotonic() + 30
        while True:
            found = [json.loads(x) for x in self.daemon.get(f"/api/v1/streams/crm.Visit/{what}?limit=10000").splitlines()]
            if len(found) >= n or time.monotonic() > deadline:
                self.assertEqual(len(found), n)
                return found
            time.sleep(0.02)

    def test_nowhere_in_clear(self):
        def mail(i):
            return f"{CANARY}-{i}@example.org"

        good = [{"email": mail(i % 5), "seconds": i, "friends": [mail(0), ""], "person": {"name": f"{CANARY} Ada {i}"}} for i in range(50)]
        bad = [{"email": mail(i), "seconds": -1} for i in range(5)] + [{"email": f"{CANARY} is no address", "seconds": 1}]
        untyped = [{"email": mail(1), "seconds": f"{CANARY}"}]
        self.send(good[:25] + bad + untyped, code=4)
        self.daemon.stop()
        self.daemon.start()
        self.send(good[25:], code=0)
        stored, aside = self.lines("events", 50), self.lines("quarantine", 7)

        with open(os.path.join(self.daemon.data, "personal.key"), "rb") as f:
            key = f.read()
        self.assertEqual(stat.S_IMODE(os.stat(f.name).st_mode), 0o600)

        def hashed(value):
            return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:32]

        self.assertEqual([x["data"]["email"] for x in stored], [hashed(x["email"]) for x in good])
        self.assertEqual([x["data"]["friends"] for x in stored], [[hashed(mail(0)), ""]] * 50)
        self.assertEqual([x["data"]["person"]["name"] for x in stored], [hashed(x["person"]["name"]) for x in good])
        self.assertEqual(sorted(v["rule_id"] for x in aside for v in x["violations"]),
                         ["headrace.untyped"] + ["int32.gte"] * 5 + ["string.email"])

        # A replay has no clear value to judge by: what broke a rule of a hashed field stays, as does what kept no bytes.
        dry = json.loads(self.run_command("quarantine", "replay", "crm.Visit", "--json", "--dry-run"))
        self.assertEqual((dry["rows"], dry["admitted"]), (7, 0))

        answers = b"".join(self.daemon.get(p) for p in (
            "/metrics", "/api/v1/streams", "/api/v1/ledger", "/api/v1/streams/crm.Visit/quality", "/api/v1/streams/crm.Visit/events",
            "/api/v1/streams/crm.Visit/quarantine", "/api/v1/streams/crm.Visit/quarantine/groups"))
        self.assertNotIn(CANARY.encode(), answers)
        for call in (("tail", "crm.Visit", "--from", "0"), ("export", "crm.Visit", "--format", "csv")):
            self.assertNotIn(CANARY, self.run_command(*call))
        self.daemon.stop()
        for top in (self.daemon.dir, self.sink):
            for folder, _, files in os.walk(top):
                for name in files:
                    with open(os.path.join(folder, name), "rb") as f:
                        self.assertNotIn(CANARY.encode(), f.read(), os.path.join(folder, name))


if __name__ == "__main__":
    unittest.main()
