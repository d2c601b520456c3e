#!/bin/sh
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Looks at the conda of a container image, writes one line about it, and becomes the command.
#
#   labfleet-conda-entrypoint.sh COMMAND [ARGUMENT...]   as ENTRYPOINT
#   labfleet-conda-entrypoint.sh --healthcheck           as HEALTHCHECK: one line, exit code 0 (healthy) or 1
# Exit codes of its own: 64 without a command, 69 where conda is not healthy and STRICT is yes, 128 + N when signal N
# came before the command was started. Settings, from the environment or else from the file CONFIG:
#
#   LABFLEET_CONDA_CONFIG            file of lines KEY=VALUE (/etc/labfleet-conda/entrypoint.conf), environment only
#   LABFLEET_CONDA_PREFIX            the base prefix (/opt/conda)
#   LABFLEET_CONDA_FLOOR             lowest version of conda (none)
#   LABFLEET_CONDA_MAMBA_FLOOR       lowest version of mamba; without it, no mamba is asked for (none)
#   LABFLEET_CONDA_SOLVER            solver that must be there: any, libmamba or rattler (any)
#   LABFLEET_CONDA_MIN_FREE_MIB      MiB that must be free where the prefix lies; 0 asks for none (256)
#   LABFLEET_CONDA_MIN_FREE_INODES   inodes that must be free there; 0 asks for none (1000)
#   LABFLEET_CONDA_STRICT            start the command only when conda is healthy: yes or no (no)
#   LABFLEET_CONDA_REFRESH           bring what is too old or missing to its floor: yes or no (no)
#   LABFLEET_CONDA_REFRESH_TOOL      what does so: conda or mamba (conda)
#   LABFLEET_CONDA_REFRESH_SECONDS   seconds that a refresh may take (300)
#   LABFLEET_CONDA_REFRESH_WAIT      seconds to wait for the refresh of another start (300)
#   LABFLEET_CONDA_REFRESH_PAUSE     seconds after a refresh that failed before the next one (3600)
#   LABFLEET_CONDA_LOG               where the line goes: stderr, none, or a file; warnings go to stderr too (stderr)
#   LABFLEET_CONDA_LEDGER            ledger that gets a record of each start, a file .jsonl (none)
#
# All work is done in a process of its own: in the one that becomes the command, no variable is set and no file opened.
# The refresh and the ledger need the files labfleet-conda-refresh.sh and labfleet-conda-ledger.sh beside this one.

# shellcheck disable=SC1090,SC2034,SC2154  # choose() sets the settings; the two other files use them


# --- Settings -------------------------------------------------------------------------------------------------------

note() { notes="${notes:+$notes }$1"; }

# Whether all of the paths, none of them a link, belong to root or to user $1, and nobody else can write to them.
trusted() {
    owner=$1
    shift
    [ -z "$(find "$@" -prune \( -type l -o ! -user 0 ! -user "$owner" -o -perm -0020 -o -perm -0002 \) -print 2>&1)" ]
}

read_config() {
    number=0
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        case $line in
            '' | '#'*) ;;
            LABFLEET_CONDA_[A-Z]*=*)
                key=${line%%=*}
                key=${key#LABFLEET_CONDA_}
                case " $1 " in
                    *" $key "*) eval "file_$key=\${line#*=}" ;;
                    *) note "Line $number of $config sets no known key." ;;
                esac
                ;;
            *) note "Line $number of $config is not KEY=VALUE." ;;
        esac
    done <"$config"
}

