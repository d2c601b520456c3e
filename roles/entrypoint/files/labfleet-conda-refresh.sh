#!/bin/sh
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The refresh, a part of labfleet-conda-entrypoint.sh, which reads this file when a refresh is due.

# shellcheck disable=SC2034,SC2154  # what is set there and used here, and the other way round

GRACE=30 # seconds from SIGTERM to SIGKILL: conda needs them to undo what it has begun
STALE=60 # seconds without a sign of life after which a lock of another container counts as left behind

# What the exit codes of change() mean.
tell_refresh() {
    outcome=failed
    case $1 in
        0) refreshed=yes outcome=committed && return ;;
        1) refreshed=by_another && return ;;
        2) text="Its plan failed, as without network, so nothing was changed" ;;
        3) text="It failed, and $prefix is as before" ;;
        4) text="It failed, and $prefix was put back from the copy" outcome=rolled_back ;;
        5) text="It failed, and $prefix could not be put back; the next start tries again" ;;
        6) text="Another start, or a change from a control node, held the lock too long" outcome=refused ;;
        7) text="One failed less than $pause s ago, so it was not tried again" outcome=recorded ;;
        8) text="$prefix is marked as frozen" outcome=refused ;;
        9) text="Something is mounted below $prefix, which a copy could not put back" outcome=refused ;;
        10) text="There is too little space for a copy of $prefix" outcome=refused ;;
        11) text="User $by cannot write to $prefix" outcome=recorded ;;
        12) text="Others than root can write to $prefix: give all of it to one user" outcome=refused ;;
        13) text="$prefix belongs to another user, and no gosu, su-exec or setpriv is there" outcome=refused ;;
        *) text="It ended with code $1" ;;
    esac
    refreshed=failed
    [ "$1" -le 5 ] 2>/dev/null && text="$text (see $state/entrypoint/refresh.log)"
    note "No refresh: $text."
}

