#!/bin/bash
# Installs what the tests need on Debian 12, builds every preset with warnings as errors (gcc; the fuzz preset is clang's) and
# runs the tests. The last line is "N passed, N failed", summed over all runs; exits non-zero on any failure, and also when
# no test ran.
#   packaging/test.sh                    everything but the tests labelled nightly
#   packaging/test.sh release dev ...    only these parts: release clang dev tsan fuzz
# HEADRACE_FUZZ_SECONDS (60) is how long each fuzzer runs; HEADRACE_TEST_JOBS how many tests run at once.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. packaging/packages.sh

jobs=${HEADRACE_TEST_JOBS:-$(nproc)}
fuzz_seconds=${HEADRACE_FUZZ_SECONDS:-60}
logs=build/test-logs
passed=0 failed=0 skipped=0
failures=()
started=$SECONDS
runner=""

# The tests run in a session of their own, and are ended with all their children when this script is.
finish() {
    [[ -z $runner ]] || kill -TERM -- "-$runner" 2>/dev/null
    report
}
report() {
    local line

    trap - EXIT INT TERM
    for line in "${failures[@]}"; do echo "FAILED: $line"; done
    [[ $((passed + failed)) -gt 0 ]] || { echo "no test ran"; failed=1; }
    printf 'took %d min %d s\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
    if [[ $skipped -gt 0 ]]; then
        echo "$passed passed, $failed failed, $skipped skipped"
    else
        echo "$passed passed, $failed failed"
    fi
    [[ $failed -eq 0 ]] || exit 1
    exit 0
}
trap finish EXIT
trap 'failures+=("interrupted"); failed=$((failed + 1)); finish' INT TERM

say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - started)); }

fail() {
    failures+=("$1")
    failed=$((failed + 1))
}

# step NAME SECONDS COMMAND...: its output goes to a log, whose end is shown when it fails.
step() {
    local name=$1 limit=$2 log=$logs/${1// /-}.log

    shift 2
    timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null && return 0
    echo "-- $name failed; the end of $log:"
    tail -n 60 "$log"
    fail "$name"
    return 1
}

configure_and_build() { # PRESET [cmake arguments]
    local preset=$1

    shift
    say "$preset: build"
    step "$preset configure" 300 cmake --preset "$preset" "$@" &&
        step "$preset build" 1800 cmake --build "build/$preset"
}

# Adds the run's counts, from ctest's own JUnit file. A run that was cut off counts as one more failure.
count_run() { # PRESET JUNIT STATUS
    local preset=$1 junit=$2 status=$3 tests bad skip name

    read -r tests bad skip < <(sed -n '/<testsuite/,/>/p' "$junit" 2>/dev/null | tr '\n\t' '  ' |
        sed -n 's/.*tests="\([0-9]*\)".*failures="\([0-9]*\)".*disabled="[0-9]*".*skipped="\([0-9]*\)".*/\1 \2 \3/p')
    if [[ -z ${tests:-} ]]; then
        fail "$preset: the test run wrote no result (exit status $status)"
        return
    fi
    passed=$((passed + tests - bad - skip))
    failed=$((failed + bad))
    skipped=$((skipped + skip))
    while read -r name; do failures+=("$preset: $name"); done < <(sed -n 's/.*<testcase name="\([^"]*\)".*status="fail".*/\1/p' "$junit")
    [[ $tests -gt 0 ]] || fail "$preset: no test ran"
    [[ $status -eq 0 || $bad -gt 0 ]] || fail "$preset: ctest ended with status $status"
}

run_tests() { # PRESET SECONDS [ctest arguments]
    local preset=$1 limit=$2 junit status

    shift 2
    junit=$PWD/$logs/$preset.xml
    say "$preset: tests"
    rm -f "$junit"
    setsid timeout -k 20 "$limit" ctest --test-dir "build/$preset" --output-on-failure --no-tests=error \
        --output-junit "$junit" -j "$jobs" "$@" </dev/null &
    runner=$!
    wait "$runner"
    status=$?
    runner=""
    count_run "$preset" "$junit" "$status"
}

npm_install() { # FOLDER: what its lock file names, nothing else
    [[ -f $1/package-lock.json ]] || return 0
    step "npm ci in $(basename "$1")" 600 npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund --loglevel=error
}

part_release() { configure_and_build release && run_tests release 2700 -LE nightly; }
part_clang() { # everything once more with the other compiler; its binaries are not run
    say "clang: build"
    step "clang configure" 300 cmake --preset release -B build/clang -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ &&
        step "clang build" 1800 cmake --build build/clang && passed=$((passed + 1))
}
part_dev() { configure_and_build dev && run_tests dev 1500 -LE 'nightly|fault|bench|browser'; }
part_tsan() { configure_and_build tsan && run_tests tsan 1500 -L 'unit|integration' -LE 'nightly|fault|bench|browser'; }
part_fuzz() {
    configure_and_build fuzz "-DHEADRACE_FUZZ_SECONDS=$fuzz_seconds" && run_tests fuzz 1500 -L fuzz -LE nightly
}

mkdir -p "$logs"
parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=(release dev tsan fuzz)
for part in "${parts[@]}"; do
    [[ $part =~ ^(release|clang|dev|tsan|fuzz)$ ]] || { echo "no such part: $part" >&2; fail "$part"; exit; }
done

say "packages"
headrace_install_packages "${HEADRACE_PACKAGES_BUILD[@]}" "${HEADRACE_PACKAGES_DEMO[@]}" "${HEADRACE_PACKAGES_TEST[@]}" \
    "${HEADRACE_PACKAGES_BENCH[@]}" || { fail "packages"; exit; }
npm_install packaging/demo
npm_install tests/browser
npm_install tests/compat
npm_install tests/conformance
npm_install tests/registry
for part in "${parts[@]}"; do
    "part_$part"
done
