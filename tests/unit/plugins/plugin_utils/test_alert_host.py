# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an alert names is taken for a host only where it can be nothing else."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.filter import alert_host as face
from ansible_collections.labfleet.conda.plugins.plugin_utils._alert_host import UnknownHostError, alert_host

GROUPS = {
    "all": ["gpu01", "gpu02.example.org", "gpu", "10.0.0.3", "a:b", "x*", "{{ 7 * 7 }}"],
    "ungrouped": ["gpu01"],
    "gpu": ["gpu01"],
}


@pytest.mark.parametrize(("instance", "host"), [
    ("gpu01", "gpu01"), ("gpu01:9100", "gpu01"), ("gpu02.example.org:9100", "gpu02.example.org"),
    ("10.0.0.3:9100", "10.0.0.3"),
])  # fmt: skip
def test_a_host_of_the_inventory(instance, host):
    assert alert_host(instance, GROUPS) == host


@pytest.mark.parametrize("instance", [
    "all", "*", "gpu01:gpu02.example.org", "gpu01,gpu02.example.org", "!gpu01", "&gpu", "~gpu.*", "gpu[0]", "gpu0[1:2]",
    "@/etc/hosts", "gpu01 ", "gpu01\n", "", "-e", "{{ 7 * 7 }}", "a:b", "x*", "gpu", "ungrouped", "localhost", "gpu04",
    "gpu01:port", "gpu01:", "gpu01:9100:9100", "gpu０1", None, 7, ["gpu01"],
])  # fmt: skip
def test_anything_else_is_refused(instance):
    with pytest.raises(UnknownHostError, match="The alert names"):
        alert_host(instance, GROUPS)


def test_the_filter_says_so():
    with pytest.raises(face.AnsibleFilterError, match="alert_host: The alert names '\\*', which is no name of a host"):
        face.FilterModule().filters()["alert_host"]("*", GROUPS)
    with pytest.raises(face.AnsibleFilterError, match="the variable groups"):
        face.alert_host("gpu01", None)