# Sets $above to the directories above $1, one on a line.
all_above() {
    above=/ path=$1
    while path=${path%/*} && [ -n "$path" ]; do above="$above$newline$path"; done
}

refresh_and_tell() {
    run_refresh
    tell_refresh $?
    look
}

# Whether root may run programs of the prefix: nobody else can write to any of it, nor exchange it.
is_safe_for_root() {
    for place in "$prefix" "$(cd -P "$prefix" && pwd -P)"; do
        all_above "$place"
        IFS=$newline
        set -f
        # shellcheck disable=SC2086  # one directory on a line
        found=$(find -H $above -prune \( ! -user 0 -o ! -perm -1000 \( -perm -0020 -o -perm -0002 \) \) -print 2>&1)
        set +f
        unset IFS
        [ -z "$found" ] || return 1
    done
    found=$(find -H "$prefix" \( -path "$prefix/envs" -o -path "$state" \) -prune -o ! -type l \
        \( ! -user 0 -o -perm -0020 -o -perm -0002 \) -print 2>&1 | head -n 1)
    [ -z "$found" ]
}

# Runs change() as who may do it, and waits for its end; a SIGTERM is handed on.
run_refresh() {
    worker=''
    trap 'stopped=yes && [ -z "$worker" ] || kill -TERM "$worker" 2>/dev/null' TERM
    # shellcheck disable=SC2012,SC2046  # all that every ls tells of a numeric owner
    set -- $(ls -ldnL "$prefix" 2>/dev/null | head -n 1)
    owner=${3:-} group=${4:-} by=$uid
    if [ "$uid" != 0 ] || [ "$owner" = 0 ]; then
        [ "$uid" != 0 ] || is_safe_for_root || return 12
        [ -w "$prefix" ] && [ -w "$prefix/conda-meta" ] || return 11
        change </dev/null >/dev/null 2>&1 &
    else
        if command -v gosu >/dev/null; then
            set -- gosu "$owner:$group"
        elif command -v su-exec >/dev/null; then
            set -- su-exec "$owner:$group"
        elif setpriv "--reuid=$owner" "--regid=$group" --clear-groups true 2>/dev/null; then
            set -- setpriv "--reuid=$owner" "--regid=$group" --clear-groups
        else
            return 13
        fi
        home=/ by=$owner
        while IFS=: read -r _ _ number _ _ place _; do [ "$number" != "$owner" ] || home=$place; done </etc/passwd
        (
            keep_environment
            export HOME="$home" LABFLEET_CONDA_CONFIG=/dev/null LABFLEET_CONDA_PREFIX="$prefix" \
                LABFLEET_CONDA_FLOOR="$floor" LABFLEET_CONDA_MAMBA_FLOOR="$mamba_floor" \
                LABFLEET_CONDA_SOLVER="$solver" LABFLEET_CONDA_REFRESH_TOOL="$tool" \
                LABFLEET_CONDA_REFRESH_SECONDS="$seconds" LABFLEET_CONDA_REFRESH_WAIT="$wait_seconds" \
                LABFLEET_CONDA_REFRESH_PAUSE="$pause" LABFLEET_CONDA_MIN_FREE_MIB="$min_mib"
            exec "$@" /bin/sh "$0" --refresh
        ) </dev/null >/dev/null 2>&1 &
    fi
    worker=$!
    [ -z "$stopped" ] || kill -TERM "$worker" 2>/dev/null
    while :; do
        wait "$worker"
        code=$?
        kill -0 "$worker" 2>/dev/null || break
    done
    trap - TERM
    return "$code"
}

# Of the environment, only what conda needs is handed on to it; our own variables stay. It gets a package cache of its
# own: what a kill leaves half unpacked in the cache of the prefix would count as whole there, for everybody.
keep_environment() {
    for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
        case $name in
            HOME | LANG | LC_* | TZ | NETRC | *_PROXY | *_proxy | REQUESTS_CA_BUNDLE | CURL_CA_BUNDLE | SSL_CERT_*) ;;
            CONDARC | MAMBARC | CONDA_CHANNEL* | CONDA_DEFAULT_CHANNELS | CONDA_OVERRIDE_*) ;;
            CONDA_SOLVER | CONDA_SSL_VERIFY | CONDA_OFFLINE | CONDA_REMOTE_* | CONDA_TOKEN) ;;
            PATH | PWD | OLDPWD | PPID | UID | EUID | SHELLOPTS | BASHOPTS | _) ;;
            *) eval "keep=\$$name; unset $name; $name=\$keep" ;;
        esac
    done
    unset keep LD_PRELOAD LD_LIBRARY_PATH
    export PATH="/usr/sbin:/usr/bin:/sbin:/bin" LC_ALL=C.UTF-8 XDG_CACHE_HOME="$own/cache" \
        PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 CONDA_AUTO_UPDATE_CONDA=false CONDA_REGISTER_ENVS=false \
        CONDA_NOTIFY_OUTDATED_CONDA=false CONDA_REPORT_ERRORS=false CONDA_PKGS_DIRS="$own/pkgs" \
        MAMBA_ROOT_PREFIX="$prefix" MAMBA_NO_BANNER=1
}

show_life() { echo "$beat" >"$lock/beat" && beat=$((beat + 1)); }

# Runs a command for $left seconds at most, in a session of its own, so that all it starts can be ended.
limited() {
    $session "$@" </dev/null >>"$output" 2>&1 &
    job=$!
    while kill -0 "$job" 2>/dev/null; do
        if [ -n "$stopped" ] || [ "$left" -le 0 ]; then
            echo "Ended by the entrypoint: the time limit, or a signal." >>"$own/refresh.log"
            kill -TERM "$group$job" 2>/dev/null
            rest=$GRACE
            while kill -0 "$job" 2>/dev/null && [ "$rest" -gt 0 ]; do sleep 1 && rest=$((rest - 1)) && show_life; done
            kill -KILL "$group$job" 2>/dev/null
            wait "$job"
            return 1
        fi
        sleep 1
        left=$((left - 1))
        show_life
    done
    wait "$job"
}

# Where a process can be told apart: this boot of the machine, and the namespace of process numbers.
scope() {
    # shellcheck disable=SC2012  # readlink is not everywhere
    echo "$(cat /proc/sys/kernel/random/boot_id) $(ls -l /proc/self/ns/pid | sed 's/.*-> //')"
}

# Sets $begun to when a process began; it is empty where there is none.
begun() {
    begun=''
    IFS= read -r begun 2>/dev/null <"/proc/$1/stat" || return 0
    # shellcheck disable=SC2086  # the words of the line
    set -- ${begun##*) }
    begun=${20}
}

# Takes the lock, which is a directory, so that it works on any shared volume: one whose holder has gone is taken over.
# flock on the file of the collection's modules keeps those away.
take_lock() {
    IFS=' ' read -r me _ </proc/self/stat
    begun "$me"
    mine="$(scope) $me $begun" seen='' unchanged=0 waited=0
    while :; do
        if mkdir "$lock" 2>/dev/null; then
            echo "$mine" >"$lock/holder" || { rm -rf "$lock" && return 1; }
            sleep 1 # one that has just been taken over can be lost to another who saw the old one too
            [ "$(cat "$lock/holder" 2>/dev/null)" = "$mine" ] && break
        fi
        now="$(cat "$lock/holder" "$lock/beat" 2>/dev/null)"
        holder=${now%%"$newline"*}
        if [ "$now" = "$seen" ]; then unchanged=$((unchanged + 1)); else seen=$now unchanged=0; fi
        if [ "${holder% * *}" = "${mine% * *}" ]; then
            there=${holder% *} && begun "${there##* }"
            [ "$begun" = "${holder##* }" ] || unchanged=$STALE
        fi
        if [ "$unchanged" -ge "$STALE" ]; then
            mv "$lock" "$lock.left.$me" 2>/dev/null && rm -rf "$lock.left.$me"
            seen='' unchanged=0
            continue
        fi
        [ "$waited" -lt "$wait_seconds" ] && [ -z "$stopped" ] || return 1
        sleep 1
        waited=$((waited + 1))
    done
    show_life
    command -v flock >/dev/null || return 0
    : | cat >>"$state/lock" || return 1 # a failed exec would end this process
    exec 9>>"$state/lock"
    until flock -n 9; do
        [ "$waited" -lt "$wait_seconds" ] && [ -z "$stopped" ] || return 1
        sleep 1
        waited=$((waited + 1))
        show_life
    done
}

# Runs a command with all parts of the prefix as arguments, but for environments and the package cache, which a refresh
# does not touch.
with_parts() {
    for part in "$prefix"/* "$prefix"/.[!.]* "$prefix"/..?*; do
        case ${part##*/} in envs | pkgs | .labfleet-conda) continue ;; esac
        if [ -e "$part" ] || [ -L "$part" ]; then set -- "$@" "$part"; fi
    done
    "$@"
}

