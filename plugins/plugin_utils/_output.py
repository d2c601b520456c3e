# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Files on the control node, replaced at once and only when they change."""

from __future__ import annotations

import os
import tempfile


def write_if_changed(path: str, text: str, *, mode: str, write: bool = True) -> str | None:
    """Write a text file unless it already holds the text.

    :param path: the file; its directory must exist.
    :param text: the new content.
    :param mode: its permissions, octal.
    :param write: whether to write at all (not in check mode).
    :returns: the content before; None where there was no such file.
    :raises OSError: it cannot be read or written.
    :raises ValueError: the mode is no octal number.
    """
    try:
        permissions = int(mode, 8)
    except ValueError as error:
        raise ValueError("mode %r is no octal number, such as 0600" % mode) from error
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            before = stream.read()
    except FileNotFoundError:
        before = None
    if before == text or not write:
        return before
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix="." + os.path.basename(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, permissions)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return before


__all__ = ("write_if_changed",)
