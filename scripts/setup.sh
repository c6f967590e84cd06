#!/usr/bin/env bash
# Prepares this machine, without asking questions: checks the Swift toolchain, installs missing Debian packages, and puts the
# Python tools into .venv (ignored by git).
#
#   scripts/setup.sh build          what `make build` needs
#   scripts/setup.sh test           and what the client tests need
#   scripts/setup.sh bench          and what the benchmarks need
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # A plain user's PATH lacks where daemons live.

# Each need and the package that meets it: a command, a system header, or a Python module.
build_needs=(/usr/include/sqlite3.h=libsqlite3-dev /usr/include/zlib.h=zlib1g-dev)
test_needs=(docker-registry=docker-registry skopeo=skopeo podman=podman buildah=buildah containerd=containerd
    dockerd=docker.io runc=runc ip=iproute2 jq=jq openssl=openssl curl=curl
    busybox=busybox-static python3=python3 python:ensurepip=python3-venv cc=gcc /usr/include/stdio.h=libc6-dev setpriv=util-linux prlimit=util-linux
    mount=mount nginx=nginx sqlite3=sqlite3 '/usr/lib/postgresql/*/bin/initdb=postgresql')
bench_needs=(wrk=wrk)

policy=/usr/sbin/policy-rc.d
policy_is_ours=no

fail() {
    echo "setup: $*" >&2
    exit 1
}

check_swift() {
    command -v swift >/dev/null || fail "no 'swift' on PATH: install a Swift 6.3 toolchain (or newer) for Debian 12"
    local version major minor
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    major=${version%%.*} minor=${version##*.}
    ((${major:-0} > 6 || (${major:-0} == 6 && ${minor:-0} >= 3))) ||
        fail "Swift ${version:-of an unknown version} is too old: Weir needs 6.3 or newer"
    local libraries
    libraries=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')_static
    [[ -e $libraries/linux/libswiftCore.a ]] ||
        fail "this Swift toolchain lacks its static libraries ($libraries): install a whole one, as swift.org gives it out"
}

# Runs a command as root. Fails where that would need a password.
as_root() {
    if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

# While policy-rc.d refuses, apt starts none of the daemons that it installs. Running daemons are left alone.
hold_daemons() {
    [[ -e $policy ]] && return
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

release_daemons() {
    [[ $policy_is_ours == no ]] || as_root rm -f "$policy"
}
trap release_daemons EXIT

# The packages for unmet needs (thing=package).
missing_packages() {
    local need
    for need in "$@"; do
        is_there "${need%%=*}" || echo "${need#*=}"
    done
}

is_there() {
    case $1 in
    /*) compgen -G "$1" >/dev/null ;;
    python:*) python3 -c "import ${1#python:}" 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

ensure_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || fail "missing, to be installed as this system does it: ${missing[*]}"
    as_root true 2>/dev/null || fail "missing, and installing needs root: apt-get install ${missing[*]}"
    echo "setup: installing ${missing[*]}"
    hold_daemons
    {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
    } </dev/null >&2
}

# The Python tools in .venv, made anew when their list has changed.
ensure_python() {
    local wanted=scripts/requirements.txt stamp=.venv/requirements.txt
    cmp -s "$wanted" "$stamp" && return 0
    echo "setup: making .venv"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --requirement "$wanted"
    cp "$wanted" "$stamp"
}

check_swift
case "${1:-build}" in
build) ensure_packages "${build_needs[@]}" ;;
test)
    ensure_packages "${build_needs[@]}" "${test_needs[@]}"
    ensure_python
    ;;
bench)
    ensure_packages "${build_needs[@]}" "${test_needs[@]}" "${bench_needs[@]}"
    ensure_python
    ;;
*) fail "unknown step '$1': build, test or bench" ;;
esac
