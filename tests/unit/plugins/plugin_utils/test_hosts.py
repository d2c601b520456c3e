# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the actions of the modules that look at hosts share."""

from __future__ import annotations

import gc

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._hosts import rare_collections


@pytest.fixture
def threshold():
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_garbage_is_looked_for_less_often_and_then_as_before(threshold):
    with pytest.raises(KeyError), rare_collections():
        assert gc.get_threshold()[0] > 100 * threshold[0]
        raise KeyError
    assert gc.get_threshold() == threshold


@pytest.mark.parametrize("own", [0, 10**7])
def test_who_looks_less_often_already_is_left_alone(threshold, own):
    gc.set_threshold(own, *threshold[1:])
    with rare_collections():
        assert gc.get_threshold()[0] == own
