"""A contract, rows that break it, and their second chance: 3,201 films as people typed them in, sent under strict rules, then under
looser ones. What is wrong with each row is worked out here from the JSON alone, and the ledger is compared term by term."""
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

from daemon import Daemon

BUILD = os.environ.get("HEADRACE_BUILD", ".")
SOURCE = os.environ.get("HEADRACE_SOURCE", ".")
HEADRACE = os.path.join(BUILD, "bin", "headrace")
MOVIES = os.path.join(SOURCE, "packaging/demo/node_modules/vega-datasets/data/movies.json")
PROTO = """syntax = "proto3";
package films;
import "buf/validate/validate.proto";
message Film {
  string title = 1 [(buf.validate.field).string = {min_len: 1%(title)s}];
  optional int64 budget = 2 [(buf.validate.field).required = true, (buf.validate.field).int64.gte = %(budget)d];
  optional string rating = 3 [(buf.validate.field).string = {in: [%(ratings)s]}];
  optional int32 minutes = 4 [(buf.validate.field).int32 = {gte: 60, lte: 200}];
  optional double imdb = 5 [(buf.validate.field).double = {gte: 2, lte: 10}];
  optional string director = 6;
}
"""
STRICT = {"title": ", max_len: 30", "budget": 10000, "ratings": '"G", "PG", "PG-13", "R"'}
LOOSE = {"title": "", "budget": 1000, "ratings": '"G", "PG", "PG-13", "R", "NC-17", "Not Rated", "Open"'}


def film(movie):
    """As an application would send it: what is not known is left out."""
    row = {"title": movie["Title"], "budget": movie["Production Budget"], "rating": movie["MPAA Rating"],
           "minutes": movie["Running Time min"], "imdb": movie["IMDB Rating"], "director": movie["Director"]}
    return {k: v for k, v in row.items() if v is not None}


def broken(row, rules):
    """(path, rule) of all that is wrong with it."""
    if "title" in row and not isinstance(row["title"], str):
        return {("title", "headrace.untyped")}
    title, found = row.get("title", ""), set()
    if len(title) < 1:
        found.add(("title", "string.min_len"))
    if rules["title"] and len(title) > 30:
        found.add(("title", "string.max_len"))
    if "budget" not in row:
        found.add(("budget", "required"))
    elif row["budget"] < rules["budget"]:
        found.add(("budget", "int64.gte"))
    if "rating" in row and row["rating"] not in [r.strip(' "') for r in rules["ratings"].split(",")]:
        found.add(("rating", "string.in"))
    if "minutes" in row and not 60 <= row["minutes"] <= 200:
        found.add(("minutes", "int32.gte_lte"))
    if "imdb" in row and not 2 <= row["imdb"] <= 10:
        found.add(("imdb", "double.gte_lte"))
    return found


