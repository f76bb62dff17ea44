#!/bin/bash
# Shows headrace on real data: three million flights, ten thousand bird strikes, three thousand films; then the ledger, three
# findings about these data, and the address of the status page.
#   packaging/demo.sh          leaves the collector running until Ctrl-C
#   packaging/demo.sh --once   ends by itself; exits non-zero if what the program counted differs from the ledger
# Needs Debian 12 and root or sudo for its packages. HEADRACE_DEMO_FLIGHTS=N sends fewer flights; HEADRACE_DEMO_BUILD=DIR
# takes the programs of a build that is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. packaging/packages.sh

once=0
case "${1:-}" in
    --once) once=1 ;;
    "") ;;
    *) echo "usage: packaging/demo.sh [--once]" >&2; exit 2 ;;
esac
flights=${HEADRACE_DEMO_FLIGHTS:-3000000}
data=build/demo/data-$flights
daemon=""
run=""

finish() {
    local status=$?

    trap - EXIT INT TERM
    if [[ -n $daemon ]] && kill -TERM "$daemon" 2>/dev/null; then
        # A collector that does not stop within 30 s is ended, and the demo has failed.
        for _ in $(seq 300); do kill -0 "$daemon" 2>/dev/null || break; sleep 0.1; done
        if kill -KILL "$daemon" 2>/dev/null; then echo "headraced did not stop on SIGTERM" >&2; status=1; fi
        wait "$daemon" 2>/dev/null || true
    fi
    if [[ -n $run && $status -ne 0 && -s $run/headraced.log ]]; then
        echo "the collector's last words:" >&2
        tail -n 20 "$run/headraced.log" >&2
    fi
    [[ -z $run ]] || rm -rf "$run"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n== %s\n' "$*"; }

if [[ -z ${HEADRACE_DEMO_BUILD:-} ]]; then
    say "packages"
    headrace_install_packages "${HEADRACE_PACKAGES_BUILD[@]}" "${HEADRACE_PACKAGES_DEMO[@]}"
    say "build"
    build=build/demo/release
    mkdir -p build/demo
    if ! { timeout --foreground 600 cmake --preset release -B "$build" -DHEADRACE_TESTS=OFF &&
        timeout --foreground 1800 cmake --build "$build" --target headraced headrace headrace_demo; } >build/demo/build.log 2>&1; then
        tail -n 40 build/demo/build.log >&2
        exit 1
    fi
fi
bin=${HEADRACE_DEMO_BUILD:-build/demo/release}/bin

say "data"
if [[ ! -s $data/counts.json ]]; then
    (cd packaging/demo && timeout --foreground 600 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    mkdir -p "$data"
    timeout --foreground 600 node packaging/demo/convert.mjs "$data" "$flights"
fi
cat "$data/counts.json"

say "collector"
run=$(mktemp -d build/demo/run.XXXXXX)
# In a session of its own: Ctrl-C is for this script, which then stops it in order.
setsid "$bin/headraced" --data-dir "$run/data" --ingest 127.0.0.1:0 --http 127.0.0.1:0 --ports-file "$run/ports" \
    >"$run/headraced.log" 2>&1 </dev/null &
daemon=$!
for _ in $(seq 300); do
    [[ -s $run/ports ]] && grep -q '^http=' "$run/ports" && break
    kill -0 "$daemon" 2>/dev/null || { daemon=""; echo "headraced did not start" >&2; exit 1; }
    sleep 0.1
done
ingest_port=$(sed -n 's/^ingest=//p' "$run/ports")
http_port=$(sed -n 's/^http=//p' "$run/ports")
[[ -n $ingest_port && -n $http_port ]] || { echo "headraced told no ports within 30 s" >&2; exit 1; }
export HEADRACE_HTTP=http://127.0.0.1:$http_port HEADRACE_URL=headrace://127.0.0.1:$ingest_port
echo "status page: $HEADRACE_HTTP/"

say "events, from one thread of one program"
HEADRACE_SPOOL=$run/spool timeout --foreground 900 "$bin/headrace_demo" "$data" "$run/counts.json"

say "streams"
"$bin/headrace" streams
say "ledger"
"$bin/headrace" ledger --wait-settled 60
say "findings"
timeout --foreground 300 node packaging/demo/findings.mjs "$HEADRACE_HTTP" "$run/counts.json"

echo
echo "The status page: $HEADRACE_HTTP/"
if [[ $once -eq 0 ]]; then
    echo "The collector runs until you press Ctrl-C. Try:"
    echo "  export HEADRACE_HTTP=$HEADRACE_HTTP"
    echo "  $bin/headrace tail demo.Flight"
    trap 'exit 0' INT
    wait "$daemon" || true
fi
