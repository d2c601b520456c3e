# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Commands in remedies: they can be pasted whatever a path is called, and say whose rights they need.

Root is never told to walk through, or to run something of, a place where another user can write: a link put there in
between would lead root elsewhere.
"""

from __future__ import annotations

import shlex


def as_user(user: str, *words: str) -> str:
    """A command as it is typed to run with the rights of a user; of a user without a name, user is the number."""
    return "sudo -u %s %s" % (sudoer(user), quoted(*words))


def sudoer(user: str) -> str:
    """A user as sudo -u takes it, quoted."""
    return shlex.quote("#" + user if user.isdigit() else user)


def quoted(*words: str) -> str:
    """Words as a shell takes them."""
    return " ".join(map(shlex.quote, words))


__all__ = ("as_user", "quoted", "sudoer")
