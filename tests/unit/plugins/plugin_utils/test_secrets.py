# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which parts of the options of a task are secrets."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._secrets import secrets_in


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"prefix": "/opt/conda", "channels": ["conda-forge"], "keep": 5, "check": None}, []),
        ({"channels": ["https://conda.example.org/t/tk-1/main", "defaults"]}, ["/t/tk-1/"]),
        ({"installer": "https://conda:pw@example.org/a.sh"}, ["://conda:pw@"]),
        ({"channels": ["https://u:p@h.org/t/tk-2/x"]}, ["://u:p@", "/t/tk-2/"]),
        ({"channels": ["https://h.org/t/tk-3"]}, ["/t/tk-3"]),
        ({"channels": ["https://u:a'b@h.org/x"]}, ["://u:a'b@"]),
        ({"channels": ["https://u:a\\b@h.org/x"]}, ["://u:a\\b@", "://u:a\\\\b@"]),
        ({"verify_commands": ["curl --token abc https://h.org"]}, ["en abc "]),
    ],
)
def test_tokens_and_passwords_are_found_with_what_is_around_them(value, found):
    assert secrets_in(value) == found
