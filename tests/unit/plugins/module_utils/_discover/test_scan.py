# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every place where conda may be found is looked at, and what is found there is told rightly."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._discover._look_result import scan
from ansible_collections.labfleet.conda.plugins.module_utils._discover._places import base_of_command, mentions
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options, ScanError
from ansible_collections.labfleet.conda.plugins.module_utils._discover._solver import default_solver

BASE = ("conda-26.7.1-py313_0", "python-3.13.1-h1_0", "conda-libmamba-solver-26.6.0-py_0", "libmambapy-2.8.1-py_0")
CREATED = (
    "==> 2026-11-22 10:00:00 <==\n# cmd: %s create -n x numpy\n# conda version: 26.7.1\n# update specs: ['python']\n"
)


def look(host, **options):
    return scan(Options(root=host.top, **options))


def prefixes(result):
    return [environment["prefix"] for environment in result["environments"]]


def only(items):
    assert len(items) == 1, items
    return items[0]


SYSTEM_BASES = (
    "/anaconda /anaconda3 /miniconda /miniconda3 /miniforge /miniforge3 /micromamba /opt/conda /opt/anaconda3 "
    "/opt/miniforge3 /opt/any-name /usr/share/miniconda /usr/share/miniconda3 /usr/local/anaconda3 /usr/local/any "
    "/usr/anaconda3 /opt/homebrew/anaconda3 /home/linuxbrew/.linuxbrew/miniconda3 "
    "/opt/homebrew/Caskroom/miniforge/base /usr/lib/conda /ext3/miniconda3 /data/conda /srv/conda"
).split()
HOME_BASES = (
    "anaconda3 miniconda3 miniforge3 mambaforge any-name .hidden opt/anaconda3 opt/miniconda3 .conda/miniconda3 "
    ".local/miniforge3 .local/share/r-miniconda micromamba .local/share/mamba"
).split()
HOME_ENVIRONMENTS = (
    ".conda/envs/x .condax/x .pixi/envs/x project/.pixi/envs/x micromamba/envs/x .local/share/mamba/envs/x"
).split()


@pytest.mark.parametrize("prefix", SYSTEM_BASES)
def test_a_base_prefix_in_a_system_place_is_found(host, prefix):
    host.environment(prefix, BASE)
    result = look(host)
    assert [item["prefix"] for item in result["installations"]] == [prefix]
    assert result["unreadable"] == [] and result["complete"]


@pytest.mark.parametrize("place", HOME_BASES)
def test_a_base_prefix_in_a_home_is_found(host, place):
    prefix = host.environment(host.user("alice", 1001) + "/" + place, BASE)
    assert [item["prefix"] for item in look(host)["installations"]] == [prefix]


@pytest.mark.parametrize("place", HOME_ENVIRONMENTS)
def test_an_environment_in_a_home_is_found(host, place):
    prefix = host.environment(host.user("alice", 1001) + "/" + place)
    assert prefix in prefixes(look(host))


@pytest.mark.parametrize("home", ["/root", "/home/gone", "/data/people/alice", "/data/people/gone", "/var/lib/jenkins"])
def test_homes_of_root_of_departed_and_of_service_users_are_looked_at(host, home):
    host.user("alice", 1001, "/data/people/alice")
    host.user("jenkins", 110, "/var/lib/jenkins")
    host.environment(home + "/miniconda3", BASE)
    assert home + "/miniconda3" in prefixes(look(host))


def test_a_home_that_is_a_link_is_looked_at_once(host):
    host.user("alice", 1001, "/data/alice")
    host.link("/home/alice", "/data/alice")
    host.environment("/data/alice/miniconda3", BASE)
    result = look(host)
    assert prefixes(result) == ["/data/alice/miniconda3"]
    assert result["homes"] == 2


FAR = "/nfs/far/away/conda"


