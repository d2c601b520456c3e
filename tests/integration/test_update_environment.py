# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""conda_update with an environment: real environments of a real conda 4.3.13 are changed, refused and undone."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from lab.base import Base, make_base

DRIVER = Path(__file__).with_name("update_driver.py")
# A version of six that the lab's channel has a newer one of.
OLD = "six=1.10"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A base prefix with the environments ``old`` (an old six), ``pinned`` and ``frozen`` (the same, held)."""
    made = make_base(tmp_path_factory.mktemp("lift") / "base")
    for name in ("old", "pinned", "frozen"):
        done = made.conda("create", "-y", "-q", "-n", name, OLD, "click=6.7", "python=3.6")
        assert done.returncode == 0, done.stdout + done.stderr
    (made.path / "envs/pinned/conda-meta/pinned").write_text("six 1.10.*\n")
    (made.path / "envs/frozen/conda-meta/frozen").write_text('{"message": "ask alice"}')
    return made


def run(base: Base, name: str, **options: t.Any) -> dict[str, t.Any]:
    """The result of the module on one environment."""
    given = {"prefix": str(base.path), "environment": str(base.path / "envs" / name), "ledger": str(base.ledger)}
    command = [sys.executable, str(DRIVER), json.dumps({**given, "packages": ["six>=1.11"], **options})]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def six(base: Base, name: str) -> list[str]:
    return [path.name for path in (base.path / "envs" / name / "conda-meta").glob("six-*.json")]


def test_only_the_environment_changes_and_a_second_run_does_nothing(base):
    others = {name: base.listing("envs/" + name) for name in ("work", "pinned", "frozen")}
    tool = base.listing("conda-meta")
    planned = run(base, "old", check=True)
    assert planned["outcome"] == "planned" and six(base, "old")[0].startswith("six-1.10")
    assert not (base.path / "envs/old/.labfleet-conda").exists()
    assert planned["before"]["six"] == "1.10.0" and planned["after"]["six"] == "1.11.0"
    done = run(base, "old")
    assert done["outcome"] == "committed", done
    assert done["after"]["six"] == "1.11.0" and six(base, "old")[0].startswith("six-1.11")
    assert [(item["name"], item["kind"]) for item in done["packages"]] == [("six", "updated")]
    again = run(base, "old")
    assert (again["outcome"], again["changed"]) == ("unchanged", False)
    assert {name: base.listing("envs/" + name) for name in others} == others
    assert base.listing("conda-meta") == tool and not (base.path / ".labfleet-conda").exists()
    record = json.loads(base.ledger.read_text().splitlines()[-1])
    assert record["prefix"] == str(base.path / "envs/old") and record["verification"] == ["records", "files", "python"]
    assert record["before"] == {"six": "1.10.0"} and record["after"] == {"six": "1.11.0"}


@pytest.mark.parametrize(("name", "said"), [("pinned", "pinned in"), ("frozen", "ask alice")])
def test_what_is_held_is_refused_and_untouched(base, name, said):
    before = base.listing("envs/" + name)
    done = run(base, name)
    assert said in done["failed"] and done["held"] == name
    assert {key: facts for key, facts in base.listing("envs/" + name).items() if ".labfleet-conda" not in key} == before


def test_a_change_that_does_not_pass_is_undone(base):
    before = base.listing("envs/old")
    done = run(base, "old", packages=["click=7.0"], verify_commands=["test -e /nowhere"])
    assert "was not kept" in done["failed"] and done["outcome"] == "rolled_back"
    after = {key: facts for key, facts in base.listing("envs/old").items() if ".labfleet-conda" not in key}
    assert after == {key: facts for key, facts in before.items() if ".labfleet-conda" not in key}


def test_version_and_solver_are_refused(base):
    assert "name packages" in run(base, "work", version="newest")["failed"]
