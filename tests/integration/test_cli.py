"""The headrace command against a real headraced: what goes in with `send` comes out of `tail` and `export`, the ledger
balances, rows that do not fit are in quarantine with their reason, and each kind of failure has its exit code."""
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

from daemon import Daemon

HEADRACE = os.path.join(os.environ.get("HEADRACE_BUILD", "."), "bin", "headrace")
PROTO = """syntax = "proto3";
package shop;
import "address.proto";
message Checkout {
  string order_id = 1;
  double amount = 2;
  optional int32 items = 3;
  uint64 big = 4;
  repeated string tags = 5;
  Address address = 6;
  map<string, int32> counts = 7;
  oneof paid { string card = 8; bool cash = 9; }
}
message Other { int32 x = 1; }
"""
ADDRESS = """syntax = "proto3";
package shop;
message Address { string city = 1; string street = 2; }
"""


class Command(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon().start()
        self.dir = tempfile.TemporaryDirectory(prefix="headrace-cli.")
        for name, text in (("shop.proto", PROTO), ("address.proto", ADDRESS)):
            with open(os.path.join(self.dir.name, name), "w") as f:
                f.write(text)
        self.proto = os.path.join(self.dir.name, "shop.proto")

    def tearDown(self):
        self.daemon.__exit__()
        self.dir.cleanup()

    def run_command(self, *args, stdin="", code=0, env=None):
        done = subprocess.run([HEADRACE, *args], input=stdin.encode() if isinstance(stdin, str) else stdin, capture_output=True,
                              timeout=120, env={**os.environ, "HEADRACE_HTTP": self.daemon.http, "HEADRACE_URL": self.daemon.url,
                                                **(env or {})})
        self.assertEqual(done.returncode, code, f"{args}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        return done.stdout.decode(), done.stderr.decode()

    def send(self, rows, *args, **kw):
        return self.run_command("send", "--proto", self.proto, "--type", "shop.Checkout", *args,
                                stdin="".join(r if isinstance(r, str) else json.dumps(r) + "\n" for r in rows), **kw)

    def ledger(self):
        lines = self.daemon.json("/api/v1/ledger")["lines"]
        for line in lines:
            self.assertEqual(line["logged"], line["accepted"] + line["quarantined"] + sum(line["dropped"].values())
                             + line["in_flight"] + line["missing"])
        return lines

    def test_rows_come_back_as_they_went_in(self):
        rows = [{"order_id": f"A-{i}", "amount": i / 8, "items": i, "big": 2**64 - 1 - i, "tags": ["x", "=y"] if i % 2 else [],
                 "address": {"city": "Köln, \"am\" Rhein", "street": "-1"}, "counts": {"a": i}, "card": "c"} for i in range(300)]
        for r in rows:  # beyond 2**63 a JSON number is not every reader's: as a string, as protobuf's mapping has it
            r["big"] = str(r["big"])
        _, err = self.send(rows, "--app", "cli-test", "--app-version", "7")
        self.assertIn("sent 300 rows: 300 as events, 0 set aside", err)
        out, _ = self.run_command("tail", "shop.Checkout", "--from", "0")
        events = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([e["offset"] for e in events], list(range(300)))
        self.assertEqual({e["app"] for e in events} | {e["version"] for e in events}, {"cli-test", "7"})
        out, _ = self.run_command("export", "shop.Checkout", "--format", "ndjson", "--data-only")
        back = [json.loads(line) for line in out.splitlines()]
        for sent, got in zip(rows, back, strict=True):
            expected = {**sent, "big": int(sent["big"])}
            if not expected["tags"]:
                del expected["tags"]
            self.assertEqual(got, expected)
        out, _ = self.run_command("tail", "shop.Checkout", "-n", "2")
        self.assertEqual(len(out.splitlines()), 2)
        line, = self.ledger()
        self.assertEqual((line["logged"], line["accepted"], line["in_flight"], line["missing"]), (300, 300, 0, 0))
        out, _ = self.run_command("ledger", "--wait-settled", "20")
        self.assertIn("balances", out)
        out, _ = self.run_command("streams")
        self.assertRegex(out, r"shop\.Checkout +300 ")
        out, _ = self.run_command("producers")
        self.assertIn("cli-test", out)

    def test_export_of_csv(self):
        self.send([{"order_id": "=1+1", "amount": -2.5, "tags": ["a", 'b"'], "address": {"city": "x,y\nz"}, "cash": True},
                   {"order_id": "", "items": 0}])
        out, _ = self.run_command("export", "shop.Checkout", "--format", "csv", "--csv-safe")
        self.assertTrue(out.endswith("\r\n"))
        head, first, second = csv.reader(io.StringIO(out, newline=""))
        self.assertEqual(head, ["_offset", "_event_time", "_receive_time", "_app", "_version", "order_id", "amount", "items", "big",
                                "tags", "address.city", "address.street", "counts", "card", "cash"])
        self.assertEqual(first[5:], ["'=1+1", "-2.5", "", "0", '["a","b\\""]', "x,y\nz", "", "", "", "true"])
        self.assertEqual(second[5:9], ["", "0", "0", "0"])
        self.assertIn(',"",0,0,0,,,,,,\r\n', out)  # an empty string is not an absent one
        path = os.path.join(self.dir.name, "out.csv")
        self.run_command("export", "shop.Checkout", "--format", "csv", "--from", "1", "-o", path)
        with open(path, newline="") as f:
            self.assertEqual([row[0] for row in csv.reader(f)], ["_offset", "1"])
        self.assertEqual([n for n in os.listdir(self.dir.name) if n.endswith(".part")], [])

    def test_rows_that_do_not_fit_are_set_aside(self):
        rows = [{"order_id": "ok"}, {"order_id": 12}, "{not json\n", {"nix": 1}, "\n", {"items": "many"}, {"order_id": "ok"}]
        out, err = self.send(rows, code=4)
        self.assertIn("sent 6 rows: 2 as events, 4 set aside (in quarantine)", err)
        self.assertIn("\n  1: order_id: expected a string, found the number #\n", err)  # and counted by reason
        for line in (2, 3, 4, 6):
            self.assertIn(f"line {line} is set aside: ", err)
        self.assertIn("order_id", err)
        line, = self.ledger()
        self.assertEqual((line["accepted"], line["quarantined"]), (2, 4))
        aside = [json.loads(s) for s in self.daemon.get("/api/v1/streams/shop.Checkout/quarantine").decode().splitlines()]
        self.assertEqual(len(aside), 4)
        self.assertIn("order_id", aside[0]["reason"])

    def test_event_times_from_a_field(self):
        proto = os.path.join(self.dir.name, "timed.proto")
        with open(proto, "w") as f:
            f.write('syntax = "proto3"; package t; message E { int64 at = 1; string on = 2; }')
        self.run_command("send", "--proto", proto, "--time-field", "at:us", stdin='{"at":1500000000000001}\n{"at":1600000000000000}\n')
        self.run_command("send", "--proto", proto, "--time-field", "on", stdin='{"on":"2021-01-01T00:00:00.5Z"}\n{"on":"soon"}\n', code=4)
        out, _ = self.run_command("tail", "t.E", "--from", "0")
        self.assertEqual([json.loads(s)["event_time"] for s in out.splitlines()],
                         ["2017-07-14T02:40:00.000001000Z", "2020-09-13T12:26:40.000000000Z", "2021-01-01T00:00:00.500000000Z"])
        out, _ = self.run_command("export", "t.E", "--format", "ndjson", "--since", "2020-01-01", "--until", "2021-01-01")
        self.assertEqual([json.loads(s)["data"]["at"] for s in out.splitlines()], [1600000000000000])

    def test_spool_is_drained_after_the_collector_was_away(self):
        spool = os.path.join(self.dir.name, "spool")
        self.daemon.stop(signal.SIGKILL)
        _, err = self.send([{"order_id": str(i)} for i in range(50)], "--spool", spool, "--timeout", "1", code=3)
        self.assertIn("headrace spool drain", err)
        out, _ = self.run_command("spool", "list", spool)
        self.assertIn("left behind", out)
        self.run_command("spool", "drain", spool, "--timeout", "1", code=3)
        self.daemon.start()
        self.run_command("spool", "drain", spool)
        out, _ = self.run_command("spool", "list", spool)
        self.assertNotIn("left behind", out)
        out, _ = self.run_command("export", "shop.Checkout", "--format", "ndjson", "--data-only")
        self.assertEqual([json.loads(s)["order_id"] for s in out.splitlines()], [str(i) for i in range(50)])

    def test_tail_follows_across_a_restart(self):
        self.send([{"order_id": "1"}])
        tail = subprocess.Popen([HEADRACE, "tail", "shop.Checkout", "--from", "0", "-f", "--http", self.daemon.http],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self.assertEqual(json.loads(tail.stdout.readline())["data"]["order_id"], "1")
            self.daemon.stop(signal.SIGKILL)
            self.daemon.start()
            self.send([{"order_id": "2"}])
            self.assertEqual(json.loads(tail.stdout.readline())["data"]["order_id"], "2")
            tail.send_signal(signal.SIGINT)
            self.assertEqual(tail.wait(30), 0)
        finally:
            tail.kill()
            tail.communicate()

    def test_bench_verifies_what_it_stored(self):
        for _ in range(2):  # also on a stream that has rows already
            out, _ = self.run_command("bench", "--threads", "3", "--count", "50000")
            self.assertIn("50,000 events read back, each once, all fields equal, the ledger agrees: OK", out)

    def test_exit_codes_and_messages(self):
        nowhere = {"HEADRACE_HTTP": "http://127.0.0.1:1"}
        for verb in ("streams", "ledger", "producers"):
            _, err = self.run_command(verb, code=3, env=nowhere)
            self.assertIn("is headraced running?", err)
        for verb in ("send", "tail", "streams", "ledger", "producers", "export", "spool", "bench"):
            out, _ = self.run_command("help", verb)
            self.assertTrue(out.startswith(f"usage: headrace {verb}"), out)
            again, _ = self.run_command(verb, "--help")
            self.assertEqual(out, again)
            _, err = self.run_command(verb, "--no-such-option", code=2)
            self.assertIn("no such option: --no-such-option", err)
        self.run_command(code=2)
        self.run_command("nix", code=2)
        _, err = self.run_command("tail", "no.Such", code=1)
        self.assertIn("no stream no.Such", err)
        _, err = self.run_command("send", "--proto", self.proto, code=2)
        self.assertIn("there are: ", err)
        self.assertIn("shop.Other", err)
        _, err = self.run_command("send", "--proto", self.proto, "--type", "shop.Nix", code=2)
        self.assertIn("no such message type: shop.Nix", err)
        self.run_command("send", "--proto", self.proto, "--type", "shop.Other", env={"PATH": "/nonexistent"})  # it needs no protoc
        _, err = self.run_command("send", "--descriptor-set", "/nonexistent", code=1)
        self.assertIn("/nonexistent", err)


if __name__ == "__main__":
    if not os.access(HEADRACE, os.X_OK):
        sys.exit(f"{HEADRACE} is not built")
    unittest.main(verbosity=2)