@pytest.mark.parametrize(
    "path, content",
    [
        ("/home/alice/.bashrc", "__conda_setup=\"$('%s/bin/conda' 'shell.bash' 'hook' 2> /dev/null)\"\n" % FAR),
        ("/home/alice/.bash_profile", 'export PATH="%s/bin:$PATH"\n' % FAR),
        ("/home/alice/.profile", ". %s/etc/profile.d/conda.sh\n" % FAR),
        ("/home/alice/.zshrc", "source %s/bin/activate myenv\n" % FAR),
        ("/home/alice/.config/fish/config.fish", "eval %s/bin/conda shell.fish hook $argv | source\n" % FAR),
        ("/home/alice/.xonshrc", "![%s/bin/conda shell.xonsh hook]\n" % FAR),
        ("/home/alice/.tcshrc", "source %s/etc/profile.d/conda.csh\n" % FAR),
        ("/home/alice/.bashrc", "export MAMBA_ROOT_PREFIX='%s';\n" % FAR),
        ("/home/alice/.config/systemd/user/lab.service", "[Service]\nExecStart=%s/bin/jupyter-lab\n" % FAR),
        ("/etc/profile.d/conda.sh", '. "%s/etc/profile.d/conda.sh"\n' % FAR),
        ("/etc/xonshrc", "![%s/bin/conda shell.xonsh hook]\n" % FAR),
        ("/etc/environment", "CONDA_DIR=%s\n" % FAR),
        ("/etc/bash.bashrc", "export CONDA_ROOT=%s\n" % FAR),
        ("/etc/cron.d/train", "0 3 * * * alice %s/bin/python /srv/train.py\n" % FAR),
        ("/var/spool/cron/crontabs/alice", "0 3 * * * %s/condabin/conda run -n x y\n" % FAR),
        ("/etc/systemd/system/hub.service", "ExecStart=%s/bin/jupyterhub\n" % FAR),
        ("/etc/modulefiles/conda/26.7", "prepend-path PATH %s/bin\n" % FAR),
        ("/usr/share/lmod/lmod/modulefiles/Core/conda.lua", 'prepend_path("PATH", "%s/bin")\n' % FAR),
        ("/home/alice/.conda/environments.txt", "\n%s\n/gone/away\n" % FAR),
        ("/usr/local/bin/conda", "#!%s/bin/python\nimport conda.cli\n" % FAR),
    ],
    ids=lambda value: value.split("\n")[0] if value.startswith("/") else "",
)
def test_a_base_prefix_that_only_a_text_names_is_found(host, path, content):
    host.user("alice", 1001)
    host.environment(FAR, BASE)
    host.write(path, content)
    result = look(host)
    assert [item["prefix"] for item in result["installations"]] == [FAR]
    found_by = only(result["installations"])["found_by"]
    assert any(path in reason for reason in found_by), found_by


def test_a_link_to_the_program_leads_to_its_prefix(host):
    host.environment(FAR, BASE)
    host.write(FAR + "/bin/conda", "#!%s/bin/python\n" % FAR)
    host.link("/usr/local/bin/conda", FAR + "/bin/conda")
    assert only(look(host)["installations"])["prefix"] == FAR


def test_the_history_of_an_environment_leads_to_its_base_and_that_to_its_other_environments(host):
    home = host.user("alice", 1001)
    host.environment(home + "/.conda/envs/x", history=CREATED % (FAR + "/bin/conda"))
    host.environment(FAR, BASE)
    host.environment(FAR + "/envs/other")
    result = look(host)
    assert prefixes(result) == [home + "/.conda/envs/x", FAR, FAR + "/envs/other"]
    assert {item["installation"] for item in result["environments"]} == {FAR}


def test_the_envs_dirs_of_a_condarc_are_looked_at(host, as_root):
    home = host.user("alice", 1001)
    host.environment("/opt/conda", BASE)
    host.write(home + "/.condarc", "envs_dirs:\n  - ~/lab/envs\n  - /fast/envs\n")
    host.environment(home + "/lab/envs/a", history=None)
    host.environment("/fast/envs/b")
    for prefix in (home + "/lab/envs/a", "/fast/envs/b"):
        os.chown(host.path(prefix), 1001, 1001)
    result = look(host)
    assert {"/fast/envs/b", home + "/lab/envs/a"} <= set(prefixes(result))
    assert {item["name"] for item in result["environments"]} == {"a", "b", "base"}