# choose KEY VARIABLE DEFAULT KIND: the environment counts first, then the file.
choose() {
    eval "value=\${LABFLEET_CONDA_$1:-\${file_$1:-\$3}}"
    good=yes
    case $4 in
        path) case $value in *[[:cntrl:]]*) good=no ;; /*) ;; '') ;; *) good=no ;; esac ;;
        number) case $value in '' | *[!0-9]* | ??????????*) good=no ;; esac ;;
        version) case $value in *[!A-Za-z0-9.!+_-]*) good=no ;; esac ;;
        log) case $value in *[[:cntrl:]]*) good=no ;; stderr | none | /*) ;; *) good=no ;; esac ;;
        *) case " $4 " in *" $value "*) ;; *) good=no ;; esac ;;
    esac
    if [ $good = no ]; then
        note "LABFLEET_CONDA_$1 is not of the kind that is asked for ($4) and counts as ${3:-not set}."
        value=$3
    fi
    eval "$2=\$value"
}

read_settings() {
    newline='
'
    LC_ALL=C notes='' uid=$(id -u) config=${LABFLEET_CONDA_CONFIG:-/etc/labfleet-conda/entrypoint.conf}
    keys="PREFIX FLOOR MAMBA_FLOOR SOLVER MIN_FREE_MIB MIN_FREE_INODES STRICT REFRESH REFRESH_TOOL REFRESH_SECONDS"
    keys="$keys REFRESH_WAIT REFRESH_PAUSE LOG LEDGER"
    for key in $keys; do eval "file_$key="; done
    if [ -e "$config" ] || [ -L "$config" ]; then
        if trusted 0 "$config" "${config%/*}/" && [ -f "$config" ] && [ -r "$config" ]; then
            read_config "$keys"
        else
            note "$config was ignored: others than root can write to it or to its directory, or it cannot be read."
        fi
    fi
    choose PREFIX prefix /opt/conda path
    choose FLOOR floor '' version
    choose MAMBA_FLOOR mamba_floor '' version
    choose SOLVER solver any 'any libmamba rattler'
    choose MIN_FREE_MIB min_mib 256 number
    choose MIN_FREE_INODES min_inodes 1000 number
    choose STRICT strict no 'yes no'
    choose REFRESH refresh no 'yes no'
    choose REFRESH_TOOL tool conda 'conda mamba'
    choose REFRESH_SECONDS seconds 300 number
    choose REFRESH_WAIT wait_seconds 300 number
    choose REFRESH_PAUSE pause 3600 number
    choose LOG log stderr log
    choose LEDGER ledger '' path
    state="$prefix/.labfleet-conda" # the modules of the collection keep their journal and their lock there
}

# --- Health: decided from files alone, nothing of the prefix is started -----------------------------------------------

problem() { problems="${problems:+$problems }$1"; }
broken() { is_broken=yes && problem "$1"; }
fixable() { is_fixable=yes && problem "$1"; }

# Sets $order to less, equal, greater or unknown, by conda's order of versions as far as a shell can: the numbers
# decide, a part such as rc1, a2 or dev0 is before the release, and post1 after it. Unknown are two such parts, an epoch,
# and what comes behind a + of the second version.
compare() {
    order=equal one=${1%%+*} two=${2%%+*}
    while [ -n "$one$two" ]; do
        part1=${one%%[._-]*} part2=${two%%[._-]*}
        case $one in *[._-]*) one=${one#*[._-]} ;; *) one='' ;; esac
        case $two in *[._-]*) two=${two#*[._-]} ;; *) two='' ;; esac
        number1=${part1%%[!0-9]*} number2=${part2%%[!0-9]*}
        word1=${part1#"$number1"} word2=${part2#"$number2"}
        case $number1/$number2/$word1$word2 in
            ????????????????*/*/* | */????????????????*/* | *!*) order=unknown && return ;;
        esac
        [ "${number1:-0}" -ge "${number2:-0}" ] || { order=less && return; }
        [ "${number1:-0}" -le "${number2:-0}" ] || { order=greater && return; }
        [ "$word1" = "$word2" ] && continue
        case $word1:$word2 in
            post*: | :[!p]* | :p[!o]*) order=greater ;;
            :post* | *:) order=less ;;
            *) order=unknown ;;
        esac
        return
    done
    case $2 in *+*) [ "$1" = "$2" ] || order=unknown ;; esac
}

# Sets $found to the version in the name of a package's record, and $count to the number of its records.
find_record() {
    count=0 found=''
    for file in "$prefix/conda-meta/$1"-[0-9]*-*.json; do
        name=${file##*/"$1"-}
        name=${name%-*}
        case $name in *-*) continue ;; esac
        [ ! -e "$file" ] || { count=$((count + 1)) && found=$name; }
    done
}

# check_floor NAME VERSION FLOOR
check_floor() {
    [ -n "$3" ] || return 0
    compare "$2" "$3"
    case $order in
        less) fixable "$1 $2 is below the floor $3." ;;
        unknown) problem "Whether $1 $2 is below the floor $3 cannot be told." ;;
    esac
}

# Sets $free to what df tells is free; it is empty where that cannot be told, as for inodes of Btrfs.
free_of() {
    free=$(df "$1" "$prefix" 2>/dev/null) || free=''
    free=${free##*"$newline"}
    set -f
    # shellcheck disable=SC2086  # the words of the line before the percentage
    set -- ${free%%\%*}
    set +f
    [ $# -lt 5 ] || shift $(($# - 4))
    case ${1:-0}:${3:-x} in 0:* | *[!0-9:]*) free='' ;; *) free=$3 ;; esac
}

# check_free DF_OPTION DIVISOR LEAST UNIT: sets $free, in units.
check_free() {
    free=''
    [ "$3" != 0 ] || return 0
    free_of "$1"
    free=${free:+$((free / $2))}
    [ "${free:-$3}" -ge "$3" ] || problem "Only $free $4 are free at $prefix, not $3."
}

