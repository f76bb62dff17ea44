"""packaging/demo.sh --once on this build: ends well, having compared the ledger, with every flight stored."""
import os
import re
import subprocess
import sys

SOURCE, BUILD = os.environ["HEADRACE_SOURCE"], os.environ["HEADRACE_BUILD"]

done = subprocess.run([os.path.join(SOURCE, "packaging", "demo.sh"), "--once"], capture_output=True, text=True, timeout=850,
                      stdin=subprocess.DEVNULL, env={**os.environ, "HEADRACE_DEMO_BUILD": BUILD})
print(done.stdout, done.stderr, sep="\n")
if done.returncode != 0:
    sys.exit(f"demo.sh --once ended with {done.returncode}")
if "The ledger agrees with the program in every term" not in done.stdout:
    sys.exit("demo.sh --once did not compare the ledger")

flights = re.search(r"^demo\.Flight +([\d,]+) +0 ", done.stdout, re.M)
if flights is None or flights[1] != "3,000,000":
    sys.exit("the flights are not all there")