def test_search_paths_are_searched_as_deep_as_said(host):
    host.environment("/groups/a/b/c/env")
    assert prefixes(look(host, search_paths=["/groups"], depth=4)) == ["/groups/a/b/c/env"]
    assert prefixes(look(host, search_paths=["/groups"], depth=3)) == []
    missing = look(host, search_paths=["/nope"])
    assert only(missing["unreadable"]) == {"path": "/nope", "reason": "no such directory, though it is a search path"}


def test_only_the_homes_of_the_users_named_are_looked_at(host):
    for number, name in enumerate(["alice", "bob"]):
        host.environment(host.user(name, 1001 + number) + "/miniconda3", BASE)
    assert prefixes(look(host, users=["bob"])) == ["/home/bob/miniconda3"]
    unknown = look(host, users=["carol"])
    assert only(unknown["unreadable"])["path"] == "user carol"


def test_what_is_excluded_is_not_looked_at_and_is_reported(host):
    home = host.user("alice", 1001)
    host.environment(home + "/miniconda3", BASE)
    host.environment("/opt/conda", BASE)
    result = look(host, exclude=["/home"])
    assert prefixes(result) == ["/opt/conda"]
    assert {entry["reason"] for entry in result["unreadable"]} == {"excluded by the options"}


def test_one_environment_with_many_names_is_told_once(host):
    host.environment("/opt/miniforge3", BASE)
    host.link("/opt/conda", "miniforge3")
    host.link("/usr/local/conda", "/opt/conda")
    host.write("/root/.conda/environments.txt", "/opt/conda\n/opt/miniforge3\n/usr/local/conda/\n")
    result = look(host)
    assert prefixes(result) == ["/opt/miniforge3"]
    assert only(result["environments"])["registered_by"] == ["root"]


@pytest.mark.parametrize(
    "content, channel, packages, prefix, expected",
    [
        ('{"name": "Miniforge3", "version": "26.7.2-0"}', "x", BASE, "/opt/a", "miniforge"),
        ('{"name": "Miniconda3", "version": "26.9.4-1"}', "x", BASE, "/opt/a", "miniconda"),
        ('{"name": "Anaconda3"}', "x", BASE, "/opt/a", "anaconda"),
        ('{"name": "LabConda"}', "x", BASE, "/opt/a", "custom"),
        (None, "x", BASE + ("anaconda-2021.05-py38_0",), "/opt/a", "anaconda"),
        (None, "conda-forge", BASE, "/opt/a", "miniforge"),
        (None, "conda-forge", BASE, "/opt/mambaforge", "mambaforge"),
        (None, "lab", BASE, "/opt/miniforge3", "custom"),
    ],
)
def test_the_distribution(host, content, channel, packages, prefix, expected):
    host.environment(prefix, packages, channel=channel)
    if content:
        host.write(prefix + "/.installer.info", content)
    found = only(look(host)["installations"])
    assert found["distribution"] == expected and found["distribution_evidence"]
    assert bool(found["installer"]) == bool(content)


def test_a_conda_from_the_main_channel_is_a_miniconda(host):
    host.environment("/opt/a", BASE)
    path = "/opt/a/conda-meta/conda-26.7.1-py313_0.json"
    with open(host.path(path)) as stream:
        record = json.load(stream)
    record["url"] = "https://repo.anaconda.com/pkgs/main/linux-64/conda-26.7.1-py313_0.conda"
    host.write(path, json.dumps(record))
    assert only(look(host)["installations"])["distribution"] == "miniconda"


@pytest.mark.parametrize(
    "packages, kind, version",
    [
        (("conda-4.12.0-0", "mamba-1.5.1-0"), "conda", "4.12.0"),
        (("mamba-2.8.1-0",), "mamba", "2.8.1"),
        (("micromamba-2.8.1-0",), "micromamba", "2.8.1"),
        (("pixi-0.70.0-0",), "pixi", "0.70.0"),
    ],
)
def test_the_kind_of_an_installation(host, packages, kind, version):
    host.environment("/opt/x", packages)
    found = only(look(host)["installations"])
    assert (found["kind"], found["version"], found["version_source"]) == (kind, version, "record")
    assert (found["solver"] is not None) == (kind == "conda")


