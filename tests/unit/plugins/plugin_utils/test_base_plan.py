# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role base is to do to a base prefix, and which wishes contradict each other."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._base_plan import Wishes, base_plan
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import merge_layers

DROPIN = "/etc/conda/condarc.d/labfleet.yml"
OWN = "/opt/conda/.condarc"


def setting(value, *sources, final=False, ignored=()):
    return {
        "value": value, "source": sources[0], "line": 1, "sources": list(sources), "final": final,
        "ignored": list(ignored), "known": True, "problem": None,
    }  # fmt: skip


def found(settings=None, **facts):
    facts = {
        "kind": "conda", "prefix": "/opt/conda", "version": "26.9.4", "versions": {"conda": "26.9.4"}, "owner": "root",
        "mode": "0755", "writers": {"users": [], "groups": [], "everybody": False}, "frozen": None, **facts,
    }  # fmt: skip
    settings = {"channels": setting(["conda-forge"], OWN)} if settings is None else settings
    configuration = {"installation": "/opt/conda", "user": None, "files": [DROPIN, OWN], "settings": settings}
    return {"installations": [facts], "configurations": [configuration]}


def plan(host=None, *, locked=(), wishes=None, **layer):
    merged = merge_layers({"base": {**layer, "locked": list(locked)}}, None)
    return base_plan(found() if host is None else host, merged, locked, Wishes(**(wishes or {})), DROPIN)


def test_a_base_that_is_as_the_policy_asks_needs_nothing():
    got = plan()
    assert got["problems"] == got["take_out"] == got["remove_channels"] == got["moves_channels"] == []
    assert (got["install"], got["is_open"], got["tool"]["due"], got["solver"]["name"]) == (False, False, False, None)
    assert got["settings"] == {"channel_priority": "strict"} and got["channels"] == []


@pytest.mark.parametrize(
    ("version", "wishes", "layer", "wanted", "due"),
    [
        ("26.1.0", {}, {}, ">=26.5.2", True),
        ("26.9.4", {}, {}, ">=26.5.2", False),
        ("26.9.4", {}, {"update": {"version": "newest"}}, "newest", False),
        ("26.1.0", {"floor": "none"}, {}, None, False),
        ("26.1.0", {"floor": "26.2"}, {"update": {"version": "newest"}}, ">=26.2", True),
        ("26.1.0", {}, {"versions": {"minimum": {"conda": None}}}, None, False),
    ],
)
def test_the_floor(version, wishes, layer, wanted, due):
    got = plan(found(version=version), wishes=wishes, **layer)["tool"]
    assert (got["version"], got["due"]) == (wanted, due)


@pytest.mark.parametrize(
    ("facts", "wishes", "layer", "said"),
    [
        ({}, {"installer": "/srv/i.sh"}, {}, "without base_installer_sha256"),
        ({"prefix": "/opt/other"}, {}, {}, "There is no conda at /opt/conda"),
        ({}, {"mode": "0777"}, {}, "lets everybody write"),
        ({}, {"mode": "2775"}, {}, "permissions.writer_groups"),
        ({}, {"umask": "22; reboot"}, {}, "is no mask"),
        ({"prefix": "/opt/a b"}, {"prefix": "/opt/a b"}, {}, "without .., blanks and quotes"),
        ({}, {"mode": "rwx"}, {}, "is no octal mode"),
        ({"owner": "alice"}, {}, {}, "set permissions.base_owner of the policy to alice"),
        ({"kind": "pixi"}, {}, {}, "no conda or mamba"),
        ({"version": None}, {}, {}, "is unknown"),
        ({"version": "26.1.0", "frozen": {"message": ""}}, {}, {}, "conda >=26.5.2): set update.override_frozen"),
        ({"frozen": {"message": ""}}, {"mamba": True}, {}, "mamba>=2.7.0): set update.override_frozen"),
        ({"version": "4.3"}, {"floor": "none"}, {"solver": {"wanted": "libmamba"}}, "that needs conda 22.11"),
        ({}, {"channels": ["defaults"]}, {"channels": {"denied": ["pkgs/main"]}}, "does not want it (channels.denied)"),
        ({}, {"channels": ["a"]}, {"settings": {"required": {"channels": ["b"]}}}, "let both be the same"),
        ({}, {}, {"channels": {"denied": ["conda-forge"]}}, "No channel is left without conda-forge"),
        ({}, {}, {"settings": {"final": ["ssl_verify"]}}, "nothing gives it a value"),
        ({}, {}, {"settings": {"required": {"channel_priority": "flexible"}}}, "channels.priority is strict"),
    ],
)
def test_what_contradicts_itself_is_told_with_the_way_out(facts, wishes, layer, said):
    problems = plan(found(**facts), wishes=wishes, **layer)["problems"]
    assert len(problems) == 1 and said in problems[0] and problems[0].endswith(".")


