# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a base prefix does not get a newer tool: each cause with the facts that tell it, and with facts that do not."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._answer import (
    Answer,
    Plan,
    found_packages,
    parse_answer,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._diagnosis import _TEXTS, explain, why_not_newer
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import Package
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool_error import KINDS, ToolError
from ansible_collections.labfleet.conda.plugins.module_utils._change._update_facts import Facts

FORGE = "https://conda.anaconda.org/conda-forge"
MAIN = "https://repo.anaconda.com/pkgs/main"
NOTHING = Answer(True, True, Plan(), None, ())


def conda(version="26.7.0"):
    return Tool("conda", version, "/opt/conda/bin/conda", "/opt/conda", "/opt/conda/bin/python")


def package(version, python="python >=3.9,<3.14", channel=FORGE, **more):
    depends = (*([python] if python else []), *more.pop("depends", ()))
    return Package("conda", version, "0", 0, channel + "/linux-64", "linux-64", depends=depends, **more)


@pytest.fixture
def facts(record):
    """A base prefix with conda 26.7.0 on Python 3.11; channels that hold 26.7.0 and 26.9.4; nothing in the way."""

    def make(*records, version="26.7.0", python="3.11.9", **more):
        base = [record("conda", version), record("python", python), *records]
        more.setdefault("found", (package(version), package("26.9.4")))
        more.setdefault("channels", ("conda-forge",))
        return Facts(conda(version), base, **more)

    return make


def ids(facts):
    return [item.id for item in why_not_newer(facts)]


def error(kind, name="", message="why", **details):
    return ToolError(name, kind, message, details)


def failed(kind, name=""):
    return Answer(False, False, Plan(), error(kind, name), ())


def test_nothing_in_the_way_is_no_diagnosis(facts):
    assert ids(facts()) == []


def test_a_plan_that_would_update_is_no_diagnosis(facts):
    plan = Plan(link=(package("26.9.4"),), unlink=(package("26.7.0"),))
    assert ids(facts(plan=Answer(True, False, plan, None, ()))) == []


# --- the channels ----------------------------------------------------------------------------------------------------


def test_trap_a_channel_that_does_not_hold_the_conda_that_is_installed_is_probably_html(recorded, facts):
    plan = recorded("conda-24.11.3", "html-update-dry").answer()
    assert plan.nothing_to_do  # which is all that conda says
    found = why_not_newer(facts(found=(), plan=plan))
    assert found[0].id == "channel_empty"
    assert "HTML" in found[0].cause and found[0].evidence == ("channel: conda-forge",)


def test_a_search_that_was_not_made_says_nothing_of_the_channels(facts):
    assert ids(facts(found=None)) == []


def test_a_channel_that_is_behind_the_installed_version(facts):
    found = why_not_newer(facts(found=(package("25.1.0"), package("25.5.1"))))
    assert [item.id for item in found] == ["channel_behind"]
    assert found[0].evidence == ("installed: 26.7.0, newest in the channels: 25.5.1", "installed from: conda-forge")


def test_the_installed_version_is_the_newest(facts):
    assert ids(facts(found=(package("25.1.0"), package("26.7.0")), plan=NOTHING)) == ["nothing_newer"]


def test_the_wanted_version_is_not_there(facts):
    assert ids(facts(wanted="26.10")) == ["version_not_in_channels"]
    assert ids(facts(wanted="26.9")) == []


@pytest.mark.parametrize(("version", "told"), [("25.9.0", ["no_channels"]), ("25.5.0", [])])
def test_no_channels_are_none_since_the_default_is_gone(facts, version, told):
    assert ids(facts(version=version, found=None, channels=())) == told


# --- 1 and 12: Python ------------------------------------------------------------------------------------------------