def test_a_standalone_micromamba_and_its_root_prefix(host):
    home = host.user("alice", 1001)
    host.write(home + "/.local/bin/micromamba", b"\x7fELF\x02", mode=0o755)
    host.environment(home + "/micromamba/envs/train")
    result = look(host)
    found = only(result["installations"])
    assert found["kind"] == "micromamba" and found["version"] is None
    assert (found["prefix"], found["program"]) == (home + "/micromamba", home + "/.local/bin/micromamba")
    assert only(result["environments"])["installation"] == home + "/micromamba"


@pytest.mark.parametrize("place, kind", [("/usr/local/bin/micromamba", "micromamba"), ("/usr/bin/pixi", "pixi")])
def test_a_standalone_program_without_a_prefix(host, place, kind):
    host.write(place, b"\x7fELF\x02", mode=0o755)
    found = only(look(host)["installations"])
    assert (found["kind"], found["program"], found["version"]) == (kind, place, None)
    assert "unknown" in found["notes"][0]


def test_pixi_and_its_environments(host):
    home = host.user("alice", 1001)
    host.write(home + "/.pixi/bin/pixi", b"\x7fELF\x02")
    host.environment(home + "/.pixi/envs/ruff")
    host.write(home + "/.pixi/envs/ruff/conda-meta/pixi", "{}")
    result = look(host)
    assert only(result["installations"])["prefix"] == home + "/.pixi"
    environment = only(result["environments"])
    assert (environment["made_by"], environment["installation"]) == ("pixi", home + "/.pixi")


def test_a_conda_of_the_operating_systems_packages(host):
    host.write("/usr/bin/conda", "#!/usr/bin/python3\n")
    host.write("/usr/lib/python3.13/site-packages/conda-26.5.2.dist-info/METADATA")
    found = only(look(host)["installations"])
    assert (found["version"], found["prefix"], found["version_source"]) == ("26.5.2", "/usr", "dist-info")


def test_a_conda_that_pip_changed_is_told(host):
    host.environment("/opt/conda", BASE)
    host.write("/opt/conda/lib/python3.13/site-packages/conda-4.3.16.dist-info/INSTALLER", "pip\n")
    found = only(look(host)["installations"])
    assert found["version"] == "26.7.1"
    assert found["notes"] == ["the record says conda 26.7.1, but site-packages holds 4.3.16"]


def test_a_conda_inside_an_environment_is_secondary(host):
    host.environment("/opt/conda", BASE)
    host.environment("/opt/conda/envs/build", ("conda-25.5.1-0",))
    found = look(host)["installations"]
    assert [(item["prefix"], item["secondary"]) for item in found] == [
        ("/opt/conda", False),
        ("/opt/conda/envs/build", True),
    ]


@pytest.mark.parametrize(
    "version, name",
    [
        ("4.3.16", "classic"),
        ("22.11.1", "classic"),
        ("23.9.0", "classic"),
        ("23.10.0", "libmamba"),
        ("26.9.4", "libmamba"),
        ("26.10.0", "rattler"),
        (None, None),
        ("!", None),
    ],
)
def test_the_default_solver(version, name):
    assert default_solver(version)[0] == name


def test_the_solver_in_force_and_the_file_that_says_so(host):
    home = host.user("alice", 1001)
    host.environment("/opt/conda", BASE)
    host.write(home + "/.condarc", "solver: classic\n")
    result = look(host)
    assert only(result["installations"])["solver"] == {
        "name": "libmamba",
        "version": "26.6.0",
        "source": "default since conda 23.10",
        "available": True,
    }
    alice = only([item for item in result["configurations"] if item["user"] == "alice"])
    assert alice["solver"]["name"] == "classic" and alice["solver"]["source"] == home + "/.condarc"


