"""What `headrace streams` prints as stored bytes, held against the store's files on disk: the flights of the demo, sent by one
thread in the order of the file. At most 7 bytes an event; write-ahead log and profiles stand apart."""
import glob
import json
import os
import subprocess
import sys

from daemon import Daemon

SOURCE, BUILD = os.environ["HEADRACE_SOURCE"], os.environ["HEADRACE_BUILD"]
MOST_BYTES_AN_EVENT = 7.0
# Files hold what the parts do not count: record heads of the blob files, indexes and checksums of the table files, the small
# column families. 64 KiB a file, and 3 % of the whole, are above what was seen.
FILE_OVERHEAD, SHARE_OVERHEAD = 65536, 0.03

folder = os.path.join(SOURCE, "packaging", "demo")
data = os.path.join(SOURCE, "build", "demo", "data-3000000")
if not os.path.exists(os.path.join(data, "counts.json")):
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True, timeout=600)
    os.makedirs(data, exist_ok=True)
    subprocess.run(["node", os.path.join(folder, "convert.mjs"), data, "3000000"], check=True, timeout=600)

with Daemon() as daemon:
    counts = os.path.join(daemon.dir, "counts.json")
    subprocess.run([os.path.join(BUILD, "bin", "headrace_demo"), data, counts], check=True, timeout=600,
                   env={**os.environ, "HEADRACE_URL": daemon.url, "HEADRACE_SPOOL": os.path.join(daemon.dir, "spool")})
    daemon.stop()
    daemon.start()  # opening a store writes what was only in its log to files
    told = daemon.json("/api/v1/streams")
    daemon.stop()
    files = [f for kind in ("blob", "sst") for f in glob.glob(os.path.join(daemon.data, "**", f"*.{kind}"), recursive=True)]
    on_disk = sum(os.path.getsize(f) for f in files)

streams = {s["name"]: s for s in told["streams"]}
stored = sum(sum(s["stored_bytes"].values()) for s in streams.values())
flights = streams["demo.Flight"]
an_event = sum(flights["stored_bytes"].values()) / flights["rows"]
print(json.dumps(told["store"]), f"files {on_disk}, streams {stored}, flights {an_event:.3f} bytes an event", flights["stored_bytes"])
slack = SHARE_OVERHEAD * on_disk + FILE_OVERHEAD * len(files) + told["store"]["profile_bytes"]
if flights["rows"] != 3000000:
    sys.exit(f"{flights['rows']} flights are stored, not 3,000,000")
if not stored <= on_disk + slack or not on_disk <= stored + slack:
    sys.exit(f"the streams claim {stored} bytes, the files have {on_disk}")
if an_event > MOST_BYTES_AN_EVENT:
    sys.exit(f"the flights take {an_event:.2f} bytes an event; at most {MOST_BYTES_AN_EVENT} are promised")
