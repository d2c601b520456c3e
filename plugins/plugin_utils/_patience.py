# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""How long a host may do nothing at all before it is given up."""

from __future__ import annotations

import contextlib
import signal
import typing as t


class GivenUp(BaseException):
    """The time is over; no Exception, since connection plugins try again after those."""


@contextlib.contextmanager
def patience(seconds: float) -> t.Iterator[None]:
    """End what is inside after so long, as the keyword timeout of a task does, which would cost a template per host.

    :param seconds: 0 for no end.
    :raises GivenUp: the time is over.
    """
    if not seconds:
        yield
        return

    def give_up(_signal: int, _frame: t.Any) -> None:
        raise GivenUp

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


__all__ = ("GivenUp", "patience")
