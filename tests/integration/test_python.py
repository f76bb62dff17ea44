"""The Python package over the built libraries: with a real daemon, and with the collector inside the process."""
import datetime
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import unittest

SOURCE = os.environ["HEADRACE_SOURCE"]
BUILD = os.environ["HEADRACE_BUILD"]
FLAGS = os.environ.get("HEADRACE_FLAGS", "")
PROTOS = os.path.join(SOURCE, "tests/protos")
DEBIAN = "/usr/lib/python3/dist-packages"  # where python3-protobuf is, for an interpreter that is not Debian's


def environment():
    env = {**os.environ, "HEADRACE_LIBRARY": f"{BUILD}/lib/libheadrace.so.1", "HEADRACE_TEST_LIBRARY": f"{BUILD}/lib/libheadrace-test.so.1",
           "HEADRACE_PYTHON_TEST": "1", "PYTHONPATH": os.pathsep.join([f"{SOURCE}/sdk/python", os.environ.get("PYTHONPATH", ""), DEBIAN])}
    if "address" in FLAGS:  # the sanitizer wants to be there before the interpreter; whose own leaks are not ours
        asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        env |= {"LD_PRELOAD": asan, "ASAN_OPTIONS": "detect_leaks=0"}
    return env


if os.environ.get("HEADRACE_PYTHON_TEST") != "1":
    if "thread" in FLAGS:
        print("the interpreter is not built with ThreadSanitizer")
        sys.exit(77)
    probe = subprocess.run([sys.executable, "-c", "import google.protobuf"], env=environment(), stderr=subprocess.PIPE)
    if probe.returncode != 0:
        print("google.protobuf is not installed")
        sys.exit(77)
    sys.exit(subprocess.run([sys.executable, __file__, *sys.argv[1:]], env=environment()).returncode)

import headrace
from daemon import Daemon
from headrace.testing import Collector

INCLUDE = [f"{BUILD}/share/headrace/proto"]


def placed():
    return headrace.Schema.from_proto(f"{PROTOS}/placed.proto", include=INCLUDE)


class WithDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        preload = os.environ.pop("LD_PRELOAD", None) # the daemon brings what it needs
        cls.daemon = Daemon("--micro").start()
        if preload is not None:
            os.environ["LD_PRELOAD"] = preload

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()

    def setUp(self):
        tmp = tempfile.TemporaryDirectory(prefix="headrace-python.")
        self.addCleanup(tmp.cleanup)
        self.dir = tmp.name

    def rows(self, path="/micro/good"):
        return [json.loads(line)["event"] for line in self.daemon.get(path).splitlines()]

    def test_messages_dicts_and_times(self):
        schema = placed()
        Placed = schema["order.Placed"]
        when = datetime.datetime(2020, 1, 2, 3, 4, 5, 678900, tzinfo=datetime.timezone.utc)
        with headrace.Client(url=self.daemon.url, app="py", app_version="1", spool_dir=self.dir) as client:
            self.assertIs(client.log(Placed(id="P-1", amount=12.5, tags=["x"])), True)
            self.assertIs(client.log(Placed, {"id": "P-2", "items": [{"name": "cup"}], "coupon": "7"}, time=when), True)
            self.assertIs(client.log(Placed(id="P-3"), time=1), True)
            client.flush(30)
            stats = client.stats()
            self.assertEqual((stats["logged"], stats["dropped"], stats["acked_rows"]), (3, 0, 3))
            self.assertEqual(client.status, "")
        rows = [r for r in self.rows() if r["data"]["id"].startswith("P-")]
        self.assertEqual([r["data"]["id"] for r in rows], ["P-1", "P-2", "P-3"])
        self.assertEqual((rows[0]["app"], rows[0]["version"], rows[0]["data"]["tags"]), ("py", "1", ["x"]))
        self.assertEqual((rows[1]["event_time"], rows[1]["data"]["coupon"]), ("2020-01-02T03:04:05.678900000Z", 7))
        self.assertEqual(rows[2]["event_time"], "1970-01-01T00:00:00.000000001Z")

    def test_threads(self):
        Cancelled = placed()["order.Cancelled"]

        def log(k):
            for i in range(500):
                self.assertTrue(client.log(Cancelled(id=f"T-{k}-{i}")))

        with headrace.Client(url=self.daemon.url) as client:
            threads = [threading.Thread(target=log, args=(k,)) for k in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        ids = [r["data"]["id"] for r in self.rows("/micro/good?stream=order.Cancelled")]
        self.assertEqual(sorted(i for i in ids if i.startswith("T-")), sorted(f"T-{k}-{i}" for k in range(4) for i in range(500)))

    def test_an_exit_closes_what_is_open(self):
        subprocess.run([sys.executable, "-c", "import headrace, sys\n"
                        "c = headrace.Client(url=sys.argv[1])\n"
                        "c.log(headrace.Schema.from_proto(sys.argv[2], include=[sys.argv[3]])['order.Cancelled'](id='X-1'))\n",
                        self.daemon.url, f"{PROTOS}/placed.proto", *INCLUDE], check=True)
        self.assertIn("X-1", [r["data"]["id"] for r in self.rows("/micro/good?stream=order.Cancelled")])


class Inside(unittest.TestCase):
    def test_expectations(self):
        Placed = placed()["order.Placed"]
        with Collector() as collector, headrace.Client(url="headrace://elsewhere.invalid") as client:
            client.log(Placed(id="A-1", amount=2))
            with self.assertRaisesRegex(AssertionError, r"^amount: expected 3, got 2$"):
                collector.expect("order.Placed", {"id": "A-1", "amount": 3})
            collector.expect("order.Placed", {"id": "A-1", "amount": 2.0})
            collector.expect_none()
            client.log(Placed(id="A"))
            with self.assertRaisesRegex(AssertionError, r"string\.min_len"):
                collector.expect("order.Placed")
            collector.expect_broken("order.Placed", {"id": "A"}, "string.min_len")
            self.assertEqual(collector.count(), 2)
            self.assertEqual([r["row"]["id"] for r in collector.rows("order.Placed")], ["A-1", "A"])
            collector.reset()
            self.assertEqual(collector.count(), 0)
            client.log(Placed(id="B-1"))
            client.log(Placed(id="B-2"))
            collector.expect("order.Placed", {"id": "B-2"}, any_order=True)
            collector.expect("order.Placed", {"id": "B-1"})

    def test_a_dropped_event_is_false_and_counted(self):
        with Collector(), headrace.Client() as client:
            self.assertIs(client.log(placed()["order.Cancelled"](id="x" * 70000)), False)
            self.assertEqual(client.stats()["dropped_too_big"], 1)

    def test_errors_name_their_place(self):
        schema = placed()
        with Collector(), headrace.Client() as client:
            with self.assertRaisesRegex(headrace.EventError, r"^order\.Placed: .*amount"):
                client.log(schema["order.Placed"], {"id": "A-1", "amount": "much"})
            with self.assertRaisesRegex(headrace.EventError, r"^order\.Placed: .*ident"):
                client.log(schema["order.Placed"], {"ident": "A-1"})
            with self.assertRaisesRegex(headrace.EventError, "not dict"):
                client.log({"id": "A-1"})
        with self.assertRaisesRegex(headrace.OptionError, 'did you mean "spool_dir"') as e:
            headrace.Client(spool_dri="x")
        self.assertEqual(e.exception.name, "HR_ENOENT")
        with self.assertRaisesRegex(KeyError, "order.Placed"):
            schema["order.Plaiced"]
        with self.assertRaisesRegex(headrace.SchemaError, "cannot be read"):
            headrace.Schema.from_descriptor_set(b"\xff")
        with self.assertRaisesRegex(headrace.SchemaError, "missing.proto"):
            headrace.Schema.from_proto("missing.proto")
        with self.assertRaisesRegex(headrace.Error, "closed"):
            client.log(schema["order.Placed"]())
        client.close()

    def test_a_type_with_rules_that_cannot_be_checked_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/cel.proto", "w") as f:
                f.write('syntax = "proto3"; package c;\nimport "buf/validate/validate.proto";\n'
                        'message M { int32 x = 1 [(buf.validate.field).cel = { id: "a" expression: "this > 0" }]; }\n')
            M = headrace.Schema.from_proto(f"{folder}/cel.proto", include=INCLUDE)["c.M"]
        with Collector() as collector:
            client = headrace.Client()
            client.log(M(x=1))
            with self.assertRaisesRegex(AssertionError, r"c\.M\.x"):
                collector.expect("c.M")
            client.close()

    def test_a_time_that_passes_raises(self):
        client = headrace.Client(url="headrace://127.0.0.1:1")
        client.log(placed()["order.Cancelled"](id="A-1"))
        with self.assertRaises(headrace.TimeoutError):
            client.flush(0.05)
        with self.assertRaises(headrace.TimeoutError):
            client.close(0)

    def test_a_logger_hears(self):
        heard, there = [], threading.Event()

        def logger(level, line):
            heard.append((level, line))
            there.set()

        with Collector() as collector, headrace.Client(logger=logger):
            self.assertTrue(there.wait(60))
            self.assertEqual(heard[0], ("info", f"connected to {collector.url}, which keeps events in memory only"))

    def test_a_forked_child_is_told(self):
        def child(q):
            try:
                client.log(cls(id="A-2"))
                q.put("logged")
            except headrace.Error as e:
                q.put(e.name)

        cls = placed()["order.Cancelled"]
        with Collector() as collector, headrace.Client() as client:
            client.log(cls(id="A-1"))
            client.flush(30) # what threads are doing with memory at a fork, a sanitizer hands down to the child
            fork = multiprocessing.get_context("fork")
            q = fork.SimpleQueue()
            p = fork.Process(target=child, args=(q,))
            p.start()
            p.join()
            self.assertEqual(q.get(), "HR_EFORK")
            self.assertEqual(collector.count(), 1)

    def test_options_are_listed(self):
        self.assertEqual(headrace.options()["spool_cap_bytes"][:3], ("bytes", "bytes", "64MiB"))

    def test_names_of_a_schema(self):
        self.assertIn("order.Placed", list(placed()))
        self.assertNotIn("order.Placed.StockEntry", list(placed()))


if __name__ == "__main__":
    unittest.main()
