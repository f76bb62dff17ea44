# The Debian packages that headrace needs, by purpose: one list for the demo, the tests and the benches. Source it.

HEADRACE_PACKAGES_BUILD=(
    build-essential cmake ninja-build pkg-config git ca-certificates
    libuv1-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libprotobuf-dev libprotoc-dev liblz4-dev libxxhash-dev
    librocksdb-dev libjansson-dev libyaml-dev libcurl4-openssl-dev node-llhttp
    libre2-dev libssl-dev
)
HEADRACE_PACKAGES_DEMO=(nodejs npm)
HEADRACE_PACKAGES_TEST=(
    clang libclang-rt-14-dev libcmocka-dev nodejs npm chromium prometheus python3 python3-protobuf man-db mandoc strace xfsprogs e2fsprogs mount procps
)
HEADRACE_PACKAGES_BENCH=(rsyslog libspdlog-dev libfmt-dev liblttng-ust-dev lttng-tools util-linux)

# headrace_install_packages PACKAGE...: installs those that are missing, as root or with sudo. Asks nothing.
headrace_install_packages() {
    local missing=() package as_root=()

    for package in "$@"; do
        # Another supplier's nodejs brings npm with it and conflicts with Debian's.
        [[ $package == npm || $package == nodejs ]] && command -v node >/dev/null && command -v npm >/dev/null && continue
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    [[ ${#missing[@]} -eq 0 ]] && return 0
    [[ $(id -u) -eq 0 ]] || as_root=(sudo)
    if [[ $(id -u) -ne 0 ]] && ! command -v sudo >/dev/null; then
        echo "These packages are needed and installing them takes root or sudo: ${missing[*]}" >&2
        return 1
    fi
    echo "installing: ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive timeout 600 apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive timeout 1800 apt-get -q -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "${missing[@]}" >/dev/null
}
