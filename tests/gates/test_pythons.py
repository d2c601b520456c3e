# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code for hosts on every Python that a host may have: it compiles, and its unit tests pass."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from gates import toolbox

TESTS = "tests/unit/plugins/module_utils"
COMPILE = """
import sys, warnings
warnings.simplefilter("error")
for name in sys.argv[1:]:
    with open(name, "rb") as stream:
        compile(stream.read(), name, "exec")
print(len(sys.argv) - 1)
"""


@pytest.fixture(params=toolbox.TARGET_PYTHONS)
def python(request: pytest.FixtureRequest) -> Path:
    found = toolbox.find_python(request.param)
    if found is None:
        pytest.skip(f"Python {request.param} is not on this machine")
    return found


def test_compiles(python: Path) -> None:
    sources = [
        name
        for name in toolbox.files()
        if name.startswith(("plugins/module_utils/", "plugins/modules/")) and name.endswith(".py")
    ]
    said = toolbox.run([python, "-c", COMPILE, *sources], cwd=toolbox.CHECKOUT)
    assert int(said) == len(sources) > 0


def test_unit_tests(python: Path, tmp_path: Path) -> None:
    version = python.resolve().name
    requirements = toolbox.CHECKOUT / "tests" / "unit" / "requirements.txt"
    bins = toolbox.venv(f"unit-{version}", python, "-r", str(requirements))
    report = tmp_path / "report.xml"
    said = toolbox.run(
        [bins / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", TESTS],
        cwd=toolbox.CHECKOUT,
        timeout=900,
    )
    print(said)
    count = {"tests": 0, "skipped": 0}
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        for key in count:
            count[key] += int(suite.get(key, 0))
    assert count["tests"] - count["skipped"] > 0, said
