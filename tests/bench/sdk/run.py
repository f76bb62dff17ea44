#!/usr/bin/env python3
"""What a log call costs beside its peers: one program a peer, all in one run, every second round backwards.

    tests/bench/sdk/run.py BUILD [--peers DIR] [--rounds 7] [--flights FILE] [--only NAME,...] [--quick]

BUILD is a release build with the targets `headraced headrace_shared bench_sdk`. FILE is flights.tsv of packaging/demo (made when
not given, which needs node and `npm ci` there). Programs peer_NAME in DIR take part like those of BUILD: a peer that no
package brings is a file of its own that includes peer.h, compiled where its sources are. Known ones that are not there are told.

Conditions: one thread and two; a disk at rest and one beside which a writer dirties pages. Ratios are to the first peer that is
headrace, round by round. The load is printed, since figures of a busy machine mean little. --quick: that it works, no more."""
import argparse
import contextlib
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(HERE, "..", "..", "support")]
from daemon import Daemon  # noqa: E402
from measure import flights_file, load, output, ratio_text, rounds_of, tell_machine  # noqa: E402

# What is measured when it is there, in this order; for a peer that no Debian package brings: where it is from.
KNOWN = {
    "empty": None, "null": None, "headrace-tmpfs": None, "headrace-disk": None, "spdlog": None, "lttng": None,
    "quill": "https://github.com/odygrd/quill v12.1.0",
    "fmtlog": "https://github.com/MengRao/fmtlog v2.3.0",
    "binlog": "https://github.com/morganstanley/binlog fd20f5a",
    "otel": "https://github.com/open-telemetry/opentelemetry-cpp v1.28.0",
}
DIRTY_BLOCK, DIRTY_FILE = 4 << 20, 1 << 30


class Peer:
    def __init__(self, name, program):
        self.name, self.program = name, program

    @contextlib.contextmanager
    def surroundings(self, folder, run):
        """Yields the environment that a run needs, and a function that says how many events were lost."""
        yield dict(os.environ), lambda: 0

    def measure(self, run, what, threads, amount):
        folder = tempfile.mkdtemp(dir=run.disk)
        try:
            with self.surroundings(folder, run) as (env, lost):
                found = json.loads(output(self.program, what, run.flights, folder, str(threads), str(amount), env=env))
                found["lost"] += lost()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return found


class Headrace(Peer):
    """Beside a collector of its own, which stores everything before it acknowledges."""

    def __init__(self, name, program, lanes):
        super().__init__(name, program)
        self.lanes = lanes

    @contextlib.contextmanager
    def surroundings(self, folder, run):
        lanes = tempfile.mkdtemp(dir="/dev/shm") if self.lanes == "tmpfs" else folder
        try:
            with Daemon() as d:
                yield {**os.environ, "HEADRACE_URL": d.url, "HEADRACE_LANES": lanes}, lambda: 0
        finally:
            shutil.rmtree(lanes, ignore_errors=True)