def test_the_python_pin_is_computed_from_what_a_real_search_tells(recorded, record):
    search = found_packages(recorded("conda-26.7.0", "search-conda").answer("search"), "conda")
    base = [record("conda", "25.5.1"), record("python", "3.9.18")]
    found = why_not_newer(Facts(conda("25.5.1"), base, found=search))
    assert [item.id for item in found] == ["python_pin"]
    assert "'conda>=26.7.1' and 'python=3.11'" in found[0].remedy
    assert found[0].evidence == (
        "base: python 3.9.18",
        "conda 26.7.1: python >=3.11,<3.12.0a0",
        "the newest for Python 3.9: 25.9.1",
    )


def test_a_build_for_the_python_of_base_is_enough(facts):
    found = (package("26.9.4", "python >=3.10,<3.11.0a0"), package("26.9.4", "python >=3.11,<3.12.0a0"))
    assert ids(facts(found=found)) == []
    assert ids(facts(found=found, python="3.9.18")) == ["python_pin"]
    assert ids(facts(found=found, python="3.10.4")) == []


def test_depends_that_cannot_be_read_are_no_cause(facts):
    assert ids(facts(found=(package("26.9.4", "python >=3.10,<"),))) == []


def test_without_depends_or_without_python_there_is_no_pin(record):
    found = (package("26.9.4", None),)
    assert ids(Facts(conda(), [record("conda", "26.7.0"), record("python", "2.7.18")], found=found)) == []
    assert ids(Facts(conda(), [record("conda", "26.7.0")], found=(package("26.9.4"),))) == []


@pytest.mark.parametrize(
    ("version", "python", "told"),
    [
        ("4.5.12", "2.7.15", ["ancient", "python_pin"]),
        ("4.3.16", "3.6.15", ["ancient", "python_pin"]),
        ("4.12.0", "3.6.15", ["python_pin"]),
        ("4.5.12", "3.7.1", ["python_pin"]),
    ],
)
def test_an_ancient_conda_with_no_way_on(facts, version, python, told):
    assert ids(facts(version=version, python=python)) == told


def test_an_old_conda_with_a_step_on_its_python_is_not_ancient(recorded, record):
    search = found_packages(recorded("conda-4.3.13", "search-json").answer("search"), "conda")
    base = [record("conda", "4.3.13", "py36_0"), record("python", "3.6.15")]
    assert ids(Facts(conda("4.3.13"), base, found=search)) == []


# --- 2: channel priority ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "channels", "told"),
    [
        ("strict", ("defaults", "conda-forge"), ["channel_priority"]),
        ("flexible", ("defaults", "conda-forge"), ["channel_priority"]),
        ("disabled", ("defaults", "conda-forge"), []),
        ("strict", ("conda-forge", "defaults"), []),
        ("strict", ("other", "defaults", "conda-forge"), ["channel_priority"]),
        ("strict", (), []),
    ],
)
def test_a_channel_that_comes_first_and_is_behind(facts, priority, channels, told):
    found = (package("26.7.0", channel=MAIN), package("26.9.4"))
    got = why_not_newer(facts(found=found, channels=channels, channel_priority=priority))
    assert [item.id for item in got] == told
    if told:
        assert "conda 26.9.4 is in conda-forge, but the channel defaults comes first" in got[0].cause
        assert "installed from: conda-forge" in got[0].evidence


# --- 3: no better solution -------------------------------------------------------------------------------------------


def test_update_is_content_with_what_is_there(facts):
    found = why_not_newer(facts(plan=NOTHING))
    assert [item.id for item in found] == ["no_better_solution"]
    assert "'conda>=26.9.4'" in found[0].remedy


