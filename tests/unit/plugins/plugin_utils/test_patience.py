# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of patience: it passes through code that catches every Exception, and leaves the signal as it was."""

from __future__ import annotations

import contextlib
import signal
import threading

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._patience import GivenUp, patience


def test_who_waits_too_long_is_ended_even_where_all_exceptions_are_caught():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(GivenUp), patience(0.1):
        for _attempt in range(3):  # as a connection plugin does that tries again
            with contextlib.suppress(Exception):
                threading.Event().wait(60)
    assert signal.getsignal(signal.SIGALRM) is before and signal.alarm(0) == 0


@pytest.mark.parametrize("seconds", [0, 60])
def test_who_is_done_in_time_hears_nothing(seconds):
    with patience(seconds):
        pass
    assert signal.alarm(0) == 0
