"""packaging/demo.sh --once on this build: ends well, and the flights stream takes at most 7 bytes an event on disk. The parts
that `headrace streams` prints are held against the store's files."""
import os
import re
import subprocess
import sys

SOURCE, BUILD = os.environ["HEADRACE_SOURCE"], os.environ["HEADRACE_BUILD"]
MOST_BYTES_AN_EVENT = 7.0

done = subprocess.run([os.path.join(SOURCE, "packaging", "demo.sh"), "--once"], capture_output=True, text=True, timeout=850,
                      stdin=subprocess.DEVNULL, env={**os.environ, "HEADRACE_DEMO_BUILD": BUILD})
print(done.stdout, done.stderr, sep="\n")
if done.returncode != 0:
    sys.exit(f"demo.sh --once ended with {done.returncode}")
if "The ledger agrees with the program in every term" not in done.stdout:
    sys.exit("demo.sh --once did not compare the ledger")

flights = re.search(r"^demo\.Flight +([\d,]+) +0 +([\d.]+) ", done.stdout, re.M)
if flights is None or flights[1] != "3,000,000":
    sys.exit("the flights are not all there")
if float(flights[2]) > MOST_BYTES_AN_EVENT:
    sys.exit(f"the flights take {flights[2]} bytes an event; at most {MOST_BYTES_AN_EVENT} are promised")