# --- 4: pins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pin", "is_told"),
    [
        ("conda 26.7.*", True),
        ("conda=26.7.0", True),
        ("conda<26.8", True),
        ("conda", True),
        ("anaconda::conda", True),
        ("conda-forge::conda", False),
        ("conda>=26", False),
        ("openssl 1.1.1w", True),
        ("openssl=1.1", True),
        ("openssl", True),
        ("openssl>=1", False),
        ("openssl=3", False),
        ("absent=1", False),
        ("not [ a spec", False),
    ],
)
@pytest.mark.parametrize("place", ["pinned", "pinned_packages"])
def test_pins(facts, record, pin, is_told, place):
    openssl = record("openssl", "1.1.1w")
    found = (package("26.9.4", depends=("openssl >=3.0,<4.0a0",)),)
    got = why_not_newer(facts(openssl, found=found, **{place: (pin,)}))
    assert [item.id for item in got] == (["pinned"] if is_told else [])
    if is_told:
        assert pin in got[0].cause and "pinned" in got[0].evidence[0]


@pytest.mark.parametrize(("need", "is_told"), [("openssl >=3.0", True), ("openssl >=1.1.1x", False)])
def test_a_pin_that_leaves_room_is_not_in_the_way(facts, record, need, is_told):
    base = facts(record("openssl", "1.1.1w"), found=(package("26.9.4", depends=(need,)),), pinned=("openssl=1.1",))
    assert ids(base) == (["pinned"] if is_told else [])


def test_a_pin_with_a_token_is_masked(facts):
    pin = "https://host.example/t/t0k3n-s3cr3t/private::conda"
    found = why_not_newer(facts(pinned=(pin,)))
    assert [item.id for item in found] == ["pinned"] and "s3cr3t" not in repr(found)


# --- 5 to 7: installed packages that hold conda back -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "told"),
    [("anaconda-navigator", "metapackage"), ("anaconda", "metapackage"), ("mamba", "mamba_holds_conda")]
    + [("conda-build", "held_by_package")],
)
@pytest.mark.parametrize("field", ["depends", "constrains"])
def test_a_package_that_does_not_allow_the_newest(facts, record, name, told, field):
    holder = record(name, "2.4.0", **{field: ("conda <26.9,!=22.11.*",)})
    found = why_not_newer(facts(holder))
    assert [item.id for item in found] == [told]
    assert found[0].cause == name + " 2.4.0 does not allow conda 26.9.4."


def test_a_package_that_allows_it_is_none(facts, record):
    assert ids(facts(record("anaconda-navigator", "2.4.1", depends=("conda !=22.11.*", "conda-repo-cli")))) == []


@pytest.mark.parametrize(("version", "told"), [("4.12.0", True), ("22.9.0", True), ("22.11.1", False)])
def test_the_plugin_of_an_experimental_solver(facts, record, version, told):
    found = ids(facts(record("conda-libmamba-solver", "22.8.1"), version=version))
    assert ("old_solver_plugin" in found) is told


@pytest.mark.parametrize(
    ("mamba", "newest", "told"),
    [
        ("0.22.1", "4.13.0", True),
        ("0.22.1", "4.12.0", False),
        ("1.3.1", "23.5.0", True),
        ("1.5.1", "23.9.0", True),
        ("1.5.1", "23.7.4", False),
        ("1.5.8", "24.1.0", False),
        ("2.0.5", "26.9.4", False),
    ],
)
def test_a_mamba_that_breaks_with_a_newer_conda(facts, record, mamba, newest, told):
    found = ids(facts(record("mamba", mamba), version="4.11.0", found=(package(newest),)))
    assert ("mamba_holds_conda" in found) is told


# --- 9 and 10: what does not fit together ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("solver", "binding", "told"),
    [("24.1.0", "2.0.0", True), ("23.12.0", "2.8.1", True), ("24.7.0", "2.0.0", False), ("24.1.0", "1.5.8", False)],
)
def test_a_solver_and_a_libmambapy_that_do_not_fit(facts, record, solver, binding, told):
    records = [record("conda-libmamba-solver", solver), record("libmambapy", binding)]
    assert ("solver_pairing" in ids(facts(*records))) is told
    assert ("solver_pairing" in [item.id for item in explain(error("crash"), facts(*records))]) is told