def test_a_solver_without_its_package_is_not_available(host):
    host.environment("/opt/conda", ("conda-24.1.0-0",))
    solver = only(look(host)["installations"])["solver"]
    assert (solver["name"], solver["available"]) == ("libmamba", False)


def test_a_locked_setting_of_the_system_wins_and_is_marked(host):
    home = host.user("alice", 1001)
    host.environment("/opt/conda", BASE)
    host.write("/etc/conda/condarc", "channels: #!final\n  - conda-forge\n")
    host.write(home + "/.condarc", "channels:\n  - https://conda.anaconda.org/t/tk-secret/private\n")
    result = look(host)
    for item in result["configurations"]:
        assert item["settings"]["channels"]["value"] == ["conda-forge"]
        assert item["settings"]["channels"]["final"] is True
    assert "tk-secret" not in json.dumps(result)


def test_a_token_is_masked_wherever_it_stands(host):
    home = host.user("alice", 1001)
    secret = "https://alice:hunter2@host/t/tk-hunter2/ch"
    host.environment(
        "/opt/conda",
        BASE,
        history="==> 1 <==\n# cmd: conda install -c %s x\n# update specs: ['%s::conda']\n" % (secret, secret),
    )
    host.write(home + "/.condarc", "channels: [%s]\nproxy_servers:\n  http: http://u:hunter2@proxy\n" % secret)
    host.write("/opt/conda/conda-meta/pinned", "%s::numpy\n" % secret)
    host.write(
        "/opt/conda/conda-meta/a-1-0.json",
        json.dumps(
            {"name": "a", "version": "1", "build": "0", "url": secret + "/noarch/a-1-0.conda", "channel": secret}
        ),
    )
    result = look(host, gather=["records"])
    assert "hunter2" not in json.dumps(result)
    assert "tk-hunter2" not in json.dumps(result)


def test_the_package_caches(host):
    home = host.user("alice", 1001)
    host.environment("/opt/conda", BASE)
    for path in ("/opt/conda/pkgs", home + "/.conda/pkgs", "/shared/pkgs"):
        host.write(path + "/urls.txt")
    host.write(home + "/.condarc", "pkgs_dirs:\n  - /shared/pkgs\n")
    result = look(host, gather=["sizes"])
    assert [cache["path"] for cache in result["package_caches"]] == [
        home + "/.conda/pkgs",
        "/opt/conda/pkgs",
        "/shared/pkgs",
    ]
    shared = result["package_caches"][2]
    assert shared["used_by"] == [{"installation": "/opt/conda", "user": "alice"}]
    assert shared["size"]["inodes"] == 1 and shared["size"]["complete"]


def test_sizes_count_hard_links_once_and_tell_what_is_shared(host):
    host.environment("/opt/conda", ("conda-26.7.1-0",))
    host.write("/opt/conda/pkgs/a/lib", b"x" * 100000)
    os.makedirs(host.path("/opt/conda/envs/e/conda-meta"))
    os.link(host.path("/opt/conda/pkgs/a/lib"), host.path("/opt/conda/envs/e/lib"))
    host.write("/opt/conda/envs/e/own", b"y" * 50000)
    result = look(host, gather=["sizes"])
    environment = only([item for item in result["environments"] if item["prefix"].endswith("/e")])
    assert environment["size"]["bytes"] - environment["size"]["own_bytes"] == 102400
    base = only([item for item in result["environments"] if item["base"]])
    assert base["size"]["bytes"] == base["size"]["own_bytes"], "all links of the file lie within the base prefix"


