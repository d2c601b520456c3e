#!/bin/sh
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The record of a start, a part of labfleet-conda-entrypoint.sh, which reads this file when a ledger is set.

# shellcheck disable=SC2034,SC2154  # what is set there and used here, and the other way round

MAX_BYTES=16777216 # of a ledger; the modules of the collection begin a new file at this size

# Sets $line to the last line of the ledger, and $sequence and $hash to the place of its record.
read_head() {
    hash=0000000000000000000000000000000000000000000000000000000000000000 sequence=0
    [ -s "$ledger" ] || return 0
    [ "$(tail -c 1 "$ledger" | wc -l)" -eq 1 ] || return 1
    line=$(tail -n 1 "$ledger")
    sequence=${line##*\"schema\":1,\"sequence\":}
    sequence=${sequence%%,*}
    hash=${line#\{\"hash\":\"}
    hash=${hash%%\"*}
    case $sequence in '' | *[!0-9]*) return 1 ;; esac
    case $hash in *[!0-9a-f]*) return 1 ;; esac
    [ ${#hash} -eq 64 ]
}

# Appends a record as the modules of the collection write it: canonical JSON, chained by SHA-256 sums.
record() {
    folder=${ledger%/*}
    refusal="no record was written to the ledger $ledger"
    case $ledger in *?.jsonl) ;; *) note "$refusal: its name must end in .jsonl." && return ;; esac
    if ! command -v sha256sum >/dev/null || ! command -v flock >/dev/null; then
        note "$refusal: that takes sha256sum and flock, which this image does not have."
        return
    fi
    set -- "$folder/"
    for file in "$ledger" "$ledger.lock"; do if [ -e "$file" ] || [ -L "$file" ]; then set -- "$@" "$file"; fi; done
    if ! trusted "$uid" "$@" || ! [ -w "$folder" ]; then
        note "$refusal: it needs a directory that user $uid, and nobody else but root, can write to."
        return
    fi
    for file in "${ledger%.jsonl}"-[0-9]*.jsonl; do
        [ ! -e "$file" ] || [ -e "$ledger" ] || { note "$refusal: its last file is missing." && return; }
    done
    problem=$(umask 077 && append 9>>"$ledger.lock") || note "$refusal: ${problem:-it could not be written}."
}

append() {
    waited=0
    until flock -n 9; do
        waited=$((waited + 1))
        [ $waited -le 30 ] || { echo "another process has its lock" && return 1; }
        sleep 0.1 2>/dev/null || sleep 1 # fractions are not in POSIX
    done
    read_head || { echo "its end is damaged, which conda_ledger with operation anchor mends" && return 1; }
    [ ! -e "$ledger" ] || [ "$(wc -c <"$ledger")" -lt $MAX_BYTES ] ||
        { echo "it is full, and conda_ledger with operation anchor begins a new file" && return 1; }
    user=$(id -un 2>/dev/null) || user=$uid
    [ -n "$message" ] && quote "$message" || quoted=null
    said=$quoted
    quote "$prefix" && place=$quoted
    quote "$(uname -n)" && host=$quoted
    quote "$user" && user=$quoted
    [ -n "$version" ] && after="{\"conda\":\"$version\"}" || after=null
    [ -n "$version_before" ] && before="{\"conda\":\"$version_before\"}" || before=null
    text="{\"action\":\"container_start\",\"after\":$after,\"before\":$before,\"host\":{\"machine\":null,\"name\":$host}"
    text="$text,\"message\":$said,\"outcome\":\"$outcome\",\"packages\":null,\"prefix\":$place,\"previous\":\"$hash\""
    text="$text,\"schema\":1,\"sequence\":$((sequence + 1)),\"snapshot\":null,\"time\":\"$time\",\"verification\":null"
    text="$text,\"who\":{\"login\":null,\"sudo_user\":null,\"user\":$user}}"
    case $text in *[!\ -~]*) echo "it holds ASCII only, and a name here is not" && return 1 ;; esac
    hash=$(printf %s "$text" | sha256sum) && hash=${hash%% *}
    [ -e "$ledger" ] || [ "$uid" != 0 ] || umask 027
    printf '{"hash":"%s",%s\n' "$hash" "${text#?}" >>"$ledger"
}
