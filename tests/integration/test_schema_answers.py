"""What `headrace schema` and `headrace quarantine` ask, and how they print what is answered: against a server of canned
answers, since a shadow run over 9,812 rows and a refusal of each kind are long in coming from a real collector."""
import http.server
import json
import os
import subprocess
import tempfile
import threading
import unittest

HEADRACE = os.path.join(os.environ.get("HEADRACE_BUILD", "."), "bin", "headrace")
ORDER = """syntax = "proto3";
package shop;
message Order { int64 id = 1; int32 rating = 2; }
"""
SCHEMAS = {"schemas": [
    {"id": 3, "subject": "shop.Order", "version": 1, "deleted": False, "pushed": False, "mode": "open",
     "compatibility": "BACKWARD_TRANSITIVE", "registered": "2026-11-23T18:00:00.000000000Z"},
    {"id": 7, "subject": "shop.Order", "version": 2, "deleted": False, "pushed": True, "mode": "open",
     "compatibility": "BACKWARD_TRANSITIVE", "registered": "2026-11-24T18:00:00.000000000Z"},
    {"id": 9, "subject": "shop.Order", "version": 3, "deleted": True, "pushed": True, "mode": "open",
     "compatibility": "BACKWARD_TRANSITIVE", "registered": "2026-11-24T19:00:00.000000000Z"}]}


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, self.headers.get("Content-Type"), body))
        status, value = self.server.answers.get((self.command, self.path), (404, {"error": {"code": "HR_ENOENT", "text": "nothing here"}}))
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *args):
        pass


