# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a look costs that asks for no containers and no images."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOOK = """
import sys
from ansible_collections.labfleet.conda.plugins.module_utils._audit import _result
from ansible_collections.labfleet.conda.plugins.module_utils._discover._look_result import scan
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options
from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted
result = scan(Options(root=sys.argv[1]), Wanted())
assert result["looked_into"] == {"containers": "none", "images": False}, result["looked_into"]
print(*sys.modules)
"""


@pytest.mark.parametrize("module", ["_drift", "_drift_look", "_engines", "_inside", "_layers", "_run", "_worker"])
def test_the_code_for_containers_is_not_loaded(loaded, module):
    names = [name for name in loaded if name.endswith("." + module) and "._audit." not in name]
    assert names == []


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    command = [sys.executable, "-c", LOOK, str(tmp_path_factory.mktemp("root"))]
    return subprocess.run(
        command, env={"PYTHONPATH": ":".join(sys.path)}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split()
