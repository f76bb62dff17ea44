"""The HTTP API of a real headraced: every endpoint, what is refused and how, slow and hostile clients, HEAD and keep-alive,
and metrics as Prometheus' own tool reads them."""
import base64
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from daemon import Daemon

BUILD = os.environ["HEADRACE_BUILD"]
PROTO = """syntax = "proto3";
package web;
message Click { int64 id = 1; string page = 2; optional double seconds = 3; repeated string tags = 4; }
"""
ROWS = 5000
RESTART = "test_what_is_said_survives_a_restart"  # the last one
BAD = [3, 777, 4999]  # lines whose page is a number


def send_rows(daemon, folder, proto, rows, *args):
    """Rows by the headrace command; returns its exit status."""
    path = os.path.join(folder, "web.proto")
    with open(path, "w") as f:
        f.write(proto)
    run = subprocess.run([os.path.join(BUILD, "bin", "headrace"), "send", "--proto", path, "--url", daemon.url, *args],
                         input="".join(json.dumps(row) + "\n" for row in rows), text=True, capture_output=True)
    assert run.returncode in (0, 4), (run.returncode, run.stderr)
    return run.returncode


def send(daemon, folder):
    rows = []
    for i in range(ROWS):
        page = i if i in BAD else f"/p/{i % 7}"
        row = {"id": i, "page": page, "tags": ["a"] * (i % 3)}
        if i % 2 == 0:
            row["seconds"] = i / 4
        rows.append(row)
    status = send_rows(daemon, folder, PROTO, rows, "--app", "<b>app</b>", "--app-version", '"1"')
    assert status == 4  # sent, some set aside


class Connection:
    """A socket, and answers read strictly: a length or chunks, nothing after them that was not announced."""

    def __init__(self, daemon, receive_bytes=None):
        self.sock = socket.socket()
        self.sock.settimeout(60)
        if receive_bytes is not None:  # before connecting: the window that is offered depends on it
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.connect(("127.0.0.1", daemon.http_port))
        self.rest = b""

    def write(self, text):
        self.sock.sendall(text if isinstance(text, bytes) else text.encode())

    def _line(self):
        while b"\r\n" not in self.rest:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.rest += more
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line.decode()

    def _bytes(self, n):
        while len(self.rest) < n:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.rest += more
        found, self.rest = self.rest[:n], self.rest[n:]
        return found

    def answer(self, head_only=False):
        status = int(self._line().split(" ")[1])
        headers = {}
        while line := self._line():
            name, value = line.split(": ", 1)
            assert name.lower() not in headers, f"two {name}"
            headers[name.lower()] = value
        body = b""
        if head_only or status == 304:
            pass
        elif headers.get("transfer-encoding") == "chunked":
            assert "content-length" not in headers
            while n := int(self._line(), 16):
                body += self._bytes(n)
                assert self._line() == ""
            assert self._line() == ""
        elif "content-length" in headers:
            body = self._bytes(int(headers["content-length"]))
        else:
            while more := self.sock.recv(65536):
                self.rest += more
            body, self.rest = self.rest, b""
        return status, headers, body

    def ended(self):
        """True once the other side has closed; what it still sends counts as a failure."""
        try:
            return self.rest == b"" and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()