@pytest.mark.parametrize(("channel", "told"), [(MAIN, True), (FORGE, False)])
def test_a_crash_with_openssl_and_cryptography_from_two_channels(facts, record, channel, told):
    base = facts(record("openssl", "3.5.0"), record("cryptography", "42.0", channel=channel))
    assert [item.id for item in explain(error("crash"), base)] == (["tls_mix"] if told else []) + ["crash"]
    assert ids(base) == []


# --- frozen, a waiting time ------------------------------------------------------------------------------------------


def test_a_frozen_base(facts):
    assert ids(facts(is_frozen=True)) == ["frozen"]
    assert ids(facts(is_frozen=True, override_frozen=True)) == []


def test_a_waiting_time_for_new_packages(facts):
    assert ids(facts(exclude_newer="7d")) == ["exclude_newer"]
    assert ids(facts(exclude_newer="7d", found=(package("26.7.0"),))) == ["nothing_newer"]


# --- errors ----------------------------------------------------------------------------------------------------------


def test_each_kind_of_error_has_its_texts():
    assert set(_TEXTS) == set(KINDS)
    for cause, remedy in _TEXTS.values():
        assert cause.endswith(".") and remedy.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_error_is_explained_with_what_the_tool_said(facts, kind):
    found = explain(error(kind, "SomeError"), facts())
    assert found[-1].id == kind and found[-1].evidence == ("SomeError", "why")


@pytest.mark.parametrize(
    ("source", "name", "told"),
    [
        ("conda-26.7.0", "update-dry", "terms_of_service"),
        ("conda-26.7.0", "frozen-update", "frozen"),
        ("conda-26.7.0", "html-update-dry", "bad_index"),
        ("conda-24.11.3", "enospc-link", "no_space"),
        ("conda-4.12.0", "base-then-update", "broken_import"),
        ("micromamba-2.3.3", "http-checksum", "other"),
    ],
)
def test_recorded_errors_are_explained(recorded, facts, source, name, told):
    answer = recorded(source, name).answer()
    assert explain(answer.error, facts())[0].id == told
    assert why_not_newer(facts(plan=answer))[0].id == told


def test_a_plan_that_cannot_be_solved_is_explained_by_the_facts_first(facts):
    plan = failed("unsatisfiable", "LibMambaUnsatisfiableError")
    base = facts(python="3.8.1", pinned=("conda<26.8",), plan=plan)
    assert ids(base) == ["python_pin", "pinned", "unsatisfiable"]
    assert [item.id for item in explain(plan.error, base)] == ["python_pin", "pinned", "unsatisfiable"]


def test_one_cause_is_not_told_twice(facts):
    base = facts(is_frozen=True, plan=failed("frozen", "EnvironmentIsFrozenError"))
    assert ids(base) == ["frozen"]


def test_no_base_environment(facts):
    found = explain(error("not_an_environment", "NoBaseEnvironmentError"), facts())
    assert [item.id for item in found] == ["no_base_environment", "not_an_environment"]


@pytest.mark.parametrize(
    ("solver", "version", "told"),
    [("rattler", "26.7.0", True), ("libmamba", "26.7.0", False), ("rattler", "26.5.0", False)],
)
def test_the_rattler_solver_and_pip(facts, solver, version, told):
    found = explain(error("crash", "AssertionError"), facts(version=version, solver=solver))
    assert [item.id for item in found] == (["rattler_pip"] if told else []) + ["crash"]


def test_a_clash_of_files(facts, record):
    found = explain(error("other", "ClobberError"), facts(record("mamba", "2.0.5")))
    assert [item.id for item in found] == ["file_clash", "other"]
    assert found[0].evidence == ("ClobberError", "mamba 2.0.5")


def test_no_diagnosis_tells_a_secret(facts):
    text = b'{"exception_name": "CondaHTTPError", "message": "https://ann:s3cr3t@host/x"}'
    answer = parse_answer(text, b"", 1, tool=conda(), what="plan")
    assert "s3cr3t" not in repr(why_not_newer(facts(plan=answer, channels=("https://ann:s3cr3t@host/x",), found=())))