sum_up() {
    need=0
    while read -r size _; do need=$((need + size)); done <<SIZES
$(du -sk "$@" 2>/dev/null)
SIZES
}

copy_parts() { limited cp -a "$@" "$own/copy.new/"; }

# Puts the copy in the place of what is there now, part by part; interrupted, it goes on where it was.
put_back() {
    aside="$own/aside.$(date -u +%Y%m%dT%H%M%SZ)"
    mkdir -p "$aside"
    for part in "$own/copy"/* "$own/copy"/.[!.]* "$own/copy"/..?*; do
        if [ ! -e "$part" ] && [ ! -L "$part" ]; then continue; fi
        name=${part##*/}
        if [ -e "$prefix/$name" ] || [ -L "$prefix/$name" ]; then mv "$prefix/$name" "$aside/" || return 1; fi
        mv "$part" "$prefix/" || return 1
        show_life
    done
    rmdir "$own/copy"
}

# Whether conda starts and tells the version that its record has. It is given a minute.
starts() {
    look
    [ "$is_broken" = no ] || return 1
    left=60 kept=$stopped stopped=''
    output="$own/info.json"
    if limited "$prefix/bin/conda" info --json; then good=yes; else good=no; fi
    stopped=$kept output="$own/refresh.log"
    [ "$good" = yes ] && grep -q "\"conda_version\": \"$version\"" "$own/info.json"
}

undo() {
    put_back && starts && return 4
    return 5
}

# The refresh itself. First a dry run, which cannot break anything; then a copy, without which nothing is changed; the
# change is kept only when conda starts afterwards and all floors are held.
change() {
    own="$state/entrypoint" stopped='' left=$seconds beat=0 session='' group='' lock="$own/lock"
    session=$(command -v setsid) && group=-
    trap 'stopped=yes' TERM
    for folder in "$state" "$own"; do
        mkdir -m 700 "$folder"
        [ -d "$folder" ] && [ ! -L "$folder" ] && [ -w "$folder" ] && [ -x "$folder" ] || return 11
    done
    take_lock || return 6
    change_locked
    code=$?
    case $code in 2 | 3 | 4 | 5) date +%s >"$own/failed" ;; 0) rm -f "$own/failed" ;; esac
    rm -rf "$own/copy.new" "$own/cache" "$own/pkgs" "$own/info.json" "$lock"
    return $code
}

is_pause() {
    IFS= read -r failed_at 2>/dev/null <"$own/failed" || return 1
    case $failed_at in '' | *[!0-9]*) return 1 ;; esac
    [ $(($(date +%s) - failed_at)) -lt "$pause" ]
}

change_locked() {
    keep_environment
    output="$own/refresh.log"
    (umask 077 && : >"$output")
    rm -rf "$own/pkgs" && mkdir "$own/pkgs"
    look
    if [ "$is_interrupted" = yes ]; then
        undo
        [ $? = 4 ] || return 5
        look
    fi
    [ "$is_fixable" = yes ] || return 1
    [ ! -e "$prefix/conda-meta/frozen" ] || return 8
    ! is_pause || return 7
    while read -r _ place _; do
        case $place in
            "$prefix/envs"* | "$prefix/pkgs"* | "$state"*) ;;
            "$prefix"/*) return 9 ;;
        esac
    done </proc/self/mounts
    [ "$tool" = conda ] || [ ! -x "$prefix/bin/mamba" ] || program=$prefix/bin/mamba
    set -- "${program:-$prefix/bin/conda}" install -p "$prefix" -y --json
    case $1 in */conda) set -- "$@" -q ;; esac
    [ -z "$floor" ] || set -- "$@" "conda>=$floor"
    [ -z "$mamba_floor" ] || set -- "$@" "mamba>=$mamba_floor"
    [ "$solver" = any ] || set -- "$@" "conda-$solver-solver"
    limited "$@" --dry-run || return 2
    with_parts sum_up
    free_of -Pk
    [ "${free:-0}" -gt $((need + min_mib * 1024)) ] || return 10
    rm -rf "$own/copy.new" "$own"/aside.*
    if ! mkdir "$own/copy.new" || ! with_parts copy_parts; then return 3; fi
    mv "$own/copy.new" "$own/copy" || return 3
    if limited "$@" && starts && [ "$is_fixable" = no ]; then
        mv "$own/copy" "$own/copy.new" && return 0
    fi
    undo
}