class Lttng(Peer):
    """Beside a session daemon of its own, in a home of its own."""

    @contextlib.contextmanager
    def surroundings(self, folder, run):
        env = {**os.environ, "LTTNG_HOME": tempfile.mkdtemp(dir=run.tmp), "LTTNG_UST_REGISTER_TIMEOUT": "5000",
               "LTTNG_UST_ALLOW_BLOCKING": "1"}
        lttng = lambda *args: output("lttng", "--no-sessiond", *args, env=env)  # noqa: E731
        rundir = os.path.join(env["LTTNG_HOME"], "run")
        env["LTTNG_RUNDIR"] = rundir
        server = subprocess.Popen(["lttng-sessiond", "--no-kernel"], env=env,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            run.wait(lambda: subprocess.run(["lttng", "--no-sessiond", "list"], env=env, capture_output=True).returncode == 0)
            lttng("create", "bench", "--output", os.path.join(folder, "trace"))
            lttng("enable-channel", "--userspace", "c", "--blocking-timeout=inf")
            lttng("enable-event", "--userspace", "--channel", "c", "headrace_bench:flight")
            lttng("start", "bench")
            yield env, lambda: self.discarded(lttng("stop", "bench"), lttng("list", "bench"))
            lttng("destroy", "bench")
        finally:
            server.terminate()
            server.wait(30)

    @staticmethod
    def discarded(_, text):
        for line in text.splitlines():
            if "Discarded events" in line:
                return int(line.rsplit(":", 1)[1])
        return 0


def find_peers(build, extra, only):
    """Returns the peers, and the names of known ones that are not there."""
    peers, missing = [], []
    for name in KNOWN:
        program = next((p for d in filter(None, [os.path.join(build, "tests"), extra])
                        if os.access(p := os.path.join(d, "peer_" + name.split("-")[0]), os.X_OK)), None)
        if only and name not in only:
            continue
        if program is None:
            missing.append(name)
        elif name.startswith("headrace"):
            peers.append(Headrace(name, program, name.split("-")[1]))
        else:
            peers.append((Lttng if name == "lttng" else Peer)(name, program))
    return peers, missing


# ---- conditions ----

def dirty_pages(path):
    """Writes a file again and again, in order; the kernel's limits on dirty pages make everybody's stores wait."""
    block = os.urandom(DIRTY_BLOCK)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        for at in range(0, DIRTY_FILE, DIRTY_BLOCK):
            os.pwrite(fd, block, at)
        os.fdatasync(fd)


@contextlib.contextmanager
def disk(run, dirty):
    path = os.path.join(run.disk, "dirty")
    writer = multiprocessing.Process(target=dirty_pages, args=(path,), daemon=True) if dirty else None
    if writer:
        writer.start()
    try:
        yield
    finally:
        if writer:
            writer.kill()
            writer.join()
            os.path.exists(path) and os.unlink(path)


class Run:
    def __init__(self, args, tmp):
        self.args, self.tmp = args, tmp
        self.disk = tempfile.mkdtemp(dir=args.disk or tmp)
        self.flights = None

    @staticmethod
    def wait(true_now, seconds=30):
        deadline = time.monotonic() + seconds
        while not true_now():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def median(found, peer, key):
    return statistics.median(f[peer][key] for f in found)


def tell_calls(peers, found, base, title):
    print(f"\n{title}; ns a call, medians of {len(found)} rounds; ratio of the means to {peers[base].name}, and its range")
    print(f"  {'':15}{'mean':>9}{'p50':>9}{'p99':>9}{'p99.9':>9}{'max':>11}{'refused':>9}   ratio")
    for i, peer in enumerate(peers):
        values = "".join(f"{median(found, i, key):9.1f}" for key in ("mean", "p50", "p99", "p999"))
        ratios = ratio_text([f[i]["mean"] / f[base]["mean"] for f in found])
        print(f"  {peer.name:15}{values}{median(found, i, 'max'):11.0f}{max(f[i]['refused'] for f in found):9}   {ratios}", flush=True)


def tell_sustained(peers, found, base, title):
    print(f"\n{title}; a call that is refused is made again; processor time of the process, all its threads")
    print(f"  {'':15}{'events/s':>12}{'lost':>8}{'us/event':>10}{'peak MiB':>10}   ratio")
    for i, peer in enumerate(peers):
        ratios = ratio_text([f[i]["per_second"] / f[base]["per_second"] for f in found])
        us = median(found, i, "cpu_s") / found[0][i]["events"] * 1e6
        print(f"  {peer.name:15}{median(found, i, 'per_second'):12.0f}{max(f[i]['lost'] for f in found):8}{us:10.3f}"
              f"{median(found, i, 'rss_kib') / 1024:10.1f}   {ratios}", flush=True)


def stripped(path, tmp):
    copy = os.path.join(tmp, "stripped")
    subprocess.run(["strip", "-o", copy, path], check=True)
    return os.path.getsize(copy)


def tell_sizes(build, peers, tmp):
    library = os.path.realpath(os.path.join(build, "lib", "libheadrace.so"))
    print("\nbytes, stripped:", end=" ")
    if os.path.exists(library):
        print(f"libheadrace.so {stripped(library, tmp)};", end=" ")
    print("programs:", ", ".join(f"{p.name} {stripped(p.program, tmp)}" for p in peers if p.name != "headrace-disk"))


def measure_all(run, peers):
    a = run.args
    base = next((i for i, p in enumerate(peers) if isinstance(p, Headrace)), 0)
    versions = {}
    for dirty in (False,) if a.quick else (False, True):
        for threads in (1, 2):
            with disk(run, dirty):
                found = list(rounds_of(a.rounds, [lambda p=p: p.measure(run, "calls", threads, a.bursts) for p in peers]))
            versions.update((p.name, found[0][i]["version"]) for i, p in enumerate(peers))
            tell_calls(peers, found, base, f"{threads} thread{'s' * (threads > 1)}, {'dirty' if dirty else 'clean'} disk")
    for threads in (1, 2):
        loggers = [p for p in peers if p.name not in ("empty", "null")]
        found = list(rounds_of(a.rounds, [lambda p=p: {**p.measure(run, "sustain", threads, a.events), "events": a.events}
                                          for p in loggers]))
        tell_sustained(loggers, found, next((i for i, p in enumerate(loggers) if isinstance(p, Headrace)), 0),
                       f"{a.events} events by {threads} thread{'s' * (threads > 1)}, until all are where they go")
    print("\nversions:", ", ".join(f"{name} {text}" for name, text in versions.items() if text != "-"))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("build")
    p.add_argument("--peers", help="folder of further programs peer_NAME")
    p.add_argument("--only", type=lambda s: s.split(","), help="names, with commas between them")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--bursts", type=int, default=124, help="of 4096 calls a thread, half of them timed call by call")
    p.add_argument("--events", type=int, default=2000000, help="for the sustained rate")
    p.add_argument("--flights")
    p.add_argument("--disk", help="folder on the disk to measure; the temporary folder when not given")
    p.add_argument("--quick", action="store_true")
    a = p.parse_args()
    if a.quick:
        a.rounds, a.bursts, a.events = 2, 8, 20000
    return a


def made_up_flights(tmp):
    """For --quick, which asks no figures of them."""
    path = os.path.join(tmp, "flights.tsv")
    with open(path, "w") as f:
        for i in range(32 * 4096):
            f.write(f"{978307200000000 + i * 17000000}\t{i * 7 % 300 - 30}\t{i * 13 % 2500 + 50}\tA{i % 97:02}\tB{i % 89:02}\n")
    return path


def main():
    a = arguments()
    os.environ["HEADRACE_BUILD"] = build = os.path.realpath(a.build)
    tmp = tempfile.mkdtemp(prefix="headrace-bench.")
    try:
        tell_machine()
        peers, missing = find_peers(build, a.peers, a.only)
        for name in missing:
            where = KNOWN[name]
            print(f"missing: {name}" + (f", which is at {where}; --peers DIR with a program peer_{name}" if where else ", not in this build"))
        run = Run(a, tmp)
        run.flights = made_up_flights(tmp) if a.quick and a.flights is None else flights_file(a.flights, 200000, tmp)
        measure_all(run, peers)
        tell_sizes(build, peers, tmp)
        print(f"load at the end {load()}")
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