def ask(daemon, target, method="GET", headers="", host="127.0.0.1", body=""):
    c = Connection(daemon)
    c.write(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n{body}")
    answer = c.answer(head_only=method == "HEAD")
    assert c.ended()
    c.close()
    return answer


def error(answer, status, code):
    found, headers, body = answer
    assert found == status, (found, body)
    assert headers["content-type"] == "application/json"
    err = json.loads(body)["error"]
    assert err["code"] == code and err["text"], err
    return err["text"]


def lines(body):
    assert body == b"" or body.endswith(b"\n")
    return [json.loads(line) for line in body.splitlines()]


def until(fn):
    deadline = time.monotonic() + 60
    while not (found := fn()):
        assert time.monotonic() < deadline, "never came true: " + fn.__name__
        time.sleep(0.05)
    return found


def test_health(d):
    assert ask(d, "/healthz")[0::2] == (200, b"ok\n")
    assert ask(d, "/readyz")[0::2] == (200, b"ok\n")


def test_streams(d):
    j = d.json("/api/v1/streams")
    assert j["ready"] is True and j["reason"] == "" and j["commit"] > 0
    [s] = j["streams"]
    assert s["name"] == "web.Click" and s["rows"] == s["next_offset"] == ROWS - len(BAD)
    assert s["quarantined"] == len(BAD) and s["schema_id"] == 1
    assert s["stored_bytes"]["fields"] > 0 and s["stored_bytes"]["index"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", s["newest_receive_time"])
    assert sum(j["store"][k] for k in ("wal_bytes", "blob_bytes", "sst_bytes")) > 0


def test_ledger(d):
    j = d.json("/api/v1/ledger")
    [line] = j["lines"]
    assert j["balanced"] is True
    assert (line["stream"], line["app"], line["version"]) == ("web.Click", "<b>app</b>", '"1"')
    assert line["logged"] == ROWS and line["accepted"] == ROWS - len(BAD) and line["quarantined"] == len(BAD)
    assert set(line["dropped"]) == {"full", "too_big", "closed", "evicted", "aborted", "torn", "sampled", "off", "memory", "invalid"}
    assert line["in_flight"] == line["missing"] == sum(line["dropped"].values()) == 0


def test_producers(d):
    [p] = d.json("/api/v1/producers")["producers"]
    assert p["app"] == "<b>app</b>" and len(p["incarnation"]) == 32 and p["logged"] == ROWS and p["host"]
    assert p["connected"] is False and p["closed"] is True


def test_events(d):
    path = "/api/v1/streams/web.Click/events"
    everything = lines(d.get(path + "?limit=100000"))
    assert [e["offset"] for e in everything] == list(range(ROWS - len(BAD)))
    assert sorted(e["data"]["id"] for e in everything) == [i for i in range(ROWS) if i not in BAD]
    assert {e["app"] for e in everything} == {"<b>app</b>"} and {e["version"] for e in everything} == {'"1"'}
    assert len(lines(d.get(path))) == 1000
    assert [e["offset"] for e in lines(d.get(path + "?from=10&limit=3"))] == [10, 11, 12]
    assert lines(d.get(path + f"?from={ROWS}")) == []
    assert lines(d.get(path + "?from=18446744073709551615")) == []
    middle = everything[2500]["event_time"]
    earlier, later = [lines(d.get(f"{path}?limit=100000&{which}={middle}")) for which in ("until", "since")]
    assert len(earlier) + len(later) == len(everything)
    assert all(e["event_time"] < middle for e in earlier) and all(e["event_time"] >= middle for e in later)
    assert lines(d.get(path + "?until=0")) == []


def test_quarantine(d):
    path = "/api/v1/streams/web.Click/quarantine"
    rows = lines(d.get(path))
    assert [r["number"] for r in rows] == [0, 1, 2] and all(r["count"] == 1 for r in rows)
    for row, i in zip(rows, BAD):
        assert row["reason"] == f"page: expected a string, found the number {i}"
        assert json.loads(base64.b64decode(row["bytes"]))["id"] == i
    assert [r["number"] for r in lines(d.get(path + "?from=1&limit=1"))] == [1]


def test_quality(d):
    path = "/api/v1/streams/web.Click/quality"
    stored = [i for i in range(ROWS) if i not in BAD]

    def counted():
        return d.json(path)["total"]["rows"] == len(stored)

    until(counted)
    j = d.json(path)
    fields = {f["path"]: f for f in j["total"]["fields"]}
    ids, seconds, page, tags = fields["id"], fields["seconds"], fields["page"], fields["tags"]
    assert ids["type"] == "int64" and ids["present"] == len(stored) and ids["null"] == 0
    assert (ids["min"], ids["max"]) == (0, max(stored)) and abs(ids["mean"] - sum(stored) / len(stored)) < 1e-6
    assert abs(ids["distinct"] - len(stored)) < 0.08 * len(stored)  # five standard errors
    even = [i for i in stored if i % 2 == 0]
    assert seconds["present"] == len(even) and seconds["null"] == len(stored) - len(even) and seconds["max"] == max(even) / 4
    assert page["distinct"] == 7 and page["min_length"] == page["max_length"] == 4
    assert tags["type"] == "repeated string" and tags["present"] == sum(1 for i in stored if i % 3)
    assert tags["values"] == sum(i % 3 for i in stored)
    assert sum(w["rows"] for w in j["windows"]) == len(stored) and j["damaged"] == 0
    assert d.json(path + "?windows=0")["windows"] == []
    nothing = d.json(path + "?until=2001-01-01T00:00:00Z")
    assert nothing["total"] == {"from": None, "to": None, "rows": 0, "fields": []}


def test_two_versions_of_a_schema(d):
    """Fields of both are one, by their path; a window is of one version."""
    path = "/api/v1/streams/web.Signup/quality"
    proto = 'syntax = "proto3"; package web; message Signup { int64 id = 1; optional string plan = 2; %s }'
    with tempfile.TemporaryDirectory() as folder:
        assert send_rows(d, folder, proto % "", [{"id": i, "plan": "free"} for i in range(100)]) == 0
        assert send_rows(d, folder, proto % "double price = 3;", [{"id": i, "price": 2.5} for i in range(100, 150)]) == 0

    def counted():
        return d.json(path)["total"]["rows"] == 150

    until(counted)
    j = d.json(path)
    fields = {f["path"]: f for f in j["total"]["fields"]}
    assert [f["path"] for f in j["total"]["fields"]] == ["id", "plan", "price"]
    assert fields["id"]["present"] == 150 and (fields["id"]["min"], fields["id"]["max"], fields["id"]["mean"]) == (0, 149, 74.5)
    assert fields["id"]["distinct"] == 150 and fields["plan"]["present"] == 100 and fields["plan"]["null"] == 50
    assert fields["price"]["present"] == 50 and fields["price"]["null"] == 0 and fields["price"]["mean"] == 2.5
    assert len({w["schema_id"] for w in j["windows"]}) == 2 and sum(w["rows"] for w in j["windows"]) == 150
    assert len(lines(d.get("/api/v1/streams/web.Signup/events"))) == 150


def test_descriptor(d):
    status, headers, body = ask(d, "/api/v1/streams/web.Click/descriptor")
    assert status == 200 and headers["content-type"] == "application/octet-stream" and b"Click" in body


def test_schemas(d):
    schemas = d.json("/api/v1/schemas")["schemas"]
    clicks = [s for s in schemas if s["subject"] == "web.Click"]
    assert [s["version"] for s in clicks] == list(range(1, len(clicks) + 1)) and len({s["fingerprint"] for s in schemas}) == len(schemas)
    schema = clicks[-1]
    path = f"/api/v1/schemas/{schema['id']}/descriptor"
    assert ask(d, path)[2] == ask(d, "/api/v1/streams/web.Click/descriptor")[2] != b""
    for bad in ("0", "-1", "x", "99", "01", "99999999999", ""):
        error(ask(d, f"/api/v1/schemas/{bad}/descriptor"), 404, "HR_ENOENT")


def test_metrics(d):
    status, headers, body = ask(d, "/metrics")
    assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = body.decode()
    assert f'headrace_accepted_total{{stream="web.Click"}} {ROWS - len(BAD)}\n' in text
    assert f'headrace_quarantined_total{{stream="web.Click"}} {len(BAD)}\n' in text
    assert 'headrace_dropped_total{stream="web.Click",reason="full"} 0\n' in text
    assert "headrace_ready 1\n" in text
    check = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
    assert check.returncode == 0 and check.stdout == check.stderr == "", check.stdout + check.stderr


def test_page(d):
    status, headers, body = ask(d, "/")
    assert status == 200 and headers["content-type"] == "text/html; charset=utf-8" and b"<title>headrace" in body
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"
    assert not re.search(rb"<script(?![^>]*src=)|\son\w+=|https?://", body.replace(b"http://www.w3.org/2000/svg", b""))
    for name in re.findall(rb'(?:src|href)="([\w.]+\.\w+)"', body):
        assert ask(d, "/" + name.decode())[0] == 200, name
    status, squeezed, small = ask(d, "/", headers="Accept-Encoding: gzip\r\n")
    import gzip
    assert squeezed["content-encoding"] == "gzip" and gzip.decompress(small) == body and len(small) < len(body)
    again = ask(d, "/", headers=f"If-None-Match: {headers['etag']}\r\n")
    assert again[0] == 304 and again[2] == b""


def test_refusals(d):
    click = "/api/v1/streams/web.Click/"
    assert "web.Clack" in error(ask(d, "/api/v1/streams/web.Clack/events"), 404, "HR_ENOENT")
    for path in ("/nothing", "/api/v1", "/api/v1/", "/api/v2/streams", "/api/v1/streams/web.Click", click, click + "else", "/x/y", "//",
                 "/index.html/..", "/a/b/c/d/e/f/g/h/i/j"):
        error(ask(d, path), 404, "HR_ENOENT")
    for query in ("limit=0", "limit=100001", "limit=-1", "limit=99999999999999999999", "limit=", "limit=1e3", "from=-1", "from=x",
                  "since=yesterday", "since=2026-13-01T00:00:00Z", "since=2026-02-30T00:00:00Z", "until=2026-01-01", "form=1", "limit=%zz"):
        found = ask(d, click + "events?" + query)
        error(found, 400, "HR_EINVAL")
    error(ask(d, click + "quality?windows=1441"), 400, "HR_EINVAL")
    error(ask(d, click + "quarantine?since=0"), 400, "HR_EINVAL")
    status, headers, body = found = ask(d, "/healthz", method="DELETE")
    error(found, 405, "HR_EINVAL")
    assert headers["allow"] == "GET, HEAD"
    error(ask(d, "/" + "x" * 9000), 414, "HR_ETOOBIG")
    error(ask(d, "/", headers="X: " + "y" * 20000 + "\r\n"), 431, "HR_ETOOBIG")
    error(ask(d, "/", method="POST", headers="Content-Length: 8388609\r\nExpect: 100-continue\r\n"), 413, "HR_ETOOBIG")
    error(ask(d, "/", method="GET", headers="Content-Length: 70000\r\n"), 413, "HR_ETOOBIG")


def test_bodies(d):
    """No route takes a body in this table: 405 says that it was read, and that nothing before the routes refused it."""
    json_type = "Content-Type: application/json\r\n"
    short = "Content-Length: 2\r\n"
    error(ask(d, "/healthz", method="POST", headers=json_type + short, body="{}"), 405, "HR_EINVAL")
    error(ask(d, "/healthz", method="PUT", headers=json_type + "Transfer-Encoding: chunked\r\n", body="2\r\n{}\r\n0\r\n\r\n"), 405, "HR_EINVAL")
    error(ask(d, "/healthz", method="POST", headers=short, body="{}"), 415, "HR_EINVAL")
    for form in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain;charset=utf-8", "Text/Plain"):
        error(ask(d, "/healthz", method="POST", headers=f"Content-Type: {form}\r\n" + short, body="{}"), 415, "HR_EINVAL")
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{d.http_port + 1}", "http://192.0.2.7"):
        error(ask(d, "/healthz", method="DELETE", headers=f"Origin: {origin}\r\n"), 403, "HR_EAUTH")
    own = f"127.0.0.1:{d.http_port}"
    error(ask(d, "/healthz", method="DELETE", host=own, headers=f"Origin: http://{own}\r\n"), 405, "HR_EINVAL")
    c = Connection(d)
    c.write(f"PUT /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{json_type}{short}Expect: 100-continue\r\n\r\n")
    assert c.answer(head_only=True)[0] == 100
    c.write("{}")
    error(c.answer(), 405, "HR_EINVAL")
    c.close()


def test_hosts(d):
    port = d.http_port
    for host in ("127.0.0.1", f"127.0.0.1:{port}", "localhost", f"LOCALHOST:{port}", "[::1]", "192.0.2.7", "metrics.example"):
        assert ask(d, "/healthz", host=host)[0] == 200, host
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example", "xmetrics.example"):
        error(ask(d, "/api/v1/streams", host=host), 403, "HR_EAUTH")
        error(ask(d, f"http://{host}/", host="localhost"), 403, "HR_EAUTH")  # the address in the request line wins
    for host in ("a/b", "a@localhost", "localhost, evil.example", "localhost:80x"):
        error(ask(d, "/", host=host), 400, "HR_EINVAL")


def test_what_cannot_be_read_is_answered_and_ended(d):
    for text in ("nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
                 "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        c = Connection(d)
        c.write(text + "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        error(c.answer(), 400, "HR_EINVAL")
        assert c.ended(), text  # nothing behind it was taken for a request
        c.close()


def test_head_and_keep_alive(d):
    c = Connection(d)
    for _ in range(3):
        for path in ("/healthz", "/", "/api/v1/streams", "/api/v1/streams/web.Click/events", "/nothing", "/metrics"):
            c.write(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            status, headers, _ = c.answer(head_only=True)
            assert status == (404 if path == "/nothing" else 200) and headers["connection"] == "keep-alive"
            c.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert c.answer()[0::2] == (200, b"ok\n")
    c.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50 + "GET /api/v1/streams/web.Click/events?limit=7 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            + "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert all(c.answer()[2] == b"ok\n" for _ in range(50))
    assert len(lines(c.answer()[2])) == 7
    assert c.answer()[2] == b"ok\n" and c.ended()
    c.close()


def test_byte_by_byte(d):
    c = Connection(d)
    c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n":
        c.write(bytes([byte]))
    assert c.answer()[2] == b"ok\n"
    c.close()


def test_http_1_0(d):
    c = Connection(d)
    c.write("GET /api/v1/streams/web.Click/events?limit=5 HTTP/1.0\r\n\r\n")
    status, headers, body = c.answer()
    assert status == 200 and "transfer-encoding" not in headers and len(lines(body)) == 5


def test_slow_readers_hold_up_themselves_only(d):
    """More of them than reader threads and places; the others are served, the one too many is told so."""
    slow = []
    for _ in range(16):
        c = Connection(d, receive_bytes=4096)
        c.write("GET /api/v1/streams/web.Click/events?limit=100000 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40)
        slow.append(c)

    def full():
        return ask(d, "/api/v1/streams/web.Click/events")[0] == 429

    until(full)
    assert "16" in error(ask(d, "/api/v1/streams/web.Click/events"), 429, "HR_ELIMIT")
    assert ask(d, "/healthz")[0] == 200 and ask(d, "/metrics")[0] == 200 and ask(d, "/api/v1/streams")[0] == 200
    status, _, body = slow[0].answer()
    assert status == 200 and len(lines(body)) == ROWS - len(BAD)
    for c in slow:
        c.close()

    def free():
        return ask(d, "/api/v1/streams/web.Click/events?limit=1")[0] == 200

    until(free)


def test_connections_that_leave(d):
    """In the middle of a request, of an answer, before it: the daemon goes on."""
    for text in ("GET", "GET / HTTP/1.1\r\nHost: loc", "GET /api/v1/streams/web.Click/events?limit=100000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /api/v1/streams/web.Click/quality HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        for _ in range(20):
            c = Connection(d)
            c.write(text)
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
            c.close()
    assert ask(d, "/healthz")[0] == 200


def test_too_many_connections(d):
    """The 1,025th is told so at once; those that are there go on, and when they leave there is room again."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    held = []
    try:
        while len(held) < 1100:
            c = Connection(d)
            held.append(c)
            if len(held) > 1000:
                c.sock.settimeout(0.2)
                try:
                    status, _, body = c.answer()
                except TimeoutError:  # nothing is said to one that was taken and has not asked
                    continue
                error((status, {"content-type": "application/json"}, body), 503, "HR_ELIMIT")
                break
        assert 1000 < len(held) < 1100
        held[0].write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert held[0].answer()[2] == b"ok\n"
    finally:
        for c in held:
            c.close()

    def room():
        try:
            return ask(d, "/healthz")[0] == 200
        except (EOFError, ConnectionResetError):
            return False

    until(room)


def test_what_is_said_survives_a_restart(d):
    before = [d.json(p) for p in ("/api/v1/ledger", "/api/v1/streams")]
    assert d.stop() == 0
    d.start()

    def ready():
        return ask(d, "/readyz")[0] == 200

    until(ready)
    after = [d.json(p) for p in ("/api/v1/ledger", "/api/v1/streams")]
    for lines in (before[0]["lines"], after[0]["lines"]):
        lines.sort(key=json.dumps)
    assert after[0]["lines"] == before[0]["lines"], (before, after)
    assert [s["rows"] for s in after[1]["streams"]] == [s["rows"] for s in before[1]["streams"]]
    test_events(d)
    test_quarantine(d)
    test_quality(d)


def main():
    tests = [(name, fn) for name, fn in globals().items() if name.startswith("test_")]
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, Daemon("--http-hosts", "metrics.example") as d:
        assert d.json("/api/v1/streams")["streams"] == []
        send(d, folder)

        def settled():
            lines = d.json("/api/v1/ledger")["lines"]
            producers = d.json("/api/v1/producers")["producers"]
            return lines and sum(line["accepted"] + line["quarantined"] for line in lines) == ROWS and all(p["closed"] and not p["connected"] for p in producers)

        until(settled)
        half = Connection(d)  # says half a request and waits
        half.write("GET / HTTP/1.1\r\nHost: loc")
        for name, fn in tests:
            if name == RESTART:
                error(half.answer(), 408, "HR_ETIMEOUT")
                assert half.ended()
            if wanted and name not in wanted:
                continue
            try:
                fn(d)
            except BaseException:
                sys.stderr.write(f"in {name}; the daemon's log:\n{d.log()[-4000:]}\n")
                raise
            print("ok", name)
        status = d.stop()
        assert status == 0, f"headraced ended with {status}:\n{d.log()[-4000:]}"


if __name__ == "__main__":
    if shutil.which("promtool") is None:
        print("skipped: no promtool")
        sys.exit(77)
    main()