def test_last_use_is_the_access_time_of_its_python(host):
    host.environment("/opt/e")
    host.write("/opt/e/bin/python3.12", "")
    os.utime(host.path("/opt/e/bin/python3.12"), (4000000000, 0))
    use = only(look(host, gather=["last_use"])["environments"])["last_use"]
    told = {"time": "2096-10-02T07:06:40Z", "evidence": "/opt/e/bin/python3.12 was read"}
    assert use == dict(told, known=True, running=False)
    os.utime(host.path("/opt/e/bin/python3.12"), (1, 0))
    use = only(look(host, gather=["last_use"])["environments"])["last_use"]
    assert use["evidence"].startswith("its packages were changed") and use["known"]
    os.link(host.path("/opt/e/bin/python3.12"), host.path("/opt/linked"))
    use = only(look(host, gather=["last_use"])["environments"])["last_use"]
    assert use["evidence"].startswith("its packages were changed") and not use["known"]


def test_nothing_asked_for_more_costs_nothing_more(host):
    host.environment("/opt/conda", BASE)
    environment = only(look(host)["environments"])
    assert not {"records", "size", "last_use"} & set(environment)


def test_who_may_write_to_an_installation(host):
    host.environment("/opt/conda", BASE)
    os.chmod(host.path("/opt/conda/conda-meta"), 0o777)
    assert only(look(host)["installations"])["writers"]["everybody"] is True
    os.chmod(host.path("/opt/conda/conda-meta"), 0o755)
    os.chmod(host.path("/opt"), 0o777)
    assert only(look(host)["installations"])["writers"]["everybody"] is True, "its parent lets it be exchanged"
    os.chmod(host.path("/opt"), 0o1777)
    assert only(look(host)["installations"])["writers"]["everybody"] is False, "the sticky bit forbids that"


def test_who_may_write_into_its_programs_may_write_to_an_installation(host):
    host.environment("/opt/conda", BASE)
    program = host.path("/opt/conda/bin/conda")
    if not os.path.exists(program):
        host.write("/opt/conda/bin/conda", "#!/bin/sh")
    os.chmod(program, 0o777)
    assert only(look(host)["installations"])["writers"]["everybody"] is True
    os.chmod(program, 0o755)
    assert only(look(host)["installations"])["writers"]["everybody"] is False


def test_the_owner_of_a_sticky_directory_can_exchange_what_others_have_put_there(host, as_root):
    host.environment("/opt/conda", BASE)
    os.chown(host.path("/opt"), 54321, 54321)
    os.chmod(host.path("/opt"), 0o1755)
    assert only(look(host)["installations"])["writers"]["users"] == ["54321"]


def test_owners_who_have_gone_are_numbers(host, as_root):
    host.environment("/home/gone/miniconda3", BASE)
    os.chown(host.path("/home/gone/miniconda3"), 54321, 54321)
    found = only(look(host)["installations"])
    assert (found["owner"], found["group"]) == ("54321", "54321")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"root": "/nowhere"}, "cannot be looked at: no such file or directory"),
        ({"root": ""}, "root: '' is no absolute path"),
        ({"root": "srv/x"}, "no absolute path"),
        ({"root": "/x\0"}, "zero byte"),
        ({"time_limit": float("inf")}, "at most 86400"),
        ({"search_paths": ["groups"]}, "no absolute path"),
        ({"exclude": ["../x"]}, "no absolute path"),
        ({"depth": -1}, "between 0 and 50"),
        ({"time_limit": 0}, "more than 0"),
    ],
)
def test_bad_options_are_one_clear_sentence(options, message):
    with pytest.raises(ScanError, match=message):
        scan(Options(**options))


def test_other_systems_are_refused(monkeypatch):
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(ScanError, match="Linux and macOS hosts only; this host is win32"):
        scan(Options())


@pytest.mark.parametrize(
    "command, base",
    [
        ("/opt/conda/bin/conda create -n x", "/opt/conda"),
        ("/opt/conda/condabin/conda create", "/opt/conda"),
        ("/opt/conda/bin/conda-env create -f e.yml", "/opt/conda"),
        ("/opt/conda/lib/python3.12/site-packages/conda/__main__.py create", "/opt/conda"),
        ("/usr/bin/conda create", None),
        ("conda create", None),
        ("micromamba create -n x", None),
        ("", None),
        (None, None),
    ],
)
def test_the_base_in_a_command(command, base):
    assert base_of_command(command) == base


