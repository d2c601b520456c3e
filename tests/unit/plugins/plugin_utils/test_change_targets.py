# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which prefixes of a host are to be changed, and to what."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.plugin_utils._change_targets import lift_targets, update_targets
from ansible_collections.labfleet.conda.plugins.plugin_utils._packages import QuestionError
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import merge_layers

POLICY = merge_layers({}, None)["values"]


def policy(**layer):
    return merge_layers({"base": layer}, None)["values"]


def installation(prefix, **facts):
    program = "%s/bin/conda" % prefix
    facts = {"kind": "conda", "version": "24.1.0", "program": program, "owner": "root", "secondary": False, **facts}
    return {"prefix": prefix, **facts}


def environment(prefix, *records, **facts):
    names = ("name", "version", "build", "build_number")
    found = [dict(zip(names, (*record, "0", 0), strict=True)) for record in records]
    facts = {"owner": "alice", "installation": "/opt/conda", "pip_packages": [], **facts}
    return {"prefix": prefix, "records": found, **facts}


def found(*installations, environments=()):
    return {"installations": list(installations), "environments": list(environments)}


def test_the_floor_of_the_policy_is_what_is_wanted():
    plan = update_targets(found(installation("/opt/conda"), installation("/opt/mm", kind="micromamba")), POLICY)
    assert [(item["prefix"], item["version"]) for item in plan.targets] == [
        ("/opt/conda", ">=26.5.2"),
        ("/opt/mm", ">=2.7.0"),
    ]
    assert plan.targets[0]["wanted"] == "conda >=26.5.2" and plan.left_out == []


@pytest.mark.parametrize(
    ("layer", "version", "wanted"),
    [
        ({"update": {"version": "newest"}}, None, "newest"),
        ({"update": {"version": "newest"}}, "minimum", ">=26.5.2"),
        ({"versions": {"minimum": {"conda": "25.1"}}}, None, ">=25.1"),
        ({}, "26.7.0", "26.7.0"),
        ({}, ">=26.0", ">=26.0"),
    ],
)
def test_policy_and_variable_say_which_version(layer, version, wanted):
    plan = update_targets(found(installation("/opt/conda")), policy(**layer), version=version)
    assert [item["version"] for item in plan.targets] == [wanted]


def test_the_policy_gives_the_other_options():
    layer = {"update": {"python": "move", "override_frozen": True, "keep_snapshots": 2}}
    (target,) = update_targets(found(installation("/opt/conda")), policy(**layer)).targets
    assert (target["python"], target["override_frozen"], target["keep_snapshots"]) == ("move", True, 2)
    (target,) = update_targets(found(installation("/opt/conda")), policy(**layer), python="keep").targets
    assert target["python"] == "keep"


def test_a_tool_without_a_floor_is_left_out():
    plan = update_targets(found(installation("/opt/conda")), policy(versions={"minimum": {"conda": None}}))
    assert plan.targets == [] and "no versions.minimum for conda" in plan.left_out[0]["reason"]


def test_what_belongs_to_users_is_left_out_unless_it_is_asked_for():
    all_ = found(installation("/opt/conda", owner="conda"), installation("/home/bob/conda", owner="bob"))
    rules = policy(permissions={"base_owner": "conda"})
    plan = update_targets(all_, rules)
    assert [item["prefix"] for item in plan.targets] == ["/opt/conda"]
    assert plan.left_out == [{"prefix": "/home/bob/conda", "reason": "it is the user bob's own"}]
    assert len(update_targets(all_, rules, homes=True).targets) == 2
    named = update_targets(all_, rules, prefixes=["/home/bob/conda/"])
    assert [item["prefix"] for item in named.targets] == ["/home/bob/conda"] and named.left_out == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"kind": "pixi"}, "pixi has no base prefix"),
        ({"prefix": None}, "stands alone"),
        ({"version": None}, "its version"),
        ({"program": None}, "its program"),
        ({"secondary": True}, "name it to update it"),
    ],
)
def test_what_cannot_be_updated_is_left_out_with_the_reason(facts, said):
    plan = update_targets(found({**installation("/opt/conda"), **facts}), POLICY)
    assert plan.targets == [] and said in plan.left_out[0]["reason"]


def test_a_prefix_that_is_not_there_is_told():
    plan = update_targets(found(installation("/opt/conda")), POLICY, prefixes=["/opt/other"])
    assert plan.targets == [] and plan.left_out[0]["prefix"] == "/opt/other"


OLD, NEW = ("openssl", "3.0.1"), ("openssl", "3.0.14")


def test_the_environments_that_have_it_too_old_are_lifted():
    all_ = found(
        installation("/opt/conda"),
        environments=[
            environment("/opt/conda", OLD, owner="root"),
            environment("/e/a", OLD, ("six", "1.0")),
            environment("/e/b", NEW),
            environment("/e/c", ("six", "1.0")),
        ],
    )
    plan = lift_targets(all_, POLICY, spec="openssl<3.0.14")
    told = [(item["prefix"], item["environment"], item["owner"], item["packages"]) for item in plan.targets]
    assert told == [
        ("/opt/conda", "/opt/conda", "root", ["openssl>=3.0.14"]),
        ("/opt/conda", "/e/a", "alice", ["openssl>=3.0.14"]),
    ]
    assert {item["version"] for item in plan.targets} == {"any"}


def test_what_to_lift_to_can_be_given():
    all_ = found(installation("/opt/conda"), environments=[environment("/e/a", OLD)])
    (target,) = lift_targets(all_, POLICY, spec="openssl", to="openssl>=3.0.14,<3.1").targets
    assert target["packages"] == ["openssl>=3.0.14,<3.1"]


@pytest.mark.parametrize("spec", ["openssl", "openssl>=1", "open*<2", "openssl=>1=="])
def test_a_spec_that_does_not_tell_what_to_lift_to_is_refused_even_on_an_empty_host(spec):
    with pytest.raises(QuestionError):
        lift_targets(found(), POLICY, spec=spec)


def test_environments_can_be_chosen_by_prefix_and_by_user():
    environments = [environment("/e/a", OLD), environment("/e/b", OLD, owner="bob")]
    all_ = found(installation("/opt/conda"), environments=environments)
    options = {"spec": "openssl<3.0.14"}
    assert [i["environment"] for i in lift_targets(all_, POLICY, prefixes=["/e/a"], **options).targets] == ["/e/a"]
    assert [i["environment"] for i in lift_targets(all_, POLICY, users=["bob"], **options).targets] == ["/e/b"]


def test_an_environment_of_no_known_installation_is_left_out():
    environments = [environment("/e/a", OLD, installation=None), environment("/e/b", OLD, installation="/gone")]
    plan = lift_targets(found(environments=environments), POLICY, spec="openssl<3.0.14")
    assert plan.targets == [] and [item["prefix"] for item in plan.left_out] == ["/e/a", "/e/b"]


def test_what_pip_installed_is_told_and_left_alone():
    pip = [{"name": "Requests", "version": "2.1", "installer": "pip"}]
    all_ = found(installation("/opt/conda"), environments=[environment("/e/a", pip_packages=pip)])
    plan = lift_targets(all_, POLICY, spec="requests<2.31")
    assert plan.targets == []
    assert plan.left_out == [{"prefix": "/e/a", "reason": "pip installed requests 2.1 there, which conda cannot lift"}]
