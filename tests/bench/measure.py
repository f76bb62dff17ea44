"""What the benchmarks share: running programs, the machine's state, rounds in turns, the flights."""
import os
import re
import statistics
import subprocess
import sys

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
RUN_MOST_S = 300  # a run that takes longer hangs


def output(*args, env=None):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True, env=env, timeout=RUN_MOST_S).stdout


def load():
    with open("/proc/loadavg") as f:
        return " ".join(f.read().split()[:3])


def version(*args):
    try:
        return output(*args).splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def tell_machine():
    print(f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} processors, load {load()}")
    with open("/proc/cpuinfo") as f:
        print(re.search(r"model name\s*: (.*)", f.read()).group(1))
    print("command:", " ".join(sys.argv))


def rounds_of(n, things):
    """A B B A, of any number of things: each round calls them all, every second one backwards. Yields a list a round."""
    for i in range(n):
        order = list(enumerate(things))
        found = [None] * len(things)
        for at, thing in order if i % 2 == 0 else reversed(order):
            found[at] = thing()
        yield found


def ratio_text(ratios):
    ratios = sorted(ratios)
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def flights_file(given, events, tmp):
    if given is None:
        folder = os.path.join(tmp, "flights")
        os.mkdir(folder)
        subprocess.run(["node", os.path.join(SOURCE, "packaging/demo/convert.mjs"), folder, str(events)], check=True)
        given = os.path.join(folder, "flights.tsv")
    return given
