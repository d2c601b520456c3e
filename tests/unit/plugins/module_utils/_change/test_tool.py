# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command lines for each version, and the environment they get."""

from __future__ import annotations

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._change._child_environment import child_environment
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import (
    CommandRefused,
    Options,
    Tool,
    lower_bound,
    told_version,
)


def conda(version, **more):
    return Tool("conda", version, "/opt/conda/bin/conda", "/opt/conda", "/opt/conda/bin/python", **more)


def micromamba(version="2.8.1"):
    return Tool("micromamba", version, "/usr/local/bin/micromamba", "/opt/mamba")


ALL = [
    conda("4.2.7"),
    conda("4.3.16"),
    conda("4.12.0"),
    conda("22.11.1"),
    conda("24.11.3"),
    conda("26.9.4"),
    Tool("mamba", "1.5.8", "/opt/conda/bin/mamba", "/opt/conda", "/opt/conda/bin/python"),
    Tool("mamba", "2.0.5", "/opt/conda/bin/mamba", "/opt/conda"),
    micromamba("2.3.3"),
    micromamba(),
]


def label(tool):
    return "%s %s" % tool[:2]


def test_plan_and_apply_of_a_new_conda():
    tool = conda("26.7.0")
    plan, apply = tool.plan(["conda>=26.9"]), tool.apply(["conda>=26.9"])
    head = ("/opt/conda/bin/conda", "install", "-p", "/opt/conda", "-y", "--json", "-q")
    assert plan.argv == (*head, "--dry-run", "conda>=26.9")
    assert apply.argv == (*head, "conda>=26.9")
    assert (plan.what, plan.changes, apply.what, apply.changes) == ("plan", False, "apply", True)


def test_micromamba_gets_its_root_prefix_and_no_quiet():
    command = micromamba().plan(["conda>=26.9"], prefix="/opt/conda")
    assert command.argv == (
        "/usr/local/bin/micromamba",
        *("install", "-p", "/opt/conda", "-y", "--json", "--dry-run", "--no-allow-uninstall", "conda>=26.9"),
    )
    assert command.environment["MAMBA_ROOT_PREFIX"] == "/opt/mamba"


@pytest.mark.parametrize("tool", ALL, ids=label)
def test_trap_json_means_yes_so_every_plan_is_a_dry_run_and_every_change_says_yes(tool):
    assert "--dry-run" in tool.plan(["conda>=4.3"]).argv
    assert "--dry-run" in tool.offline_solve().argv
    apply = tool.apply(["conda>=4.3"])
    assert "--dry-run" not in apply.argv
    assert {"-y", "--json"} <= set(apply.argv)


@pytest.mark.parametrize("tool", ALL, ids=label)
def test_no_command_is_an_update_or_a_revision(tool):
    commands = [tool.plan(["conda>=4.3"]), tool.apply(["conda>=4.3"]), tool.explicit_install("/x/explicit.txt")]
    for command in commands:
        assert command.argv[1] == "install"
        assert not {"update", "--revision", "--all"} & set(command.argv)


@pytest.mark.parametrize("tool", ALL, ids=label)
def test_trap_an_install_into_base_also_updates_conda_unless_the_environment_says_no(tool):
    for command in (tool.plan(["pip>=20"]), tool.apply(["pip>=20"]), tool.explicit_install("/x/explicit.txt")):
        assert command.environment["CONDA_AUTO_UPDATE_CONDA"] == "false"
        assert "--no-update-deps" not in command.argv


@pytest.mark.parametrize("version", ["4.2.7", "4.3.16"])
def test_an_old_search_is_for_the_full_name(version):
    assert conda(version).search("conda").argv[1:] == ("search", "--json", "--full-name", "conda")


@pytest.mark.parametrize("version", ["4.4.0", "22.11.1", "26.9.4"])
def test_search(version):
    assert conda(version).search("conda").argv[1:] == ("search", "--json", "conda")


