#!/bin/sh
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Sets up what the targets of the Makefile need; each step does nothing when it has been done.
#
#   tests/setup.sh venv FILE...   .venv with the pip requirements of these files of tests/
#   tests/setup.sh packages       the Debian packages of the lab
#   tests/setup.sh browser        Debian's chromium, in which the HTML report is tried

set -eu
cd "$(dirname "$0")/.."
venv=.venv

say() {
    echo "setup: $*" >&2
}

# May packages be installed here? Only root on Debian, or on one of its children, does so.
is_debian_root() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

install_packages() {
    say "installing the Debian packages: $*"
    {
        apt-get update --quiet=2 || say "apt-get update failed; trying with the package lists that are here"
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "$@"
    } </dev/null >&2
}

# The Python of the system comes first: it is built to be fast, and with others the tests can take a third longer. A name
# on PATH may be a shim that refuses to start, and Debian splits ensurepip from its Python: ask each one.
find_python() {
    for name in ${LABFLEET_PYTHON:-/usr/bin/python3 python3.13 python3.12 python3.11 python3.14 python3}; do
        "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        "$name" -c 'import sys; print(sys.executable)'
        return
    done
    return 1
}

set_up_venv() {
    if ! python=$(find_python); then
        if is_debian_root; then
            install_packages python3 python3-venv
            python=$(find_python) || python=
        fi
        if [ -z "${python:-}" ]; then
            say "no Python 3.11 or newer that can make virtual environments. Install one (on Debian: python3-venv)" \
                "or name it in LABFLEET_PYTHON."
            exit 1
        fi
    fi
    if [ "$(cat "$venv/python.stamp" 2>/dev/null)" != "$python" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
        say "making $venv with $python"
        rm -rf "$venv"
        "$python" -m venv "$venv"
        echo "$python" >"$venv/python.stamp"
    fi
    # A file is installed again when it or a file that it may name has changed.
    wanted=$(cat tests/requirements*.txt tests/unit/requirements.txt | cksum)
    files=
    for name in "$@"; do
        [ "$(cat "$venv/$name.stamp" 2>/dev/null)" = "$wanted" ] || files="$files --requirement tests/$name"
    done
    [ -n "$files" ] || return 0
    say "installing what is missing of $*"
    # shellcheck disable=SC2086 # the words of $files are arguments
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check $files </dev/null >&2
    for name in "$@"; do
        echo "$wanted" >"$venv/$name.stamp"
    done
}

set_up_packages() {
    [ -f tests/lab/__main__.py ] || return 0
    missing=$(PYTHONPATH=tests "$venv/bin/python" -m lab packages) || return 0
    [ -n "$missing" ] || return 0
    if is_debian_root; then
        # shellcheck disable=SC2086 # a list of names
        install_packages $missing || say "not all could be installed; the tests on real hosts are skipped without them"
    else
        say "the tests on real hosts are skipped; they need, installed by root: $(echo "$missing" | tr '\n' ' ')"
    fi
}

set_up_browser() {
    ! command -v chromium >/dev/null || return 0
    if is_debian_root; then
        install_packages chromium || say "chromium could not be installed; the test in a browser is skipped without it"
    else
        say "the test in a browser is skipped; it needs, installed by root: chromium"
    fi
}

case "${1:-}" in
    venv)
        shift
        set_up_venv "$@"
        ;;
    packages)
        set_up_packages
        ;;
    browser)
        set_up_browser
        ;;
    *)
        say "unknown step '${1:-}'; see the head of this file"
        exit 2
        ;;
esac
