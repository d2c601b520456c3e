#!/bin/sh
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The nightly run of a control node: playbooks of labfleet.conda one after the other, each in a run of its own, so that
# a host that fails in one is seen by the next.
#
#   labfleet-conda-nightly.sh CONFIGURATION [STEP...]     without a step, those of the configuration
#
# The configuration is a file of shell variables that the role labfleet.conda.maintenance writes:
#
#   ansible      the program ansible-playbook        inventory    the inventory
#   collections  where collections are, or empty     variables    a file of variables for all playbooks
#   steps        names of playbooks, in order        state        the directory of reports, lock and nightly.json
#   logs         the directory of the logs           keep_days    days that logs are kept
#   seconds      how long the whole run may take     metrics      a file for the textfile collector, or empty
#
# Exit codes: 0; the highest of ansible-playbook (2 a host failed, 4 a host was not reached); 75 when another run holds
# the lock, and nothing was done; 78 when the configuration cannot be used; 124 when the time was up.

set -u
umask 027

fail() {
    printf '%s\n' "${0##*/}: $1" >&2
    exit "$2"
}

now() { date +%s; }

[ $# -ge 1 ] || fail "name the configuration: $0 CONFIGURATION [STEP...]" 64
[ -f "$1" ] && [ -r "$1" ] || fail "$1 is no file that can be read: run the role labfleet.conda.maintenance." 78
ansible='' inventory='' collections='' variables='' steps='' state='' logs='' keep_days='' seconds='' metrics=''
# shellcheck source=/dev/null
. "$1"
shift
for value in "$ansible" "$inventory" "$steps" "$state" "$logs" "$keep_days" "$seconds"; do
    [ -n "$value" ] || fail "the configuration is not whole: run the role labfleet.conda.maintenance again." 78
done
[ $# -gt 0 ] || { set -f && eval 'set -- $steps' && set +f; }
for step in "$@"; do
    case $step in '' | *[!a-z_]*) fail "$step is no name of a playbook of labfleet.conda." 78 ;; esac
done
command -v flock >/dev/null || fail "flock is missing: install util-linux." 78
[ -d "$state" ] && [ -w "$state" ] && [ -d "$logs" ] && [ -w "$logs" ] ||
    fail "$state and $logs must be directories of user $(id -un): run the role labfleet.conda.maintenance." 78

exec 9>>"$state/nightly.lock"
flock -n 9 || fail "another run is under way (it holds $state/nightly.lock), so this one did nothing." 75

# An interrupted run still tells what it did. The step that runs is ended by the signal too, or by its time limit.
stopped=''
trap 'stopped=143; [ -z "${job:-}" ] || kill -TERM "$job" 2>/dev/null' TERM
trap 'stopped=130; [ -z "${job:-}" ] || kill -TERM "$job" 2>/dev/null' INT
trap 'stopped=129; [ -z "${job:-}" ] || kill -TERM "$job" 2>/dev/null' HUP

began=$(now) worst=0 results='' lines='' job=''
log="$logs/nightly-$(date -u +%Y%m%dT%H%M%SZ).log"
[ -z "$collections" ] || export ANSIBLE_COLLECTIONS_PATH="$collections"
export ANSIBLE_NOCOLOR=1 ANSIBLE_FORCE_COLOR=0

# Runs one playbook for the rest of the time, without the lock, which its children must not keep.
run() {
    left=$((seconds - ($(now) - began)))
    [ "$left" -gt 0 ] || return 124
    set -- "labfleet.conda.$1" -i "$inventory" -e "conda_nightly_state=$state"
    [ -z "$variables" ] || set -- "$@" -e "@$variables"
    timeout -k 60 "$left" "$ansible" "$@" </dev/null >>"$log" 2>&1 9>&- &
    job=$!
    while :; do
        wait "$job"
        code=$?
        kill -0 "$job" 2>/dev/null || break
    done
    job=''
    return "$code"
}

# Writes a file at once: nobody ever reads half of it. What is written comes from standard input.
write() {
    cat >"$1.new" && chmod "$2" "$1.new" && mv "$1.new" "$1"
}

status() {
    printf '{"began":%d,"ended":%s,"exit_code":%d,"log":"%s","steps":[%s]}\n' "$began" "$1" "$worst" "$log" "$results"
}

metric() {
    printf '# HELP labfleet_conda_nightly_%s %s\n# TYPE labfleet_conda_nightly_%s gauge\n' "$1" "$2" "$1"
}

# The time of the last success is kept from the run before where this one has failed.
write_metrics() {
    success=$(sed -n 's/^labfleet_conda_nightly_last_success_timestamp_seconds //p' "$metrics" 2>/dev/null)
    [ "$worst" != 0 ] || success=$1
    {
        metric last_run_timestamp_seconds "When the nightly run last ended."
        printf 'labfleet_conda_nightly_last_run_timestamp_seconds %d\n' "$1"
        metric last_success_timestamp_seconds "When the nightly run last ended without an error."
        printf 'labfleet_conda_nightly_last_success_timestamp_seconds %s\n' "${success:-0}"
        metric duration_seconds "How long the nightly run took."
        printf 'labfleet_conda_nightly_duration_seconds %d\n' "$(($1 - began))"
        metric exit_code "The exit code of the nightly run, and of each of its steps."
        printf 'labfleet_conda_nightly_exit_code{step="all"} %d\n%s' "$worst" "$lines"
    } | write "$metrics" 0644
}

for step in "$@"; do
    printf '=== %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$step" >>"$log"
    at=$(now)
    if [ -n "$stopped" ]; then code=$stopped; else run "$step" && code=0 || code=$?; fi
    [ "$code" -le "$worst" ] || worst=$code
    results="$results${results:+,}{\"step\":\"$step\",\"exit_code\":$code,\"seconds\":$(($(now) - at))}"
    lines="${lines}labfleet_conda_nightly_exit_code{step=\"$step\"} $code
"
    printf '=== %s ended with exit code %d\n' "$step" "$code" >>"$log"
    status null | write "$state/nightly.json" 0640 || [ "$worst" != 0 ] || worst=1
done
ended=$(now)
status "$ended" | write "$state/nightly.json" 0640 || [ "$worst" != 0 ] || worst=1
[ -z "$metrics" ] || write_metrics "$ended" || [ "$worst" != 0 ] || worst=1
find "$logs" -maxdepth 1 -type f -name 'nightly-*.log' -mtime "+$keep_days" -exec rm -f {} +
[ "$worst" = 0 ] || printf '%s\n' "${0##*/}: ended with exit code $worst: see $log" >&2
exit "$worst"