def test_searches_of_mamba():
    one, two = (tool for tool in ALL if tool.kind == "mamba")
    assert one.search("conda").argv[1:] == ("repoquery", "search", "--json", "conda")
    assert two.search("conda").argv[1:] == ("search", "--json", "conda")


def test_channels_and_offline():
    options = Options(channels=("conda-forge", "bioconda"), override_channels=True, offline=True)
    channels = ("--override-channels", "-c", "conda-forge", "-c", "bioconda")
    assert conda("4.3.16").plan(["a>=1"], options).argv[8:] == (*channels, "--offline", "a>=1")
    search = conda("26.9.4").search("a", options)
    assert search.argv[3:] == (*channels, "a")
    assert search.environment == {"CONDA_OFFLINE": "true"}


def test_overriding_channels_without_channels_is_refused():
    with pytest.raises(CommandRefused, match="nothing is left"):
        conda("26.9.4").plan(["a>=1"], Options(override_channels=True))


@pytest.mark.parametrize(
    ("version", "solver", "arguments"),
    [
        ("26.9.4", "rattler", ("--solver", "rattler")),
        ("22.11.0", "libmamba", ("--solver", "libmamba")),
        ("22.9.0", "libmamba", ("--experimental-solver", "libmamba")),
        ("4.12.0", "classic", ("--experimental-solver", "classic")),
        ("4.10.3", "classic", ()),
        ("4.3.16", None, ()),
    ],
)
def test_the_solver_is_chosen_as_this_version_can(version, solver, arguments):
    command = conda(version).plan(["a>=1"], Options(solver=solver))
    assert command.argv[8:-1] == arguments


@pytest.mark.parametrize("tool", [conda("4.10.3"), conda("22.9.0"), micromamba()], ids=label)
def test_a_solver_that_a_tool_cannot_use_is_refused(tool):
    with pytest.raises(CommandRefused, match="rattler"):
        tool.plan(["a>=1"], Options(solver="rattler"))


@pytest.mark.parametrize(("version", "is_known"), [("25.5.0", True), ("25.3.1", False), ("4.3.16", False)])
def test_only_condas_that_know_frozen_environments_are_told_to_pass_over_the_mark(version, is_known):
    tool = conda(version)
    assert tool.knows_frozen is is_known
    assert ("--override-frozen" in tool.apply(["a>=1"], Options(override_frozen=True)).argv) is is_known
    assert "--override-frozen" not in tool.apply(["a>=1"]).argv


@pytest.mark.parametrize("tool", [tool for tool in ALL if tool.kind != "conda"], ids=label)
def test_trap_mamba_ignores_the_frozen_mark_and_says_so_here(tool):
    assert tool.knows_frozen is False
    assert "--override-frozen" not in tool.apply(["a>=1"], Options(override_frozen=True)).argv


def test_trap_a_dry_run_does_not_see_that_base_is_read_only():
    assert [conda(version).plans_when_read_only for version in ("4.12.0", "24.11.3", "25.5.0")] == [True, True, False]
    assert micromamba().plans_when_read_only


def test_removing_and_downgrading_are_allowed_where_the_tool_can_be_told():
    options = Options(allow_removing=True, allow_downgrade=True)
    assert "--no-allow-uninstall" in micromamba().apply(["a>=1"]).argv
    allowed = micromamba().apply(["a>=1"], options).argv
    assert "--allow-downgrade" in allowed and "--no-allow-uninstall" not in allowed
    assert conda("26.9.4").apply(["a>=1"], options).argv == conda("26.9.4").apply(["a>=1"]).argv


def test_trap_a_dry_run_of_the_self_update_of_micromamba_is_not_dry_so_there_is_none():
    for version in ("2.3.3", "2.8.1"):
        command = micromamba(version).self_update(Options(channels=("conda-forge",)), version="2.9.0")
        assert command.argv[1:] == ("self-update", "-y", "--json", "--version", "2.9.0", "-c", "conda-forge")
        assert command.changes