class Movies(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon().start()
        self.dir = tempfile.TemporaryDirectory(prefix="headrace-films.")
        with open(MOVIES, encoding="utf-8") as f:
            self.rows = [film(m) for m in json.load(f)]

    def tearDown(self):
        self.daemon.__exit__()
        self.dir.cleanup()

    def run_command(self, *args, stdin="", code=0):
        done = subprocess.run([HEADRACE, *args], input=stdin.encode(), capture_output=True, timeout=120,
                              env={**os.environ, "HEADRACE_HTTP": self.daemon.http, "HEADRACE_URL": self.daemon.url})
        self.assertEqual(done.returncode, code, f"{args}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        return done.stdout.decode()

    def send(self, rows, rules, code=0):
        path = os.path.join(self.dir.name, "films.proto")
        with open(path, "w") as f:
            f.write(PROTO % rules)
        self.run_command("send", "--proto", path, "--type", "films.Film", stdin="".join(json.dumps(r) + "\n" for r in rows), code=code)

    def ledger(self, accepted, quarantined):
        """Term by term, once the newest commit is shown."""
        deadline = time.monotonic() + 30
        while True:
            lines = [x for x in self.daemon.json("/api/v1/ledger")["lines"] if x["stream"] == "films.Film"]
            total = {k: sum(x[k] for x in lines) for k in ("logged", "accepted", "quarantined", "in_flight", "missing")}
            dropped = sum(sum(x["dropped"].values()) for x in lines)
            if (total["accepted"], total["quarantined"]) == (accepted, quarantined) or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        self.assertEqual(total, {"logged": accepted + quarantined, "accepted": accepted, "quarantined": quarantined, "in_flight": 0,
                                 "missing": 0})
        self.assertEqual(dropped, 0)

    def quarantine(self):
        return [json.loads(x) for x in self.daemon.get("/api/v1/streams/films.Film/quarantine?limit=100000").splitlines()]

    def stored(self):
        return [json.loads(x)["data"] for x in self.daemon.get("/api/v1/streams/films.Film/events?limit=100000").splitlines()]

    def replay(self, dry_run):
        return json.loads(self.run_command("quarantine", "replay", "films.Film", "--json", *(["--dry-run"] if dry_run else [])))

    def test_a_second_chance(self):
        expected = [broken(r, STRICT) for r in self.rows]
        bad = [i for i, b in enumerate(expected) if b]
        self.assertGreater(len(bad), 300)
        self.send(self.rows, STRICT, code=4)
        self.ledger(len(self.rows) - len(bad), len(bad))

        # Each bad row, with its fields and rules; numbers of one thread are in the order of the file.
        listed = {r["n"] - 1: {(v["path"], v["rule_id"]) for v in r["violations"]} for r in self.quarantine()}
        self.assertEqual(listed, {i: expected[i] for i in bad})
        self.assertEqual(len(self.stored()), len(self.rows) - len(bad))
        counts = collections.Counter(c for b in expected for c in b)
        groups = self.daemon.json("/api/v1/streams/films.Film/quarantine/groups")
        self.assertFalse(groups["cut"])
        self.assertEqual({(g["path"], g["rule_id"]): g["rows"] for g in groups["groups"]}, dict(counts))
        for g in groups["groups"]:
            self.assertEqual(len(g["examples"]), min(3, g["rows"]))
            for e in g["examples"]:
                self.assertTrue("data" in e or "text" in e, e)
        stream = next(s for s in self.daemon.json("/api/v1/streams")["streams"] if s["name"] == "films.Film")
        self.assertEqual({(v["path"], v["rule"]): v["rows"] for v in stream["violations"]}, dict(counts))

        # Under the strict rules nothing would come in.
        self.assertEqual(self.replay(True)["admitted"], 0)

        # A looser version is pushed.
        path = os.path.join(self.dir.name, "films.proto")
        with open(path, "w") as f:
            f.write(PROTO % LOOSE)
        verdict = json.loads(self.run_command("schema", "push", path, "--type", "films.Film", "--json"))
        self.assertEqual((verdict["verdict"], verdict["version"]), ("semantic", 2))
        self.assertEqual({c["code"] for c in verdict["changes"]}, {"rule_loosened"})
        still = [i for i in bad if broken(self.rows[i], LOOSE)]
        predicted = self.replay(True)
        self.assertEqual((predicted["rows"], predicted["admitted"]), (len(bad), len(bad) - len(still)))
        self.assertEqual({(c["path"], c["rule_id"]): c["rows"] for c in predicted["stay"]},
                         dict(collections.Counter(c for i in still for c in broken(self.rows[i], LOOSE))))
        self.ledger(len(self.rows) - len(bad), len(bad))

        done = self.replay(False)
        self.assertEqual((done["rows"], done["admitted"], done["gone"]), (len(bad), predicted["admitted"], 0))
        self.ledger(len(self.rows) - len(still), len(still))
        self.assertEqual({r["n"] - 1 for r in self.quarantine()}, set(still))
        self.assertEqual(sorted(json.dumps(r, sort_keys=True) for r in self.stored()),
                         sorted(json.dumps(r, sort_keys=True) for r in
                                [r for i, r in enumerate(self.rows) if i not in still]))

        # Twice changes nothing.
        again = self.replay(False)
        self.assertEqual((again["rows"], again["admitted"]), (len(still), 0))
        self.ledger(len(self.rows) - len(still), len(still))

        # Nor does a restart: the ledger and the rows are what was written.
        self.daemon.stop(9)
        self.daemon.start()
        self.ledger(len(self.rows) - len(still), len(still))
        self.assertEqual(len(self.stored()), len(self.rows) - len(still))


if __name__ == "__main__":
    if not os.path.exists(MOVIES):
        sys.exit("movies.json is missing: npm ci in packaging/demo")
    unittest.main(verbosity=2)
