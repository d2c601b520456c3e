# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Who is acting on which host, for records that outlive the run."""

from __future__ import annotations

import grp
import hashlib
import hmac
import os
import pwd
import typing as t

_NO_LOGIN = 0xFFFFFFFF
_PURPOSE = b"labfleet.conda ledger"
_MACHINE_ID = "/etc/machine-id"


def acting_user() -> t.Dict[str, t.Optional[str]]:
    """The user this process acts as, the one who logged in, and the one who called sudo; None where nothing tells."""
    return {
        "user": user_name(os.geteuid()),
        "login": _login_user(),
        "sudo_user": os.environ.get("SUDO_USER") or None,
    }


def this_host() -> t.Dict[str, t.Optional[str]]:
    """The host's name, and what its machine-id becomes under a hash: the id itself is not to leave the host."""
    try:
        with open(_MACHINE_ID, "rb") as stream:
            number = stream.read(64).strip()
    except OSError:
        number = b""
    machine = hmac.new(number, _PURPOSE, hashlib.sha256).hexdigest()[:32] if number else None
    return {"name": os.uname().nodename, "machine": machine}


def own_home() -> str:
    """The home of the user this process acts as, by the user database, which no variable can bend."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return os.path.expanduser("~")


def is_root() -> bool:
    """Whether this process acts as root."""
    return os.geteuid() == 0


def user_name(number: int) -> str:
    """The name of a user number; the number where nobody has it."""
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return str(number)


def is_private_group(gid: int) -> bool:
    """Whether a group is that of this process's user alone: it bears the user's name and has no other member."""
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except (KeyError, OverflowError):
        return False
    return gid == user.pw_gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _login_user() -> t.Optional[str]:
    try:
        with open("/proc/self/loginuid", encoding="ascii") as stream:
            number = int(stream.read(16))
    except (OSError, ValueError):
        number = _NO_LOGIN
    if number != _NO_LOGIN:
        return user_name(number)
    try:
        return os.getlogin()
    except OSError:
        return None


__all__ = ("acting_user", "is_private_group", "is_root", "own_home", "this_host", "user_name")
