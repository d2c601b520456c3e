# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which settings are a user's own, and which environments are unused, known to be so for long enough, and may go."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.labfleet.conda.plugins.filter.user_layer import (
    missing_settings,
    own_environments,
    unused_environments,
)

ALICE = {"user": "alice", "prefix": "/opt/conda", "home": "/home/alice"}
LAB = "/home/alice/.conda/envs/lab"
EARLY, NOW, LATE = "2026-11-01T12:00:00Z", "2026-11-26T12:00:00Z", "2026-12-26T12:00:00Z"


def configuration(settings, *, user="alice", installation="/opt/conda", folders=()):
    return {"installation": installation, "user": user, "settings": settings, "environment_directories": list(folders)}


def setting(source, **more):
    return {"value": 1, "source": source, "sources": [source], "ignored": [], **more}


def test_what_a_user_has_set_is_not_missing():
    settings = {
        "pkgs_dirs": setting("/home/alice/.condarc"),
        "channels": setting("/etc/conda/condarc", sources=["/etc/conda/condarc", "/home/alice/.conda/condarc"]),
        "ssl_verify": setting("/etc/conda/condarc", ignored=["/home/alice/.condarc"]),
        "proxy_servers": setting("/home/alice/.condarc"),
        "auto_update_conda": setting("/etc/conda/condarc"),
        "channel_alias": setting("/home/alice2/.condarc"),
        "offline": setting(None, sources=None),
    }
    others = [configuration({"envs_dirs": setting("/home/alice/.condarc")}, user="bob"),
              configuration({"envs_dirs": setting("/home/alice/.condarc")}, installation="/opt/other")]  # fmt: skip
    found = {"configurations": [*others, configuration(settings)]}
    wanted = dict.fromkeys([*settings, "envs_dirs", "proxy_servers.https"], 2)
    missing = missing_settings(found, wanted, **ALICE)
    assert missing == dict.fromkeys(["auto_update_conda", "channel_alias", "offline", "envs_dirs"], 2)
    assert missing_settings({"configurations": []}, wanted, **ALICE) == wanted


@pytest.mark.parametrize(
    ("folders", "wanted"),
    [
        (["/opt/conda/envs", "/scratch/alice", "/home/alice/.conda/envs"], "/scratch/alice"),
        (["/opt/conda2/envs"], "/opt/conda2/envs"),
        (["/opt/conda/envs"], "/home/alice/.conda/envs"),
        ([], "/home/alice/.conda/envs"),
    ],
)
def test_where_a_user_makes_environments(folders, wanted):
    assert own_environments({"configurations": [configuration({}, folders=folders)]}, **ALICE) == wanted
    assert own_environments({"configurations": []}, **ALICE) == "/home/alice/.conda/envs"


def environment(prefix=LAB, *, time="2026-01-01T00:00:00Z", known=True, running=False, **more):
    use = {"time": time, "evidence": "it was read", "known": known, "running": running}
    return {"prefix": prefix, "name": prefix.rpartition("/")[2], "base": False, "owner": "alice", "last_use": use,
            "size": {"bytes": 5000000, "own_bytes": 1}, "frozen": None, **more}  # fmt: skip


def judged(*environments, marks=None, now=NOW, keep=()):
    given = {"user": "alice", "now": now, "days": 180, "grace_days": 30, "keep": keep}
    return unused_environments({"environments": environments}, marks or {}, **given)


def test_what_is_unused_is_marked_first_and_due_a_grace_later():
    first = judged(environment())
    assert first["marks"] == {LAB: NOW} and first["due"] == []
    assert first["lines"] == [
        f"{LAB}: unused, 5.0 MB, last sign of use 2026-01-01 (it was read), known as unused since 2026-11-26, "
        "may be archived from 2026-12-26 on"
    ]
    again = judged(environment(), marks=first["marks"], now="2026-12-26T11:59:59Z")
    assert again["marks"] == first["marks"] and again["due"] == []
    late = judged(environment(), marks=first["marks"], now=LATE)
    assert [entry["prefix"] for entry in late["due"]] == [LAB] and late["report"][0]["state"] == "due"


def test_without_a_grace_it_is_still_marked_in_one_run_and_due_in_another():
    given = {"user": "alice", "now": NOW, "days": 180, "grace_days": 0}
    found = {"environments": [environment()]}
    marks = unused_environments(found, {}, **given)
    assert marks["due"] == [] and len(unused_environments(found, marks["marks"], **given)["due"]) == 1


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"time": "2026-11-20T00:00:00Z"}, "in use"),
        ({"running": True}, "in use"),
        ({"known": False}, "unknown"),
        ({"last_use": None}, "unknown"),
        ({"frozen": {"message": None}}, "kept"),
        ({"prefix": "/home/alice/.conda/envs/keep-me"}, "kept"),
        ({"prefix": "/data/keep/lab"}, "kept"),
    ],
)
def test_what_is_not_surely_unused_loses_its_mark(facts, state):
    found = environment(**facts)
    answer = judged(found, marks={found["prefix"]: EARLY}, now=LATE, keep=["keep-*", "/data/keep/*"])
    assert answer["report"][0]["state"] == state and answer["marks"] == {} and answer["due"] == []


def test_a_use_after_the_mark_begins_it_anew():
    used = environment(time="2026-03-01T00:00:00Z")
    answer = judged(used, marks={LAB: "2026-02-01T00:00:00Z"})
    assert answer["marks"] == {LAB: NOW} and answer["due"] == []


def test_only_the_environments_of_the_user_count_the_largest_first():
    small = environment("/e/small", size={"bytes": 1, "own_bytes": 1})
    found = [small, environment("/e/large"), environment("/e/bobs", owner="bob"), environment("/e/base", base=True),
             environment("/e/unmeasured", size=None)]  # fmt: skip
    answer = judged(*found)
    assert [entry["prefix"] for entry in answer["report"]] == ["/e/large", "/e/small", "/e/unmeasured"]
    assert "size not known" in answer["lines"][2]


def test_what_is_no_result_is_named():
    with pytest.raises(AnsibleFilterError, match="no result of conda_info"):
        missing_settings({}, {}, **ALICE)
    with pytest.raises(AnsibleFilterError, match="no result of conda_info"):
        own_environments({}, **ALICE)
    with pytest.raises(AnsibleFilterError, match="a time is none"):
        judged(environment(time="yesterday"))
