"""The registry over HTTP, of a real headraced: each route with each error code it has, and what the settings do."""
import json
import os
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from daemon import Daemon

HEADRACE = os.path.join(os.environ.get("HEADRACE_BUILD", "."), "bin", "headrace")
ORDER = 'syntax = "proto3";\npackage shop;\nmessage Order {\n  string id = 1;\n  int32 rating = 2;\n%s}\n'
V1, V2, BROKEN = ORDER % "", ORDER % "  optional string note = 3;\n", ORDER.replace("int32", "string") % ""
LINE = 'syntax = "proto3";\npackage shop;\nimport "order.proto";\nmessage Line {\n  Order order = 1;\n}\n'


class Registry(unittest.TestCase):
    def setUp(self):
        self.daemon = self.enterContext(Daemon())

    def ask(self, method, path, value=None, kind="application/vnd.schemaregistry.v1+json", status=200):
        body = None if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
        headers = {"Content-Type": kind} if body is not None else {}
        request = urllib.request.Request(self.daemon.http + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                got, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            got, text = error.code, error.read()
        self.assertEqual(got, status, f"{method} {path}: {text.decode(errors='replace')}")
        return json.loads(text)

    def fails(self, code, method, path, value=None):
        answer = self.ask(method, path, value, status=code // 100 if code >= 10000 else code)
        self.assertEqual(answer["error_code"], code, f"{method} {path}: {answer}")
        self.assertTrue(answer["message"])
        return answer["message"]

    def register(self, text, subject="shop.Order", references=()):
        return self.ask("POST", f"/subjects/{subject}/versions", {**proto(text), "references": list(references)})

    def push(self, text, query="type=shop.Order&file=order.proto", status=200):
        return self.ask("POST", "/api/v1/schemas?" + query, text.encode(), "text/x-proto", status)

    def headrace(self, *args, code=0):
        run = subprocess.run([HEADRACE, *args], capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return run.stdout

    def test_versions_come_go_and_come_back(self):
        self.assertEqual(self.ask("GET", "/subjects"), [])
        one = self.register(V1)
        self.assertEqual(self.register(V1), one)
        two = self.register(V2)
        self.assertEqual((one["version"], two["version"]), (1, 2))
        self.assertEqual(self.ask("GET", "/subjects"), ["shop.Order"])
        self.assertEqual(self.ask("GET", "/subjects?subjectPrefix=bank."), [])
        self.assertEqual(self.ask("GET", "/subjects/shop.Order/versions"), [1, 2])
        latest = self.ask("GET", "/subjects/shop.Order/versions/latest")
        self.assertEqual((latest["subject"], latest["version"], latest["id"], latest["schemaType"]), ("shop.Order", 2, two["id"], "PROTOBUF"))
        self.assertEqual(self.ask("GET", "/subjects/shop.Order/versions/2/schema"), latest["schema"])
        self.assertEqual(self.ask("GET", f"/schemas/ids/{two['id']}")["schema"], latest["schema"])
        self.assertEqual(self.ask("GET", f"/schemas/ids/{one['id']}/versions"), [{"subject": "shop.Order", "version": 1}])
        self.assertEqual(self.ask("GET", f"/schemas/ids/{one['id']}/subjects"), ["shop.Order"])
        self.assertEqual(self.ask("GET", "/schemas/types"), ["PROTOBUF"])
        self.assertEqual(self.ask("POST", "/subjects/shop.Order", proto(latest["schema"]))["id"], two["id"])  # what we print is what came
        self.assertEqual(self.ask("DELETE", "/subjects/shop.Order/versions/2"), 2)
        self.assertEqual(self.ask("GET", "/subjects/shop.Order/versions"), [1])
        self.assertEqual(self.ask("GET", "/subjects/shop.Order/versions?deleted=true"), [1, 2])
        self.assertEqual(self.ask("GET", "/subjects/shop.Order/versions/latest")["version"], 1)
        self.fails(40402, "GET", "/subjects/shop.Order/versions/2")
        self.fails(40403, "POST", "/subjects/shop.Order", proto(V2))
        self.assertEqual(self.ask("GET", f"/schemas/ids/{two['id']}")["schema"], latest["schema"])  # stored events need it
        self.assertEqual(self.register(V2), two)
        self.fails(42205, "DELETE", "/subjects/shop.Order?permanent=true")
        self.assertEqual(self.ask("DELETE", "/subjects/shop.Order"), [1, 2])
        self.assertEqual(self.ask("GET", "/subjects"), [])
        self.assertEqual(self.ask("GET", "/subjects?deleted=true"), ["shop.Order"])
        self.daemon.stop()
        self.daemon.start()
        self.fails(40401, "GET", "/subjects/shop.Order/versions")
        three = self.register(ORDER % "  optional int64 at = 4;\n")
        self.assertEqual((three["version"], three["id"]), (3, two["id"] + 1))  # never reused

    def test_every_error_has_its_code(self):
        self.register(V1)
        bad = proto("message {")
        for code, method, path, value in [
                (40401, "GET", "/subjects/shop.Nix/versions", None), (40401, "GET", "/subjects/shop.Nix/versions/1", None),
                (40401, "POST", "/subjects/shop.Nix", proto(V1)), (40401, "DELETE", "/subjects/shop.Nix", None),
                (40401, "DELETE", "/subjects/shop.Nix/versions/1", None), (40401, "DELETE", "/config/shop.Nix", None),
                (40401, "POST", "/compatibility/subjects/shop.Nix/versions/latest", proto(V1)),
                (40402, "GET", "/subjects/shop.Order/versions/9", None), (40402, "DELETE", "/subjects/shop.Order/versions/9", None),
                (40402, "POST", "/compatibility/subjects/shop.Order/versions/9", proto(V1)),
                (42202, "GET", "/subjects/shop.Order/versions/0", None), (42202, "GET", "/subjects/shop.Order/versions/first", None),
                (40403, "GET", "/schemas/ids/99", None), (40403, "GET", "/schemas/ids/x", None), (40403, "GET", "/schemas/ids/99/versions", None),
                (40403, "POST", "/subjects/shop.Order", proto(V2)),
                (42201, "POST", "/subjects/shop.Order/versions", bad), (42201, "POST", "/subjects/shop.Order/versions", {}),
                (42201, "POST", "/subjects/shop.Order/versions", []), (42201, "POST", "/subjects/shop.Order/versions", b"{"),
                (42201, "POST", "/subjects/shop.Order/versions", {"schema": '"string"'}),
                (42201, "POST", "/subjects/shop.Other/versions", proto(V1)), (42201, "POST", "/subjects/no-name/versions", proto(V1)),
                (42201, "POST", "/subjects/shop.Line/versions", proto(LINE)),
                (42201, "POST", "/subjects/shop.Line/versions", {**proto(LINE), "references": [{"name": "order.proto"}]}),
                (42201, "POST", "/subjects/shop.Line/versions", {**proto(LINE), "references": [
                    {"name": "order.proto", "subject": "shop.Order", "version": 7}]}),
                (42201, "POST", "/compatibility/subjects/shop.Order/versions/latest", bad),
                (409, "POST", "/subjects/shop.Order/versions", proto(BROKEN)),
                (40408, "GET", "/config/shop.Order", None), (40408, "GET", "/config/shop.Nix", None), (40409, "GET", "/mode/shop.Order", None),
                (42203, "PUT", "/config", {"compatibility": "NIX"}), (42203, "PUT", "/config/shop.Order", {}),
                (42204, "PUT", "/mode", {"mode": "NIX"}), (42204, "PUT", "/mode/shop.Order", [])]:
            with self.subTest(method=method, path=path, value=value):
                self.fails(code, method, path, value)
        self.assertIn("2", self.fails(409, "POST", "/subjects/shop.Order/versions", proto(BROKEN)))
        self.assertEqual(self.ask("GET", "/subjects"), ["shop.Order"])
        for method, path in [("PUT", "/subjects"), ("POST", "/schemas/types"), ("POST", "/config")]:
            self.ask(method, path, {}, status=405)
        with self.assertRaises(urllib.error.HTTPError) as refused:  # a page of another origin
            urllib.request.urlopen(urllib.request.Request(self.daemon.http + "/mode", method="PUT", data=b'{"mode":"READONLY"}', headers={
                "Content-Type": "application/json", "Origin": "http://elsewhere.example"}))
        self.assertEqual(refused.exception.code, 403)

    def test_compatibility_is_asked_and_set(self):
        self.register(V1)
        at = "/compatibility/subjects/shop.Order/versions"
        self.assertEqual(self.ask("POST", at + "/latest", proto(V2)), {"is_compatible": True})
        for path in (at + "/latest", at + "/1", at):
            answer = self.ask("POST", path + "?verbose=true", proto(BROKEN))
            self.assertFalse(answer["is_compatible"])
            self.assertIn("shop.Order.rating", answer["messages"][0])
        self.assertEqual(self.ask("GET", "/config"), {"compatibilityLevel": "BACKWARD_TRANSITIVE"})
        self.assertEqual(self.ask("PUT", "/config/shop.Order", {"compatibility": "NONE"}), {"compatibility": "NONE"})
        self.assertEqual(self.ask("GET", "/config/shop.Order"), {"compatibilityLevel": "NONE"})
        self.assertEqual(self.register(BROKEN)["version"], 2)
        self.assertEqual(self.ask("DELETE", "/config/shop.Order"), {"compatibilityLevel": "NONE"})
        self.fails(40408, "GET", "/config/shop.Order")
        self.assertEqual(self.ask("GET", "/config/shop.Order?defaultToGlobal=true"), {"compatibilityLevel": "BACKWARD_TRANSITIVE"})

    def test_references_are_imports(self):
        self.register(V1)
        body = {**proto(LINE), "references": [{"name": "order.proto", "subject": "shop.Order", "version": 1}]}
        line = self.ask("POST", "/subjects/shop.Line/versions", body)
        self.assertEqual(self.ask("POST", "/subjects/shop.Line", body)["id"], line["id"])
        self.assertNotIn("references", self.ask("GET", f"/schemas/ids/{line['id']}"))  # "order.proto" is no subject's own file
        self.register(LINE.replace("Line", "Row").replace("order.proto", "shop/Order.proto"), "shop.Row",
                      [{"name": "shop/Order.proto", "subject": "shop.Order", "version": 1}])
        self.assertEqual(self.ask("GET", "/subjects/shop.Row/versions/1")["references"],
                         [{"name": "shop/Order.proto", "subject": "shop.Order", "version": 1}])

    def test_our_own_face(self):
        dry = self.push(V1, "type=shop.Order&file=order.proto&dry_run=1")
        self.assertEqual((dry["verdict"], dry.get("id")), ("accepted", None))
        self.assertEqual(self.ask("GET", "/api/v1/schemas"), {"schemas": []})
        one = self.push(V1)
        self.assertEqual((one["subject"], one["verdict"], one["version"]), ("shop.Order", "accepted", 1))
        self.assertEqual(self.push(V1)["verdict"], "known")
        refused = self.push(BROKEN, status=409)
        self.assertEqual(refused["verdict"], "incompatible")
        self.assertIn("shop.Order.rating", [c["path"] for c in refused["changes"]])
        self.assertEqual(refused["changes"][0]["against_version"], 1)
        entry = self.ask("GET", f"/api/v1/schemas/{one['id']}")
        self.assertEqual((entry["subject"], entry["mode"], entry["compatibility"], entry["pushed"], entry["deleted"]),
                         ("shop.Order", "open", "BACKWARD_TRANSITIVE", True, False))
        self.assertEqual(self.ask("GET", "/api/v1/schemas"), {"schemas": [entry]})
        self.assertIn("order.proto:1:9", self.push("message {", status=422)["error"]["text"])
        self.ask("POST", "/api/v1/schemas", b"", "text/x-proto", status=400)
        self.ask("POST", "/api/v1/schemas?type=shop.Order", b"x", "application/json", status=400)
        self.ask("POST", "/api/v1/schemas?type=shop.Order", b"\x0a\xff", "application/x-protobuf", status=422)
        self.ask("GET", "/api/v1/schemas/77", status=404)

    def test_a_tightened_rule_is_tried_on_stored_rows_first(self):
        path, rows = os.path.join(self.daemon.dir, "order.proto"), os.path.join(self.daemon.dir, "rows.json")
        with open(path, "w") as f:
            f.write(V1)
        with open(rows, "w") as f:
            f.write("".join(json.dumps({"id": str(i), "rating": i % 5}) + "\n" for i in range(100)))
        self.headrace("send", "--url", self.daemon.url, "--type", "shop.Order", "--proto", path, rows)
        strict = V1.replace("rating = 2", "rating = 2 [(buf.validate.field).int32.lte = 3]").replace(
            "package shop;", 'package shop;\nimport "buf/validate/validate.proto";')
        for query in ("&dry_run=1", ""):
            answer = self.push(strict, "type=shop.Order&file=order.proto" + query)
            self.assertEqual((answer["verdict"], answer["shadow"]["rows"], answer["shadow"]["refused"]), ("semantic", 100, 20))
            self.assertEqual(answer["shadow"]["causes"], [{"rule_id": "int32.lte", "path": "rating", "rows": 20}])
        self.assertEqual(answer["version"], 2)

    def test_a_policy_is_changed_kind_by_kind(self):
        self.push(V1)
        at = "/api/v1/streams/shop.Order/policy"
        default = {"rule": "quarantine", "untyped": "quarantine", "unknown_field": "flag", "unknown_enum": "flag", "unregistered": "quarantine"}
        self.assertEqual(self.ask("GET", at), default)
        self.assertEqual(self.ask("PUT", at, {"rule": "drop"}, "application/json"), {**default, "rule": "drop"})
        self.assertEqual(self.ask("PUT", at, {"unknown_enum": "quarantine"}, "application/json"),
                         {**default, "rule": "drop", "unknown_enum": "quarantine"})
        for wrong in ({"rule": "nix"}, {"nix": "drop"}, {"untyped": "flag"}, [], {"rule": 1}):
            self.ask("PUT", at, wrong, "application/json", status=400)
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.ask("GET", at)["rule"], "drop")
        self.assertEqual(self.ask("DELETE", at), default)
        self.ask("GET", "/api/v1/streams/shop.Nix/policy", status=404)

    def test_a_locked_registry_takes_what_was_pushed(self):
        folder = tempfile.mkdtemp(dir=self.daemon.dir)
        path = os.path.join(folder, "order.proto")
        with open(path, "w") as f:
            f.write(V1)
        rows = os.path.join(folder, "rows.json")
        with open(rows, "w") as f:
            f.write("".join(json.dumps({"id": str(i), "rating": i % 5}) + "\n" for i in range(100)))
        at = ["--http", self.daemon.http]
        self.assertEqual(self.ask("PUT", "/mode", {"mode": "LOCKED"}), {"mode": "LOCKED"})
        send = ["send", "--url", self.daemon.url, "--type", "shop.Order", "--proto", path, rows]
        self.headrace(*send, code=4)
        self.assertEqual(self.ask("GET", "/subjects"), [])
        stream = self.ask("GET", "/api/v1/streams")["streams"][0]
        self.assertEqual((stream["rows"], stream["quarantined"]), (0, 100))
        self.assertIn("accepted", self.headrace("schema", "push", *at, path))
        self.headrace(*send)
        stream = self.ask("GET", "/api/v1/streams")["streams"][0]
        self.assertEqual((stream["rows"], stream["quarantined"]), (100, 100))
        self.assertEqual(self.ask("DELETE", "/subjects/shop.Order/versions/1"), 1)
        self.headrace(*send, code=4)  # a deleted version is refused, in any mode
        stream = self.ask("GET", "/api/v1/streams")["streams"][0]
        self.assertEqual((stream["rows"], stream["quarantined"]), (100, 200))
        self.assertEqual(len(urllib.request.urlopen(self.daemon.http + "/api/v1/streams/shop.Order/events").read().splitlines()), 100)
        self.headrace("schema", "push", *at, path)
        self.headrace(*send)
        self.assertEqual(self.ask("GET", "/api/v1/streams")["streams"][0]["rows"], 200)
        self.ask("PUT", "/mode", {"mode": "READONLY"})
        self.assertIn("readonly", self.fails(42205, "POST", "/subjects/shop.Order/versions", proto(V2)))
        self.assertEqual(self.push(V2, status=403)["verdict"], "refused")
        self.assertEqual(self.ask("PUT", "/mode/shop.Order", {"mode": "READWRITE"}), {"mode": "READWRITE"})
        self.assertEqual(self.push(V2)["version"], 2)


def proto(text):
    return {"schemaType": "PROTOBUF", "schema": text}


if __name__ == "__main__":
    unittest.main()