class Command(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.daemon_threads = True
        self.server.answers, self.server.asked = {}, []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.dir = tempfile.TemporaryDirectory(prefix="headrace-answers.")
        self.proto = self.put("order.proto", ORDER)

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.dir.cleanup()

    def put(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def answers(self, method, path, value, status=200):
        self.server.answers[(method, path)] = (status, value)

    def run_command(self, *args, code=0):
        done = subprocess.run([HEADRACE, *args], capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
                              env={**os.environ, "HEADRACE_HTTP": f"http://127.0.0.1:{self.server.server_port}"})
        self.assertEqual(done.returncode, code, f"{args}\n{done.stdout}\n{done.stderr}")
        return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def test_a_push_prints_what_was_decided(self):
        self.answers("POST", "/api/v1/schemas?type=shop.Order", {
            "subject": "shop.Order", "verdict": "semantic", "id": 12, "version": 4, "changes": [
                {"code": "rule_tightened", "path": "shop.Order.rating", "reason": "int32.lte was 100 and is 10", "what": ["semantic"],
                 "against_version": 3}],
            "shadow": {"rows": 9812, "refused": 12, "causes": [{"path": "rating", "rule_id": "int32.lte",
                                                               "message": "must be less than or equal to 10", "rows": 12}]}})
        out, _ = self.run_command("schema", "push", self.proto)
        self.assertIn("shop.Order: semantic, version 4, id 12\n", out)
        self.assertIn("  shop.Order.rating: int32.lte was 100 and is 10 (semantic; against version 3)\n", out)
        self.assertIn("12 of 9,812 rows of the last day would be refused:\n  12: rating: must be less than or equal to 10\n", out)
        method, _, kind, body = self.server.asked[-1]
        self.assertEqual((method, kind), ("POST", "application/x-protobuf"))
        self.assertIn(b"order.proto", body)

    def test_a_check_registers_nothing_and_fails_on_what_is_incompatible(self):
        refused = {"subject": "shop.Order", "verdict": "incompatible", "changes": [
            {"code": "type_changed", "path": "shop.Order.id", "reason": "was a string", "what": ["backward", "forward"], "against_version": 1}]}
        for status in (200, 409):  # with whatever status a verdict comes
            self.answers("POST", "/api/v1/schemas?type=shop.Order&dry_run=1", refused, status)
            out, _ = self.run_command("schema", "check", self.proto, code=1)
            self.assertIn("shop.Order: incompatible\n  shop.Order.id: was a string (breaks backward, breaks forward; against version 1)\n", out)
        out, _ = self.run_command("schema", "check", "--json", self.proto, code=1)
        self.assertEqual(json.loads(out), refused)
        out, _ = self.run_command("schema", "push", "--dry-run", self.proto, code=1)

    def test_an_error_is_the_collectors_sentence(self):
        self.answers("POST", "/api/v1/schemas?type=shop.Order", {"error": {"code": "HR_ESCHEMA", "text": "order.proto:3:9: no\u001b"}}, 422)
        _, err = self.run_command("schema", "push", self.proto, code=1)
        self.assertEqual(err, "headrace: order.proto:3:9: no\\x1b\n")

    def test_errors_of_files_name_line_and_column(self):
        bad = self.put("bad.proto", ORDER + "message {}\n")
        _, err = self.run_command("schema", "check", bad, code=1)
        self.assertEqual(err, "headrace: bad.proto:4:9: Expected message name.\n")
        two = self.put("two.proto", ORDER + "message Other { Order o = 1; }\n")
        _, err = self.run_command("schema", "check", two, code=2)
        self.assertIn("there are: shop.Order shop.Other", err)
        self.assertEqual(self.server.asked, [])

    def test_lint_asks_by_place(self):
        event = self.put("rated.proto", """syntax = "proto3";
package shop;
import "headrace/options.proto";
message Rated {
  option (headrace.event) = { owner: "me" description: "A customer rated." expires: "2001-01-01" };
  int32 rating = 1;
}
""")
        out, _ = self.run_command("schema", "lint", event, code=1)
        self.assertIn("error: shop.Rated", out)
        self.assertIn("[expired]", out)
        self.assertIn("rated.proto:6:3: warning: shop.Rated.rating: ", out)
        self.assertRegex(out, r"1 errors, \d+ warnings, \d+ notes\n$")
        out, _ = self.run_command("schema", "lint", "--json", event, code=1)
        self.assertIn("rated.proto:6:3", [f["place"] for f in json.loads(out)["findings"]])
        self.run_command("schema", "lint", self.proto)  # warnings alone are no failure

    def test_lists_and_versions(self):
        self.answers("GET", "/api/v1/schemas", SCHEMAS)
        out, _ = self.run_command("schema", "list")
        rows = [line.split()[:4] for line in out.splitlines()[1:]]
        self.assertEqual(rows, [["shop.Order", "1", "3", "learnt"], ["shop.Order", "2", "7", "pushed"], ["shop.Order", "3", "9", "deleted"]])
        out, _ = self.run_command("schema", "show", "shop.Order", "--format", "json")
        self.assertEqual(json.loads(out)["id"], 7)  # the newest that is not deleted
        _, err = self.run_command("schema", "show", "shop.Order@5", code=1)
        self.assertIn("no version 5", err)
        _, err = self.run_command("schema", "show", "shop.Nix", code=1)
        self.assertIn("no schema shop.Nix", err)

    def test_settings(self):
        self.answers("GET", "/config/shop.Order?defaultToGlobal=true", {"compatibilityLevel": "FULL"})
        self.answers("PUT", "/config/shop.Order", {"compatibility": "NONE"})
        self.answers("DELETE", "/subjects/shop.Order/versions/2", b"2")
        self.assertEqual(self.run_command("schema", "compatibility", "shop.Order")[0], "shop.Order: FULL\n")
        self.assertEqual(self.run_command("schema", "compatibility", "shop.Order", "NONE")[0], "shop.Order: NONE\n")
        self.assertEqual(json.loads(self.server.asked[-1][3]), {"compatibility": "NONE"})
        self.run_command("schema", "compatibility", "shop.Order", "NIX", code=2)
        self.run_command("schema", "delete", "shop.Order", "--version", "2")
        self.run_command("schema", "delete", "shop.Order", code=2)

    def test_quarantine(self):
        base = "/api/v1/streams/shop.Order/quarantine"
        self.answers("GET", base + "/groups", {"groups": [{"rows": 9812, "rule_id": "int32.lte", "path": "rating",
                                                          "message": "must be less than or equal to 5",
                                                          "examples": [{"number": 4, "data": {"rating": 7}}]}]})
        out, _ = self.run_command("quarantine", "groups", "shop.Order")
        self.assertEqual(out, '9,812       rating: must be less than or equal to 5 (int32.lte)\n      number 4  {"rating":7}\n')
        self.answers("POST", base + "/replay?dry_run=1&schema=7&rule=int32.lte", {"rows": 10000, "admitted": 9812})
        out, _ = self.run_command("quarantine", "replay", "shop.Order", "--dry-run", "--schema", "7", "--rule", "int32.lte")
        self.assertEqual(out, "would admit 9,812 of 10,000\n")
        self.answers("POST", base + "/replay?dry_run=0", {"rows": 10000, "admitted": 9812})
        out, _ = self.run_command("quarantine", "replay", "shop.Order")
        self.assertIn("admitted 9,812 of 10,000\n188 stay in quarantine", out)
        self.answers("PUT", "/api/v1/streams/shop.Order/policy", {"rule": "drop", "untyped": "quarantine"})
        out, _ = self.run_command("quarantine", "policy", "shop.Order", "rule=drop")
        self.assertEqual(out.split(), ["KIND", "ACTION", "rule", "drop", "untyped", "quarantine"])
        self.assertEqual(json.loads(self.server.asked[-1][3]), {"rule": "drop"})
        _, err = self.run_command("quarantine", "policy", "shop.Order", "drop", code=2)
        self.assertIn("KIND=ACTION", err)

    def test_used_wrongly(self):
        for args in (["schema"], ["schema", "nix"], ["schema", "push"], ["schema", "list", "--dry-run"], ["quarantine"],
                     ["quarantine", "list"], ["quarantine", "list", "X", "--dry-run"], ["quarantine", "show", "X", "x"]):
            self.run_command(*args, code=2)
        for verb in ("schema", "quarantine"):
            self.assertIn(f"usage: headrace {verb}", self.run_command("help", verb)[0])
            self.assertIn(f"usage: headrace {verb}", self.run_command(verb, "--help")[0])


if __name__ == "__main__":
    unittest.main()