@pytest.mark.parametrize("layer", [{"update": {"override_frozen": True}}, {"base": {"frozen": False}}])
def test_a_frozen_base_is_lifted_where_the_policy_says_so(layer):
    got = plan(found(version="26.1.0", frozen={"message": ""}), **layer)
    assert got["problems"] == [] and got["override_frozen"] and got["is_frozen"]


def test_group_writers_that_the_policy_names_are_trusted():
    host = found(mode="2775", writers={"users": [], "groups": ["ops"], "everybody": False})
    assert plan(host)["is_open"] and plan(host)["open_mode"] == "go-w"
    got = plan(host, permissions={"writer_groups": ["ops"]}, wishes={"mode": "2775"})
    assert not got["is_open"] and got["problems"] == [] and got["trusted_writers"] == ["ops"]


def test_what_another_file_rules_otherwise_is_taken_out_of_all_of_them():
    settings = {"ssl_verify": setting(False, OWN), "always_yes": setting(False, OWN), "solver": setting("classic", OWN)}
    required = {"ssl_verify": True, "always_yes": "no"}
    got = plan(found(settings), settings={"required": required, "final": []}, solver={"wanted": "libmamba"})
    assert got["take_out"] == [{"path": OWN, "settings": {"ssl_verify": None, "solver": None}}]
    assert got["settings"]["ssl_verify"] is True and "always_yes" not in got["settings"]
    package = "conda-libmamba-solver"
    assert got["solver"] == {
        "name": "libmamba", "package": package, "missing": True, "final": False, "is_set": False
    }  # fmt: skip


def test_an_entry_of_a_map_is_compared_alone():
    settings = {"proxy_servers": setting({"http": "a", "https": "b"}, OWN)}
    required = {"proxy_servers.https": "c", "proxy_servers.http": "a"}
    got = plan(found(settings), settings={"required": required})
    assert got["take_out"] == [{"path": OWN, "settings": {"proxy_servers.https": None}}]


def test_what_the_file_of_the_role_holds_stays_in_it():
    settings = {"always_yes": setting(False, DROPIN)}
    got = plan(found(settings), settings={"required": {"always_yes": False}})
    assert got["settings"]["always_yes"] is False and got["take_out"] == []


@pytest.mark.parametrize(
    ("locked", "final", "wanted"),
    [
        ([], [], []),
        ([], ["ssl_verify"], ["ssl_verify"]),
        (["settings"], [], ["ssl_verify"]),
        (["settings.required.ssl_verify", "channels.priority"], [], ["channel_priority", "ssl_verify"]),
    ],
)
def test_what_is_locked_is_final(locked, final, wanted):
    got = plan(locked=locked, settings={"required": {"ssl_verify": True}, "final": final})
    assert sorted(got["final"]) == wanted
    assert plan(locked=["solver"], solver={"wanted": "libmamba"})["solver"]["final"]