def test_conda_self_update_where_it_is_there():
    command = conda("26.7.0", versions={"conda-self": "0.2.0"}).self_update()
    assert command.argv[1:] == ("self", "update", "-y", "--json")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: conda("24.11.3").self_update(),
        lambda: conda("26.7.0").self_update(),
        lambda: conda("26.7.0", versions={"conda-self": "0.2.0"}).self_update(version="26.9"),
        lambda: conda("26.7.0", versions={"conda-self": "0.2.0"}).self_update(Options(channels=("a",))),
        lambda: Tool("mamba", "2.0.5", "/m", "/opt/conda").self_update(),
        lambda: conda("26.7.0").plan([]),
        lambda: conda("26.7.0").plan(["--revision"]),
        lambda: conda("26.7.0").plan(["a\n"]),
        lambda: conda("26.7.0").plan(["a"], Options(channels=("-y",))),
        lambda: conda("26.7.0").search(""),
        lambda: conda("26.7.0").explicit_install("/x/list"),
        lambda: Tool("conda", "26.7.0", "/c", "/opt/conda").solver_import(),
    ],
)
def test_what_cannot_be_or_must_not_be_is_refused(ask):
    with pytest.raises(CommandRefused):
        ask()


@pytest.mark.parametrize(
    ("tool", "solver", "code"),
    [
        (conda("4.3.16"), None, "import conda.cli, conda.resolve"),
        (conda("24.11.3"), None, "import conda.cli, libmambapy, conda_libmamba_solver"),
        (conda("26.9.4"), "rattler", "import conda.cli, rattler, conda_rattler_solver"),
        (conda("26.9.4"), "another", "import conda.cli"),
        (ALL[6], None, "import mamba.mamba, libmambapy"),
    ],
)
def test_solver_import(tool, solver, code):
    command = tool.solver_import(solver)
    assert command.argv == ("/opt/conda/bin/python", "-c", code)
    assert (command.what, command.changes) == ("import", False)


def test_a_program_without_python_is_asked_for_its_version():
    assert micromamba().solver_import().argv == ("/usr/local/bin/micromamba", "--version")


def test_explicit_install_has_no_solver():
    command = conda("26.9.4").explicit_install("/opt/x/explicit.txt", Options(solver="classic", override_frozen=True))
    assert command.argv[4:] == ("-y", "--json", "-q", "--file", "/opt/x/explicit.txt", "--override-frozen")
    assert (command.what, command.changes) == ("explicit", True)


def test_offline_solve_asks_for_the_tool_itself():
    assert conda("26.9.4").offline_solve().argv[-2:] == ("--offline", "conda")


def test_info_and_lower_bound():
    assert conda("26.9.4").info().argv[1:] == ("info", "--json")
    assert lower_bound("conda", "26.5") == "conda>=26.5"


@pytest.mark.parametrize("source", ["conda-4.3.13", "conda-4.12.0", "conda-26.7.0", "micromamba-2.8.1"])
def test_the_version_is_read(recorded, source):
    answer = recorded(source, "version")
    assert told_version(answer.tool, answer.stdout, answer.stderr) == answer.version


def test_the_version_of_a_conda_on_python_2_is_on_stderr():
    assert told_version(conda("4.2.7"), b"", b"conda 4.2.7\n") == "4.2.7"
    assert told_version(ALL[6], b"mamba 1.5.8\nconda 24.1.2\n", b"") == "1.5.8"
    assert told_version(conda("4.2.7"), b"\nno version here\n", b"") is None


def environment(base, as_root=False):
    return child_environment(base, home="/h", cache="/c", as_root=as_root)


def test_trap_ci_in_the_environment_would_accept_terms_of_service():
    assert "CI" not in environment({"CI": "true"})


