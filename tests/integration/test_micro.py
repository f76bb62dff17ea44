"""headraced --micro as a CI job uses it: memory only, /micro, and an exit status that says whether an event was bad."""
import json
import os
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from daemon import Daemon

SOURCE = os.environ["HEADRACE_SOURCE"]
BIN = os.path.join(os.environ["HEADRACE_BUILD"], "bin")
FLIGHT = {"time_us": 5, "delay": 1, "distance": 100, "origin": "SEA", "destination": "JFK"}


class Micro(Daemon):
    def __init__(self, *args):
        super().__init__("--micro", *args)

    def send(self, *rows, proto="strict_flight.proto", args=()):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        done = subprocess.run([os.path.join(BIN, "headrace"), "send", "--proto", os.path.join(SOURCE, "tests/protos", proto), "--type", "Flight",
                               *args], input=text, text=True, capture_output=True, env={**os.environ, "HR_TEST": self.url})
        assert done.returncode == 0 or "set aside" in done.stderr, done.stderr

    def counts(self):
        all_ = self.json("/micro/all")
        return {k: all_[k] for k in ("good", "flagged", "bad", "dropped")}

    def rows(self, path):
        return [json.loads(line) for line in self.get(path).splitlines()]

    def post(self, path):
        with urllib.request.urlopen(urllib.request.Request(self.http + path, method="POST"), timeout=60) as answer:
            return json.load(answer)


def counts(good, bad=0):
    return {"good": good, "flagged": 0, "bad": bad, "dropped": 0}


class TestMicro(unittest.TestCase):
    def test_good_ones_end_well(self):
        with Micro() as d:
            d.send(FLIGHT, FLIGHT)
            self.assertEqual(d.counts(), counts(2))
            self.assertEqual(d.json("/micro/all")["streams"][0]["stream"], "Flight")
            good = d.rows("/micro/good")
            self.assertEqual([g["event"]["data"] for g in good], [FLIGHT, FLIGHT])
            self.assertEqual(d.rows("/micro/bad"), [])
            self.assertEqual(d.stop(), 0)
            self.assertFalse(os.path.exists(d.data), "something was written to disk")

    def test_a_bad_one_is_shown_and_told_by_the_exit_status(self):
        with Micro() as d:
            d.send(FLIGHT, {**FLIGHT, "origin": "sea"})
            self.assertEqual(d.counts(), counts(1, 1))
            bad, = d.rows("/micro/bad")
            self.assertEqual(bad["stream"], "Flight")
            self.assertEqual(bad["event"]["data"]["origin"], "sea")
            self.assertEqual([(v["path"], v["rule_id"]) for v in bad["event"]["violations"]], [("origin", "string.pattern")])
            self.assertEqual(d.stop(), 3)

    def test_reset_forgets(self):
        with Micro() as d:
            d.send(FLIGHT, {**FLIGHT, "origin": "sea"})
            self.assertEqual(d.counts(), counts(1, 1))
            self.assertEqual({k: d.post("/micro/reset")[k] for k in counts(0)}, counts(0))
            self.assertEqual(d.counts(), counts(0))
            self.assertEqual(d.rows("/micro/good") + d.rows("/micro/bad"), [])
            d.send(FLIGHT)
            self.assertEqual(d.counts(), counts(1))
            self.assertEqual(len(d.rows("/micro/good")), 1)
            self.assertEqual(d.stop(), 0)

    def test_expectations(self):
        for expect, status in [(2, 0), (3, 4), (1, 4)]:
            with Micro("--expect", str(expect)) as d:
                d.send(FLIGHT, FLIGHT)
                self.assertEqual(d.stop(), status, expect)

    def test_the_oldest_go_and_are_counted(self):
        with Micro("--micro-bytes", "1MiB") as d:
            for i in range(4):
                d.send(*[{**FLIGHT, "time_us": 1 + (i * 60000 + k) * 7919 % 9999991, "distance": k * 7 % 9999, "delay": k * 13 % 997,
                          "origin": chr(65 + k % 26) + chr(65 + k // 26 % 26) + chr(65 + k // 676 % 26)} for k in range(60000)])
            all_ = d.json("/micro/all")
            self.assertEqual((all_["good"], all_["bad"]), (240000, 0))
            self.assertGreater(all_["forgotten"]["good"], 0)
            self.assertLess(all_["forgotten"]["good"], 240000)
            self.assertLessEqual(all_["bytes"], 1 << 20)
            last = d.rows("/micro/good?limit=1")[0]["event"]
            self.assertEqual(last["offset"], all_["forgotten"]["good"])
            self.assertEqual(d.stop(), 0)

    def test_it_says_that_it_is_memory_only(self):
        with Micro() as d:
            self.assertIn("event=memory_only", d.log())
            self.assertTrue(d.json("/micro/all")["memory_only"])
            self.assertIs(d.json("/api/v1/streams")["memory_only"], True)
            self.assertIn(b"headrace_memory_only 1\n", d.get("/metrics"))

    def test_paths(self):
        with Micro() as d:
            d.send(FLIGHT)
            self.assertEqual(len(d.rows("/micro/good?stream=Flight")), 1)
            self.assertEqual(d.rows("/micro/good?stream=Other"), [])
            for path, status in [("/micro/good?limit=0", 400), ("/micro/reset", 405), ("/micro/other", 404)]:
                with self.assertRaises(urllib.error.HTTPError) as e:
                    d.get(path)
                self.assertEqual(e.exception.code, status, path)
                e.exception.close()
        with Daemon() as d:
            with self.assertRaises(urllib.error.HTTPError) as e:
                d.get("/micro/all")
            self.assertEqual(e.exception.code, 404)
            e.exception.close()
            self.assertIn(b"headrace_memory_only 0\n", d.get("/metrics"))

    def test_a_dropped_call_is_bad(self):
        with Micro() as d, tempfile.TemporaryDirectory() as folder:
            proto = os.path.join(folder, "big.proto")
            with open(proto, "w") as f:
                f.write('syntax = "proto3";\nmessage Big { string text = 1; }\n')
            text = json.dumps({"text": "x" * 70000}) + "\n"
            subprocess.run([os.path.join(BIN, "headrace"), "send", "--proto", proto], input=text, text=True, capture_output=True,
                           env={**os.environ, "HR_TEST": d.url})
            self.assertEqual(d.stop(), 3)


if __name__ == "__main__":
    unittest.main()