def test_licensed_channels_are_replaced_where_the_organisation_needs_a_licence():
    settings = {"channels": setting(["defaults", "conda-forge"], OWN)}
    assert plan(found(settings))["moves_channels"] == []
    for layer, wishes in (({"organisation": {"commercial_use": True}}, {}), ({}, {"licensed": "replace"})):
        got = plan(found(settings), wishes=wishes, **layer)
        assert got["moves_channels"] == ["defaults: channels.licensed"] and got["channels"] == ["conda-forge"]
        assert got["remove_channels"] == [{"path": OWN, "channels": ["defaults"]}]
        assert got["settings"]["default_channels"] == ["conda-forge"] and "channels" not in got["settings"]
    asked = plan(found(settings), wishes={"licensed": "replace", "channels": ["https://mirror.example.org/forge"]})
    assert asked["take_out"] == [{"path": OWN, "settings": {"channels": None}}] and asked["remove_channels"] == []
    assert asked["problems"] == []


def test_defaults_of_an_old_conda_that_names_no_channel_are_seen():
    host = found({}, version="24.1.0")
    got = plan(host, channels={"denied": ["pkgs/main"], "allowed": ["conda-forge"]}, wishes={"floor": "none"})
    assert got["settings"]["channels"] == ["conda-forge"] and got["problems"] == []


def test_an_old_conda_gets_the_priority_that_it_knows():
    got = plan(found({"channel_priority": setting("flexible", OWN)}, version="4.3.16"), wishes={"floor": "none"})
    assert got["settings"] == {} and got["take_out"] == []
    got = plan(found({"channel_priority": setting("disabled", OWN)}, version="4.3.16"), wishes={"floor": "none"})
    assert got["settings"] == {"channel_priority": True}
    assert got["take_out"] == [{"path": OWN, "settings": {"channel_priority": None}}]


def test_what_cannot_be_planned_before_the_settings_hold_is_told():
    wishes = {"channels": ["conda-forge"], "floor": "none"}
    settings = {"channels": setting(["other"], OWN)}
    assert plan(found(settings), wishes=wishes)["can_forecast"]
    assert not plan(found(settings, version="4.3.16"), wishes=wishes)["can_forecast"]
    assert plan(found(version="4.3.16"), wishes=wishes)["can_forecast"]
    assert not plan(found(mode="0777"))["can_forecast"]


@pytest.mark.parametrize(
    ("there", "layer", "due"),
    [
        (None, {}, False),
        (None, {"base": {"frozen": True}}, True),
        (None, {"base": {"frozen": False}}, False),
        ({"message": None}, {"base": {"frozen": True}}, False),
        ({"message": None}, {"base": {"frozen": False}}, True),
        ({"message": None}, {}, False),
    ],
)
def test_the_frozen_mark(there, layer, due):
    assert plan(found(frozen=there), **layer)["mark_due"] is due


def test_a_frozen_base_with_another_message_gets_the_one_that_is_asked_for():
    for message, due in (("ask alice", True), ("ask bob", False)):
        got = plan(found(frozen={"message": message}), base={"frozen": True}, wishes={"frozen_message": "ask bob"})
        assert got["mark_due"] is due


@pytest.mark.parametrize(
    ("there", "final", "is_set"),
    [
        (None, False, False),  # a default counts for nothing: the update of this run can change it
        (setting("libmamba", OWN), False, True),
        (setting("libmamba", OWN), True, False),
        (setting("libmamba", DROPIN, final=True), True, True),
        (setting("classic", DROPIN, final=True), True, False),
    ],
)
def test_the_solver_is_set_where_a_setting_says_so(there, final, is_set):
    host = found({} if there is None else {"solver": there})
    got = plan(host, locked=["solver"] if final else [], solver={"wanted": "libmamba"})
    assert got["solver"]["is_set"] is is_set


def test_mamba_is_asked_for_only_where_it_is_wanted():
    assert plan()["mamba"] == {"spec": None, "missing": False}
    wishes = {"mamba": True}
    assert plan(wishes=wishes)["mamba"] == {"spec": "mamba>=2.7.0", "missing": True}
    there = found(versions={"conda": "26.9.4", "mamba": "2.8.0"})
    assert plan(there, wishes=wishes)["mamba"] == {"spec": "mamba>=2.7.0", "missing": False}