def test_the_environment_of_a_child():
    assert environment({}) == {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/h",
        "XDG_CACHE_HOME": "/c",
        "CONDA_REGISTER_ENVS": "false",
        "CONDA_NOTIFY_OUTDATED_CONDA": "false",
        "CONDA_ROLLBACK_ENABLED": "true",
        "CONDA_REPORT_ERRORS": "false",
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.mark.parametrize(
    "name",
    "https_proxy NO_PROXY REQUESTS_CA_BUNDLE SSL_CERT_FILE LANG LC_ALL TZ CONDARC CONDA_SSL_VERIFY CONDA_PKGS_DIRS"
    " CONDA_CHANNELS MAMBA_SSL_VERIFY NETRC".split(),
)
def test_what_the_operator_says_is_passed_on(name):
    assert environment({name: "value"})[name] == "value"


@pytest.mark.parametrize(
    "name",
    "PYTHONPATH PYTHONHOME LD_LIBRARY_PATH LD_PRELOAD CONDA_PREFIX CONDA_PREFIX_1 CONDA_SHLVL CONDA_DEFAULT_ENV"
    " CONDA_EXE CONDA_PYTHON_EXE _CE_CONDA _CE_M CONDA_PROMPT_MODIFIER CONDA_ROOT_DIR CONDA_DRY_RUN SUDO_UID SUDO_USER"
    " MAMBA_ROOT_PREFIX MAMBA_EXE XDG_DATA_HOME BASH_ENV".split(),
)
def test_what_comes_by_chance_is_not_passed_on(name):
    assert name not in environment({name: "value"})


def test_no_variable_of_the_operator_changes_the_fixed_ones():
    base = {"PATH": "/tmp", "HOME": "/root", "CONDA_ROLLBACK_ENABLED": "false", "CONDA_REPORT_ERRORS": "true"}
    assert environment(base) == environment({})


def test_trap_condarc_at_dev_null_crashes_conda_4():
    assert "CONDARC" not in environment({"CONDARC": "/dev/null"})


def test_root_does_not_use_the_configuration_and_name_of_a_user():
    base = {"XDG_CONFIG_HOME": "/home/ann/.config", "USER": "ann", "LOGNAME": "ann"}
    assert environment(base)["XDG_CONFIG_HOME"] == "/home/ann/.config"
    assert environment(base)["USER"] == "ann"
    as_root = environment(base, as_root=True)
    assert "XDG_CONFIG_HOME" not in as_root and as_root["USER"] == as_root["LOGNAME"] == "root"


@pytest.mark.parametrize("tool", ALL, ids=label)
def test_packages_are_brought_further_by_an_update_that_is_planned_first(tool):
    plan, change = tool.plan_update(["numpy", "scipy"], prefix="/e"), tool.update(["numpy", "scipy"], prefix="/e")
    assert plan.argv[1:4] == change.argv[1:4] == ("update", "-p", "/e")
    assert "--dry-run" in plan.argv and "--dry-run" not in change.argv
    assert {"-y", "--json"} <= set(change.argv) and change.argv[-2:] == ("numpy", "scipy")
    assert (plan.changes, change.changes) == (False, True)


@pytest.mark.parametrize("tool", ALL, ids=label)
def test_exactly_the_named_packages_are_removed(tool):
    if label(tool) == "mamba 1.5.8":
        with pytest.raises(CommandRefused, match="the conda beside it"):
            tool.remove(["numpy"], prefix="/e")
        return
    command = tool.remove(["numpy", "scipy"], prefix="/e")
    assert command.argv[1:4] == ("remove", "-p", "/e") and command.argv[-2:] == ("numpy", "scipy")
    assert {"-y", "--json", "--force"} <= set(command.argv) and not {"--all", "-a"} & set(command.argv)
    assert ("-q" in command.argv) is not tool.is_binary and command.changes
    for names in ([], ["--all"]):
        with pytest.raises(CommandRefused):
            tool.remove(names, prefix="/e")


def test_a_removal_passes_over_the_mark_of_a_frozen_environment_only_when_told():
    frozen = Options(override_frozen=True)
    assert "--override-frozen" in conda("26.7.0").remove(["numpy"], frozen).argv
    assert "--override-frozen" not in conda("26.7.0").remove(["numpy"]).argv
    assert "--override-frozen" not in conda("4.12.0").remove(["numpy"], frozen).argv