def test_texts_are_read_in_linear_time():
    hostile = b"/" * 500000 + b"\n" + b"'/a/bin/conda" * 50000 + b"\n" + b"CONDA_ROOT=" * 20000
    mentions(hostile)
    mentions(b"\n".join([b"/a" * 4000] * 100))


def test_comments_and_overlong_lines_name_nothing():
    assert mentions(b"# /opt/x/bin/conda\n") == set()


def test_a_home_link_with_a_known_name_is_followed(host):
    home = host.user("alice", 1001)
    host.environment("/nfs/alice/miniconda3", BASE)
    host.link(home + "/miniconda3", "/nfs/alice/miniconda3")
    assert only(look(host)["installations"])["prefix"] == "/nfs/alice/miniconda3"


def test_an_environment_behind_a_link_has_its_name_and_its_installation(host):
    home = host.user("alice", 1001)
    host.environment("/opt/conda", BASE)
    host.environment("/scratch/alice/tr")
    host.link(home + "/.conda/envs/train", "/scratch/alice/tr")
    host.write("/etc/conda/condarc", "envs_dirs: [/lab/envs]\n")
    host.link("/lab", "/mnt/lab")
    host.environment("/mnt/lab/envs/e1")
    host.write(home + "/.condarc", "{}\n")
    found = {item["prefix"]: item for item in look(host)["environments"]}
    assert (found["/mnt/lab/envs/e1"]["name"], found["/mnt/lab/envs/e1"]["installation"]) == ("e1", "/opt/conda")


def test_an_envs_directory_that_no_conda_knows_gives_no_name(host):
    home = host.user("alice", 1001)
    host.write(home + "/.conda/environments.txt", home + "/project/envs/x\n")
    host.environment(home + "/project/envs/x")
    assert only(look(host)["environments"])["name"] is None


def test_a_conda_without_a_record_is_a_conda(host):
    host.environment("/opt/conda", ("python-3.12.1-0",))
    host.write("/opt/conda/lib/python3.12/site-packages/conda-24.1.0.dist-info/INSTALLER", "pip\n")
    found = only(look(host)["installations"])
    assert (found["kind"], found["version"], found["version_source"]) == ("conda", "24.1.0", "dist-info")
    assert "not installed by conda" in found["notes"][0]


def test_an_environment_in_a_known_place_is_no_micromamba(host):
    host.environment("/opt/conda", ("python-3.12.1-0",))
    assert look(host)["installations"] == []


def test_a_root_prefix_that_a_start_file_names_is_a_micromamba(host):
    home = host.user("alice", 1001)
    host.write(home + "/.bashrc", "export MAMBA_ROOT_PREFIX='/data/mm';\n")
    host.environment("/data/mm/envs/x")
    found = only(look(host)["installations"])
    assert (found["kind"], found["prefix"]) == ("micromamba", "/data/mm")
    assert found["found_by"] == ["named in /home/alice/.bashrc"]


def test_the_files_of_a_mamba_beside_a_conda_are_read_too(host):
    home = host.user("alice", 1001)
    host.environment("/opt/conda", BASE + ("mamba-2.8.1-0",))
    host.write(home + "/.mambarc", "envs_dirs: [/fast/mamba]\n")
    host.environment("/fast/mamba/x")
    assert "/fast/mamba/x" in prefixes(look(host))


def test_a_program_below_a_search_path_is_found(host):
    host.write("/groups/tools/micromamba", b"\x7fELF")
    assert only(look(host, search_paths=["/groups"])["installations"])["program"] == "/groups/tools/micromamba"


def test_a_home_whose_path_begins_like_a_kernel_file_system_is_looked_at(host):
    host.user("al", 1001, "/devel/al")
    host.environment("/devel/al/miniconda3", BASE)
    assert prefixes(look(host)) == ["/devel/al/miniconda3"]


def test_a_missing_home_of_a_named_user_is_told(host):
    host.user("al", 1001)
    os.rmdir(host.path("/home/al"))
    assert "does not exist" in only(look(host, users=["al"])["unreadable"])["reason"]