check_space() {
    [ -w "$prefix" ] || return 0
    check_free -Pk 1024 "$min_mib" MiB && free_mib=$free
    check_free -Pi 1 "$min_inodes" inodes && free_inodes=$free
}

check_programs() {
    [ -x "$prefix/bin/python" ] || broken "$prefix/bin/python is missing or cannot be executed: reinstall Python there."
    if [ ! -f "$prefix/bin/conda" ] || [ ! -x "$prefix/bin/conda" ]; then
        broken "$prefix/bin/conda is missing or cannot be executed: reinstall conda there."
        return
    fi
    { line=$(dd if="$prefix/bin/conda" bs=512 count=1); } 2>/dev/null
    line=${line%%"$newline"*}
    case $line in '#!'*) ;; *) return ;; esac
    line=${line#'#!'}
    line=${line#"${line%%[! ]*}"}
    line=${line%%[[:blank:]]*}
    [ -x "$line" ] || broken "$prefix/bin/conda asks for $line, which is missing: put the prefix where it was made for."
}

check_leftovers() {
    set -- "$prefix/conda-meta/"*.c~
    [ ! -e "$1" ] ||
        broken "A change of conda was cut off (conda-meta/*.c~ in $prefix): restore a snapshot or build the image anew."
    [ -d "$state" ] || return 0
    if [ ! -x "$state" ]; then
        journal=unknown # it is another user's
    elif [ -e "$state/journal.json" ]; then
        broken "A change was interrupted ($state/journal.json): run labfleet.conda.update or rollback on it."
    elif [ -e "$state/entrypoint/copy" ]; then
        is_interrupted=yes
        problem "A refresh of $prefix is under way or was interrupted: start once with LABFLEET_CONDA_REFRESH=yes."
    fi
}

look() {
    problems='' is_broken=no is_fixable=no is_interrupted=no journal='' version='' mamba='' free_mib='' free_inodes=''
    if [ ! -d "$prefix/conda-meta" ]; then
        broken "There is no conda at $prefix: set LABFLEET_CONDA_PREFIX to its base prefix."
        return
    elif [ ! -r "$prefix/conda-meta" ] || [ ! -x "$prefix/conda-meta" ]; then
        broken "User $uid cannot read $prefix/conda-meta: give the right to read."
        return
    fi
    find_record conda
    version=$found
    case $count in
        0) broken "There is no record of conda in $prefix/conda-meta: reinstall conda." ;;
        1) check_floor conda "$version" "$floor" ;;
        *) broken "There are $count records of conda in $prefix/conda-meta, as after a change that was cut off." ;;
    esac
    [ -f "$prefix/conda-meta/history" ] || broken "$prefix/conda-meta/history is missing: create it, if need be empty."
    check_programs
    check_leftovers
    if [ "$solver" != any ]; then
        find_record "conda-$solver-solver"
        [ "$count" != 0 ] || fixable "The solver $solver is asked for, but conda-$solver-solver is not installed."
    fi
    find_record mamba
    mamba=$found
    if [ -n "$mamba_floor" ] && [ -z "$mamba" ]; then
        fixable "mamba is asked for, but it is not installed."
    else
        check_floor mamba "$mamba" "$mamba_floor"
    fi
    check_space
}

# --- What is told ---------------------------------------------------------------------------------------------------

# Sets $quoted to a text in quotes, for the line and for JSON; no byte of it can begin another line or field.
quote() {
    text=$1 quoted=''
    while [ -n "$text" ]; do
        rest=${text#?}
        sign=${text%"$rest"}
        text=$rest
        case $sign in
            \\ | \") quoted=$quoted\\$sign ;;
            [[:cntrl:]]) quoted="$quoted?" ;;
            *) quoted=$quoted$sign ;;
        esac
    done
    quoted=\"$quoted\"
}

# fields [NAME VALUE]...: adds to $line those whose value is not empty.
fields() {
    while [ $# -gt 1 ]; do
        case $2 in
            '') ;;
            *[!A-Za-z0-9_./:+@,-]*) quote "$2" && line="$line $1=$quoted" ;;
            *) line="$line $1=$2" ;;
        esac
        shift 2
    done
}

make_message() { message="$problems${notes:+${problems:+ }$notes}"; }

make_line() {
    level=info
    [ -z "$message" ] || level=warning
    line="labfleet-conda-entrypoint time=$time level=$level"
    fields event "$event" status "$status" prefix "$prefix" conda "$version" mamba "$mamba" floor "$floor" \
        free_mib "$free_mib" free_inodes "$free_inodes" journal "$journal" refresh "$refreshed" user "$uid" \
        command "$command" msg "$message"
}

