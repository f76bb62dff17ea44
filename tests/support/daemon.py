"""A real headraced for a test in Python: see daemon.h; the same folder layout and options."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request


class Daemon:
    def __init__(self, *args):
        self.dir = tempfile.mkdtemp(prefix="headrace-test.")
        self.data = os.path.join(self.dir, "data")
        self.args = list(args)
        self.ingest_port = self.http_port = 0
        self.proc = None

    def start(self):
        """First on free ports, later on the same ones."""
        ports = os.path.join(self.dir, "ports")
        if os.path.exists(ports):
            os.unlink(ports)
        build = os.environ.get("HEADRACE_BUILD", ".")
        program = os.environ.get("HEADRACED", os.path.join(build, "bin", "headraced"))
        with open(os.path.join(self.dir, "log"), "ab") as log:
            self.proc = subprocess.Popen(
                [program, "--data-dir", self.data, "--ingest", f"127.0.0.1:{self.ingest_port}",
                 "--http", f"127.0.0.1:{self.http_port}", "--ports-file", ports, *self.args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not self._read_ports(ports):
            if self.proc.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("headraced did not start:\n" + self.log())
            time.sleep(0.01)
        self.url = f"headrace://127.0.0.1:{self.ingest_port}"
        self.http = f"http://127.0.0.1:{self.http_port}"
        return self

    def _read_ports(self, path):
        try:
            with open(path) as f:
                found = dict(line.strip().split("=") for line in f if "=" in line)
        except OSError:
            return False
        if not ("ingest" in found and found.get("http")):
            return False
        self.ingest_port, self.http_port = int(found["ingest"]), int(found["http"])
        return True

    def log(self):
        with open(os.path.join(self.dir, "log"), errors="replace") as f:
            return f.read()

    def stop(self, sig=signal.SIGTERM):
        """Returns its exit status (negative: the signal that ended it)."""
        if self.proc is None:
            return None
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        try:
            status = self.proc.wait(60)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            status = self.proc.wait()
        self.proc = None
        return status

    def get(self, path):
        with urllib.request.urlopen(self.http + path, timeout=60) as answer:
            return answer.read()

    def json(self, path):
        return json.loads(self.get(path))

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()
        if "HEADRACE_KEEP" in os.environ:
            print("kept:", self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
