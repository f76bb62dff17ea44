#!/usr/bin/env python3
"""Benchmarks beside peers, in one run, A B B A: what a log call costs, and what a collector costs per million durable events.

    tests/bench/run.py BUILD [--rounds 7] [--flights FILE] [--events N]

BUILD is a release build with the targets `headraced bench`. FILE is flights.tsv of packaging/demo (made when not given; needs
node and `npm ci` in packaging/demo). Prints every round, the medians, and the worst and best of the rounds' ratios. An idle
machine is needed for figures to mean anything: the load at the start and at the end is printed with them."""
import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from daemon import Daemon  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def output(*args, env=None):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def load():
    with open("/proc/loadavg") as f:
        return " ".join(f.read().split()[:3])


def version(*args):
    try:
        return output(*args).splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


# ---- peers: each returns (cpu seconds of the server per million events, events it has at the end) ----

def headrace(run):
    with Daemon() as d:
        env = {**os.environ, "HEADRACE_URL": d.url, "HEADRACE_SPOOL": tempfile.mkdtemp(dir=run.tmp)}
        before = cpu_seconds(d.proc.pid)
        output(run.bench("bench_call"), "send", run.flights, env=env)
        line = d.json("/api/v1/ledger")["lines"][0]
        deadline = time.monotonic() + 60
        while d.json(f"/api/v1/streams/{line['stream']}/quality")["total"]["rows"] < line["accepted"]:  # part of the bill
            assert time.monotonic() < deadline, "the quality numbers do not follow"
            time.sleep(0.2)
        used = cpu_seconds(d.proc.pid) - before
    return used / line["accepted"] * 1e6, line["accepted"]


RSYSLOG = """module(load="imtcp")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="message" type="string" string="%msg%\\n")
action(type="omfile" file="{out}" template="message")
"""


def count_lines(path):
    try:
        with open(path, "rb") as f:
            return sum(part.count(b"\n") for part in iter(lambda: f.read(1 << 20), b""))
    except OSError:
        return 0


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def rsyslog(run):
    folder = tempfile.mkdtemp(dir=run.tmp)
    out, conf, port = os.path.join(folder, "out"), os.path.join(folder, "conf"), free_port()
    with open(conf, "w") as f:
        f.write(RSYSLOG.format(port=port, out=out))
    server = subprocess.Popen(["rsyslogd", "-n", "-f", conf, "-i", os.path.join(folder, "pid")])
    try:
        for _ in range(200):
            try:
                import socket
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        before = cpu_seconds(server.pid)
        sent = int(output(run.bench("bench_syslog"), run.flights, str(port)).split()[1])
        deadline = time.monotonic() + 300
        size = -1
        while time.monotonic() < deadline:  # its file grows until all is there
            now = os.path.getsize(out) if os.path.exists(out) else 0
            if now == size and count_lines(out) >= sent:
                break
            size = now
            time.sleep(0.1)
        used = cpu_seconds(server.pid) - before
        n = count_lines(out)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
    return used / n * 1e6, n


# ---- rounds ----

class Run:
    def __init__(self, build, flights, tmp):
        self.build, self.flights, self.tmp = build, flights, tmp

    def bench(self, name):
        return os.path.join(self.build, "tests", name)

    def call(self, *args, env=None):
        return float(output(self.bench(args[0]), *args[1:], env=env).split()[0])


def pairs(rounds, a, b):
    """A B B A ...: each round's pair, in turns."""
    found = []
    for i in range(rounds):
        first, second = (a, b) if i % 2 == 0 else (b, a)
        x, y = first(), second()
        found.append((x, y) if i % 2 == 0 else (y, x))
    return found


def tell(what, unit, ours, theirs, found):
    ratios = sorted(y / x for x, y in found if x > 0)
    print(f"\n{what}, {unit}; {ours}, {theirs}, ratio")
    for x, y in found:
        print(f"  {x:10.3f} {y:10.3f} {y / x if x > 0 else float('nan'):8.1f}")
    print(f"  median: {ours} {statistics.median(x for x, _ in found):.3f}, {theirs} {statistics.median(y for _, y in found):.3f}; "
          f"ratio {statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")


def calls(run, rounds):
    tmp = tempfile.mkdtemp(dir=run.tmp)
    floor = [[run.call("bench_call", what, run.flights) for _ in range(3)] for what in ("empty", "clock")]
    with Daemon() as d:
        def ours():
            spool = tempfile.mkdtemp(dir="/dev/shm")
            env = {**os.environ, "HEADRACE_URL": d.url, "HEADRACE_SPOOL": spool}
            ns = run.call("bench_call", "headrace", run.flights, env=env)
            shutil.rmtree(spool, ignore_errors=True)
            return ns

        found = pairs(rounds, ours, lambda: run.call("bench_spdlog", run.flights, os.path.join(tmp, "spdlog.log")))
    print(f"\nan empty call: {min(floor[0]):.2f} ns; clock_gettime, which each event's time needs: {min(floor[1]):.1f} ns")
    tell("a log call of five fields, one thread", "ns", "headrace", "spdlog async", found)


def collectors(run, rounds):
    counts = []

    def measured(server):
        used, n = server(run)
        counts.append(n)
        return used

    found = pairs(rounds, lambda: measured(headrace), lambda: measured(rsyslog))
    print(f"\nevents stored in each run: {sorted(set(counts))}; headraced fsyncs before it acknowledges, rsyslogd does not sync")
    tell("a collector's CPU time per million events", "s, user and system, all threads", "headraced", "rsyslogd", found)


def flights_file(given, events, tmp):
    if given is None:
        folder = os.path.join(tmp, "flights")
        os.mkdir(folder)
        subprocess.run(["node", os.path.join(SOURCE, "packaging/demo/convert.mjs"), folder, str(events)], check=True)
        given = os.path.join(folder, "flights.tsv")
    return given


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build")
    p.add_argument("--rounds", type=int, default=8)
    p.add_argument("--flights")
    p.add_argument("--events", type=int, default=3000000)
    a = p.parse_args()
    os.environ["HEADRACE_BUILD"] = build = os.path.realpath(a.build)
    tmp = tempfile.mkdtemp(prefix="headrace-bench.")
    try:
        print(f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} processors, load {load()}")
        with open("/proc/cpuinfo") as f:
            print(re.search(r"model name\s*: (.*)", f.read()).group(1))
        print(version(os.path.join(build, "bin", "headraced"), "--version"))
        print("spdlog", version("pkg-config", "--modversion", "spdlog"), "|", version("rsyslogd", "-v"))
        print("command:", " ".join(sys.argv))
        run = Run(build, flights_file(a.flights, a.events, tmp), tmp)
        calls(run, a.rounds)
        collectors(run, a.rounds)
        print(f"\nload at the end {load()}")
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