write_line() {
    case $log in
        stderr) printf '%s\n' "$line" >&2 && return ;;
        /*)
            if [ -e "$log" ] || [ -L "$log" ]; then set -- "$log"; else set --; fi
            if { [ -f "$log" ] || [ $# -eq 0 ]; } && trusted "$uid" "${log%/*}/" "$@" &&
                { printf '%s\n' "$line" >>"$log"; } 2>/dev/null; then
                [ $level = info ] && return
            else
                note "The log $log could not be written: it needs a directory of this user."
                make_message
                make_line
            fi
            ;;
    esac
    [ $level = info ] || printf '%s\n' "$line" >&2
}

# What the shell itself has done to the environment: $mend tells which variables it has added; names that are none of a
# shell, dash and busybox have dropped before the first line of this script.
look_at_environment() {
    mend=100
    { names="=$(grep -zoE '^([A-Za-z_][A-Za-z0-9_]*[.-][A-Za-z0-9_.-]*|PWD|SHLVL)=' "/proc/$$/environ")"; } 2>/dev/null
    [ $? -le 1 ] || return 0
    case $names in *=PWD=*) ;; *) mend=$((mend + 1)) ;; esac
    case $names in *=SHLVL=*) ;; *) mend=$((mend + 2)) ;; esac
    case ${BASH_VERSION:-}$names in =*[.-]*) ;; *) return 0 ;; esac
    lost='' IFS='='
    for name in $names; do case $name in *[.-]*) lost="$lost $name" ;; esac; done
    unset IFS
    note "This shell drops variables with names such as$lost: use an image whose sh is bash."
}

# --- The start --------------------------------------------------------------------------------------------------------

check_health() {
    read_settings
    refreshed='' outcome=recorded status=healthy command=${1:-} command=${command##*/}
    time=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    look
    version_before=$version
}

# Reads another part of this script, which lies beside it.
load() {
    part=${0%"${0##*/}"}labfleet-conda-$1.sh
    [ -r "$part" ] || { note "The $1 needs $part, which is missing." && return 1; }
    . "$part"
}

# Ends with 69 when the command must not be started, else with 100, 101 to 103 where the shell has set PWD or SHLVL.
start() {
    event=start stopped=''
    check_health "$1"
    look_at_environment
    if [ "$refresh" = yes ]; then
        refreshed=not_needed
        if [ $is_interrupted = yes ] || { [ $is_fixable = yes ] && [ $is_broken = no ]; }; then
            ! load refresh || refresh_and_tell
        fi
    fi
    [ -z "$problems" ] || status=unhealthy
    if [ -n "$stopped" ]; then
        problem "A signal ended the start before the command."
        event=stopped
    elif [ $status = unhealthy ] && [ "$strict" = yes ]; then
        problem "The command was not started, since LABFLEET_CONDA_STRICT is yes."
        event=refused outcome=refused
    elif [ $status = unhealthy ]; then
        problem "The command was started all the same."
    fi
    make_message
    [ -z "$ledger" ] || ! load ledger || record
    make_message
    make_line
    write_line
    [ $event != refused ] || exit 69
    exit $mend
}

healthcheck() {
    event=healthcheck
    check_health ''
    [ -z "$problems" ] || status=unhealthy
    make_message
    make_line
    printf '%s\n' "$line"
    [ $status = healthy ]
}

# From here on, no variable is set: those of the environment belong to the command.
labfleet_conda_stop() {
    [ -z "$!" ] || { kill -TERM "$!" 2>/dev/null && wait "$!"; }
    exit $((128 + $1))
}

case ${1:-} in
    --healthcheck) (healthcheck) </dev/null && exit 0 || exit 1 ;;
    --refresh) (read_settings && load refresh && change) && exit 0 || exit $? ;;
    '' | -*)
        printf '%s\n' "${0##*/}: say which command to start, as CMD of the image or behind its name: $0 COMMAND..." >&2
        exit 64
        ;;
esac
trap 'labfleet_conda_stop 1' HUP
trap 'labfleet_conda_stop 2' INT
trap 'labfleet_conda_stop 3' QUIT
trap 'labfleet_conda_stop 15' TERM
start "$1" </dev/null >/dev/null &
wait "$!"
case $? in
    69) exit 69 ;;
    100) ;;
    101) unset PWD ;;
    102) unset SHLVL ;;
    103) unset PWD SHLVL ;;
    *) printf '%s\n' "${0##*/}: the health check itself failed and nothing is known of conda; the command is started." >&2 ;;
esac
trap - HUP INT QUIT TERM
exec "$@"
