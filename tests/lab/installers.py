# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stand-ins for the installers of constructor: none of the real ones can be had without a conda channel.

What a stand-in unpacks is a real base prefix with a real conda. Its head takes the options of constructor's head, with
the same checks and exit codes, and does what those do besides: it writes a condarc, and removes the package cache.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import typing as t
from pathlib import Path

HEAD = r"""#!/bin/sh
#
# NAME:  StandIn3
# VER:   %(version)s
# PLAT:  linux-64
#
if ! echo "$0" | grep '\.sh$' > /dev/null; then
    printf 'Please run using "bash" or "sh", but not "." or "source"\n' >&2
    exit 1
fi
PREFIX=/nowhere; BATCH=0; FORCE=0
while getopts "bfhkp:sut" option; do
    case "$option" in
        b) BATCH=1 ;;
        f|u) FORCE=1 ;;
        p) PREFIX="$OPTARG" ;;
        h) exit 2 ;;
        k|s|t) ;;
        *) printf "ERROR: did not recognize option, please try -h\n" >&2; exit 1 ;;
    esac
done
if [ "$BATCH" = 0 ]; then printf "Do you accept the license terms? [yes|no]\n"; exit 2; fi
case "$PREFIX" in
    *\ *) printf "ERROR: Cannot install into directories with spaces\n" >&2; exit 1 ;;
esac
if [ "$FORCE" = 0 ] && [ -e "$PREFIX" ]; then
    printf "ERROR: File or directory already exists: '%%s'\n" "$PREFIX" >&2
    printf "If you want to update an existing installation, use the -u option.\n" >&2
    exit 1
fi
mkdir -p "$PREFIX/pkgs" || exit 1
printf "PREFIX=%%s\nUnpacking payload ...\n" "$PREFIX"
touch "$PREFIX/pkgs/env.txt"
%(before)s
tail -n +%(lines)d "$0" | tar -xzf - -C "$PREFIX" || exit 1
printf "channels: [installer]\n" > "$PREFIX/.condarc"
mkdir -p "$PREFIX/envs" "$HOME/.conda"
echo "$PREFIX" >> "$HOME/.conda/environments.txt"
%(after)s
rm -rf "$PREFIX/pkgs"
printf "installation finished.\n"
exit 0
@@END_HEADER@@
"""


class Installer(t.NamedTuple):
    """A file, and its SHA-256 sum."""

    path: Path
    sha256: str


def stand_in(path: Path, base: Path, *, version: str = "1.0", before: str = "", after: str = "") -> Installer:
    """Write an installer that unpacks a base prefix.

    :param base: the prefix, as it was built for the place where it will be unpacked.
    :param before: lines of shell that the installer runs before it unpacks; after: the same for after.
    """
    payload = io.BytesIO()
    with tarfile.open(fileobj=payload, mode="w:gz", compresslevel=1) as archive:
        for entry in sorted(base.iterdir()):
            if entry.name not in ("envs", "pkgs"):
                archive.add(entry, entry.name)
    fields = {"version": version, "before": before, "after": after, "lines": 0}
    head = HEAD % fields
    head = HEAD % dict(fields, lines=head.count("\n") + 1)
    data = head.encode() + payload.getvalue()
    path.write_bytes(data)
    return Installer(path, hashlib.sha256(data).hexdigest())


__all__ = ("Installer", "stand_in")
