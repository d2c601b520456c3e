# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of the lab as a person who starts them anew sees them."""

from __future__ import annotations

from lab import channel, hosts


def test_a_host_that_is_started_anew_answers_at_once(lab_hosts):
    [host] = [host for host in hosts.all_hosts() if host.name == "noconda"]
    channels = channel.channels()
    for _again in range(2):
        hosts.start(host, hosts.image_of(host, channels), channels, hosts.keys())
        assert hosts.answers(host, seconds=5.0)
