# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code for hosts compiles on each Python that a host may have; its tests pass on the oldest one too.

Random data, and a host that is large or hostile, say nothing more of one Python than of another: on the oldest they are
left to "make soak".
"""

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
    return found_or_skip(request.param)


@pytest.fixture(params=(toolbox.TARGET_PYTHONS[0],))
def oldest_python(request: pytest.FixtureRequest) -> Path:
    """The one with the least; the tests themselves run on a new one."""
    return found_or_skip(request.param)


def found_or_skip(version: str) -> Path:
    found = toolbox.find_python(version)
    if found is None:
        pytest.skip(f"Python {version} is not on this machine")
    return found


def test_compiles(python: Path) -> None:
    sources = [
        name
        for name in toolbox.files()
        if name.startswith(("plugins/module_utils/", "plugins/modules/")) and name.endswith(".py")
    ]
    said = toolbox.run([python, "-c", COMPILE, *sources], cwd=toolbox.CHECKOUT)
    assert int(said) == len(sources) > 0


def run_unit_tests(python: Path, folder: Path, *options: str) -> str:
    """Run unit tests of the code for hosts on one Python and return what pytest prints."""
    requirements = toolbox.CHECKOUT / "tests" / "unit" / "requirements.txt"
    bins = toolbox.venv(f"unit-{python.resolve().name}", python, "-r", str(requirements))
    report = folder / "report.xml"
    said = toolbox.run(
        [bins / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *options, TESTS],
        cwd=toolbox.CHECKOUT,
        timeout=900,
    )
    count = {"tests": 0, "skipped": 0}
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        for key in count:
            count[key] += int(suite.get(key, 0))
    assert count["tests"] - count["skipped"] > 0, said
    return said


def test_unit_tests(oldest_python: Path, tmp_path: Path) -> None:
    print(run_unit_tests(oldest_python, tmp_path, "-m", "not hypothesis and not load"))


@pytest.mark.long
def test_unit_tests_with_random_data_and_load(oldest_python: Path, tmp_path: Path) -> None:
    print(run_unit_tests(oldest_python, tmp_path, "-m", "hypothesis or load"))
