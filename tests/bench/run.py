#!/usr/bin/env python3
"""What a collector costs per million durable events, beside its peer, in one run, A B B A. What a log call costs: sdk/run.py.

    tests/bench/run.py BUILD [--rounds 8] [--flights FILE] [--events N]

BUILD is a release build with the targets `headraced bench`. FILE is flights.tsv of packaging/demo (made when not given; needs
node and `npm ci` in packaging/demo). Prints every round, the medians, and the worst and best of the rounds' ratios. An idle
machine is needed for figures to mean anything: the load at the start and at the end is printed with them."""
import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from measure import SOURCE, flights_file, load, output, ratio_text, rounds_of, tell_machine, version
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from daemon import Daemon  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


# ---- peers: each returns (cpu seconds of the server per million events, events it has at the end) ----

def headrace(run):
    with Daemon() as d:
        env = {**os.environ, "HEADRACE_URL": d.url, "HEADRACE_SPOOL": tempfile.mkdtemp(dir=run.tmp)}
        before = cpu_seconds(d.proc.pid)
        output(run.bench("bench_send"), run.flights, env=env)
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


def tell(what, unit, ours, theirs, found):
    print(f"\n{what}, {unit}; {ours}, {theirs}, ratio")
    for x, y in found:
        print(f"  {x:10.3f} {y:10.3f} {y / x if x > 0 else float('nan'):8.1f}")
    print(f"  median: {ours} {statistics.median(x for x, _ in found):.3f}, {theirs} {statistics.median(y for _, y in found):.3f}; "
          f"ratio {ratio_text([y / x for x, y in found if x > 0])}")


def collectors(run, rounds):
    counts = []

    def measured(server):
        used, n = server(run)
        counts.append(n)
        return used

    found = list(rounds_of(rounds, [lambda: measured(headrace), lambda: measured(rsyslog)]))
    print(f"\nevents stored in each run: {sorted(set(counts))}; headraced fsyncs before it acknowledges, rsyslogd does not sync")
    tell("a collector's CPU time per million events", "s, user and system, all threads", "headraced", "rsyslogd", found)


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
        tell_machine()
        print(version(os.path.join(build, "bin", "headraced"), "--version"), "|", version("rsyslogd", "-v"))
        run = Run(build, flights_file(a.flights, a.events, tmp), tmp)
        collectors(run, a.rounds)
        print(f"\nload at the end {load()}")
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
