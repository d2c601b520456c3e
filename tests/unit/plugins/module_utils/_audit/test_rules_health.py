# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules on the base prefix and on the health of environments, on written trees with real files and real damage."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _rules_health, _rules_hygiene
from ansible_collections.labfleet.conda.plugins.module_utils._audit._consistency import Consistency
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history_replay import replay
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import Record

RULES = (*_rules_hygiene.RULES, *_rules_health.RULES)
SITE = "lib/python3.12/site-packages"
FORGE = "https://conda.anaconda.org/conda-forge/linux-64"


class Prefix:
    """An environment with real files, and records as conda writes them."""

    def __init__(self, host, path="/opt/conda/envs/work"):
        self.host = host
        self.path = path
        self.dists = []
        os.makedirs(host.path(path + "/conda-meta"), exist_ok=True)

    def package(
        self, name, version="1.0", build="0", *, files=(), depends=(), constrains=(), subdir="linux-64", sums=True
    ):
        paths = []
        for file in files:
            content = ("%s %s\n" % (name, file)).encode()
            self.host.write("%s/%s" % (self.path, file), content)
            checksum = hashlib.sha256(content).hexdigest()
            paths.append({"_path": file, "path_type": "hardlink", "sha256": checksum, "sha256_in_prefix": checksum,
                          "size_in_bytes": len(content)})  # fmt: skip
        record = {
            "build": build,
            "build_number": 0,
            "channel": FORGE,
            "constrains": list(constrains),
            "depends": list(depends),
            "files": list(files),
            "fn": "%s-%s-%s.conda" % (name, version, build),
            "name": name,
            "paths_data": {"paths": paths if sums else [], "paths_version": 1},
            "subdir": subdir,
            "url": "%s/%s-%s-%s.conda" % (FORGE, name, version, build),
            "version": version,
        }
        dist = "%s-%s-%s" % (name, version, build)
        self.host.write("%s/conda-meta/%s.json" % (self.path, dist), json.dumps(record, indent=2, sort_keys=True))
        self.dists.append(dist)
        return self

    def history(self, text=None):
        lines = ["==> 2026-01-01 10:00:00 <==", "# cmd: conda create"]
        lines += ["+conda-forge/linux-64::" + dist for dist in self.dists]
        self.host.write(self.path + "/conda-meta/history", "\n".join(lines) + "\n" if text is None else text)
        return self


@pytest.fixture
def prefix(host):
    """An environment with Python 3.13 and nothing else."""
    return Prefix(host).package("python", "3.13.1", "h1_cp313", files=["bin/python3.13", "lib/libpython3.13.so"])


@pytest.fixture
def found(host, findings):
    """The findings of these rules, by rule."""

    def run(**options):
        options.setdefault("search_paths", ("/opt/conda/envs",))
        result = {}
        for item in findings(host, RULES, **options):
            result.setdefault(item["rule"], []).append(item)
        return result

    return run


def test_a_healthy_environment_has_no_findings(prefix, found):
    prefix.package(
        "numpy", "2.3.0", "py313_0", files=[SITE + "/numpy/__init__.py"], depends=["python >=3.11,<3.14.0a0"]
    )
    prefix.history()
    assert found(integrity="hashes") == {}


def test_missing_files_are_one_finding_with_their_number_and_names(prefix, found):
    prefix.package("a", files=["lib/a%d.txt" % number for number in range(20)])
    prefix.package("b", files=["share/b.txt", "share/b.pyc"]).history()
    for path in ["lib/a%d.txt" % number for number in range(7)] + ["share/b.txt", "share/b.pyc"]:
        os.unlink(prefix.host.path("%s/%s" % (prefix.path, path)))
    (item,) = found()["env.missing_files"]
    assert item["evidence"].startswith("8 files of 2 packages are missing, of a, b: lib/a0.txt")
    assert item["details"]["packages"] == ["a", "b"] and len(item["details"]["files"]) == 8
    assert "env.missing_files" not in found(integrity="none")


def test_a_link_to_nothing_is_missing_and_one_to_something_is_not(prefix, found):
    prefix.package("a", files=["lib/real.so.1", "lib/libreal.so", "lib/libgone.so"]).history()
    for name, target in (("libreal.so", "real.so.1"), ("libgone.so", "gone.so.1")):
        os.unlink(prefix.host.path(prefix.path + "/lib/" + name))
        os.symlink(target, prefix.host.path(prefix.path + "/lib/" + name))
    (item,) = found()["env.missing_files"]
    assert item["details"]["files"] == ["lib/libgone.so"]


def test_records_of_two_environments_with_the_same_content_are_judged_apart(host, found):
    for name in ("one", "two"):
        Prefix(host, "/opt/conda/envs/" + name).package("a", files=["lib/a.txt"]).history()
    os.unlink(host.path("/opt/conda/envs/two/lib/a.txt"))
    (item,) = found()["env.missing_files"]
    assert item["subject"] == "/opt/conda/envs/two"


def test_altered_files_are_those_whose_sum_differs(prefix, found):
    prefix.package("a", files=["lib/a.txt", "lib/b.txt", "share/c.pyc"]).history()
    for name in ("lib/b.txt", "share/c.pyc"):
        prefix.host.write("%s/%s" % (prefix.path, name), "edited")
    os.unlink(prefix.host.path(prefix.path + "/lib/a.txt"))
    result = found(integrity="hashes")
    (item,) = result["env.altered_files"]
    assert item["details"]["files"] == ["lib/b.txt"] and item["severity"] == "medium"
    assert result["env.missing_files"][0]["details"]["files"] == ["lib/a.txt"]
    assert "env.altered_files" not in found(integrity="files")


def test_an_altered_program_in_a_prefix_of_root_is_high(as_root, prefix, found):
    prefix.history()
    prefix.host.write(prefix.path + "/bin/python3.13", "evil")
    (item,) = found(integrity="hashes")["env.altered_files"]
    assert item["severity"] == "high"


def test_random_damage_is_told_exactly_as_sha256sum_tells_it(host, found):
    """Files are removed, edited, replaced by links and directories; coreutils is the truth for what is altered."""
    random.seed(7)
    prefix = Prefix(host)
    files = ["%s/d%d/f%d" % (top, number % 7, number) for top in ("lib", "bin", "share/x") for number in range(60)]
    prefix.package("big", files=files).history()
    top = host.path(prefix.path)
    with open("%s/conda-meta/big-1.0-0.json" % top, encoding="utf-8") as stream:
        paths = json.load(stream)["paths_data"]["paths"]
    sums = "".join("%s  %s\n" % (item["sha256_in_prefix"], item["_path"]) for item in paths)
    for name in random.sample(files, 90):
        action = random.choice(("remove", "edit", "append", "link", "dangle", "touch"))
        full = "%s/%s" % (top, name)
        if action in ("remove", "link", "dangle"):
            os.unlink(full)
        if action == "link":
            os.symlink(os.path.basename(random.choice(files)), full)
        elif action == "dangle":
            os.symlink("nowhere", full)
        elif action in ("edit", "append"):
            with open(full, "ab" if action == "append" else "wb") as stream:
                stream.write(b"other")
    told = subprocess.run(
        ["sha256sum", "-c", "-"], input=sums, cwd=top, capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout.splitlines()  # fmt: skip
    altered = sorted(line[: -len(": FAILED")] for line in told if line.endswith(": FAILED"))
    missing = sorted(name for name in files if not os.path.exists("%s/%s" % (top, name)))
    result = found(integrity="hashes")
    assert altered and missing
    assert result["env.altered_files"][0]["details"]["files"] == altered
    assert result["env.missing_files"][0]["details"]["files"] == missing


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/passwd", "..", "", "a//b", "lib/../../x", "x\udcff", "a\x00b"]
)
def test_a_record_that_names_files_outside_reads_none_of_them(prefix, run_audit, name):
    prefix.history()
    paths = [{"_path": name, "path_type": "hardlink", "sha256_in_prefix": "0" * 64}]
    record = {"name": "evil", "version": "1", "build": "0", "files": [name, "lib/libpython3.13.so"]}
    record["paths_data"] = {"paths_version": 1, "paths": paths}
    prefix.host.write(prefix.path + "/conda-meta/evil-1-0.json", json.dumps(record))
    auditing = run_audit(prefix.host, RULES, integrity="hashes", search_paths=("/opt/conda/envs",))
    assert not auditing.judgement.unjudged
    altered = [item for item in auditing.judgement.findings if item["rule"] == "env.altered_files"]
    assert altered == []


def test_special_files_in_place_of_packages_files_are_unknown_and_block_nothing(prefix, run_audit):
    prefix.package("a", files=["lib/a.txt", "lib/b.txt"]).history()
    os.unlink(prefix.host.path(prefix.path + "/lib/a.txt"))
    os.mkfifo(prefix.host.path(prefix.path + "/lib/a.txt"))
    auditing = run_audit(prefix.host, RULES, integrity="hashes", search_paths=("/opt/conda/envs",))
    assert [item["rule"] for item in auditing.judgement.findings] == []
    assert [entry["path"] for entry in auditing.look.report.entries] == [prefix.path + "/lib/a.txt"]


def test_a_link_out_of_the_environment_is_not_read(prefix, run_audit):
    prefix.package("a", files=["lib/a.txt"]).history()
    os.unlink(prefix.host.path(prefix.path + "/lib/a.txt"))
    prefix.host.write("/etc/shadow", "secret")
    os.symlink("/etc/shadow", prefix.host.path(prefix.path + "/lib/a.txt"))
    auditing = run_audit(prefix.host, RULES, integrity="hashes", search_paths=("/opt/conda/envs",))
    assert [item["rule"] for item in auditing.judgement.findings] == []
    assert "a link out of the environment" in auditing.look.report.entries[0]["reason"]


def test_dependencies_that_are_missing_or_do_not_fit(prefix, found):
    prefix.package("numpy", "1.26.4", depends=["libblas >=3.9", "python >=3.9,<3.13.0a0", "__glibc >=2.17"])
    prefix.package("pandas", "2.0", constrains=["numpy >=2", "absent <1"]).history()
    (item,) = found()["env.missing_dep"]
    assert item["details"]["missing"] == [{"package": "numpy 1.26.4", "spec": "libblas >=3.9", "installed": None}]
    assert [(lack["package"], lack["spec"]) for lack in item["details"]["inconsistent"]] == [
        ("numpy 1.26.4", "python >=3.9,<3.13.0a0"),
        ("pandas 2.0", "numpy >=2"),
    ]


def test_a_package_for_another_system_is_a_missing_dependency(prefix, found):
    prefix.package("wintool", depends=["__win"], subdir="noarch").package("unixtool", depends=["__unix"]).history()
    (item,) = found()["env.missing_dep"]
    assert [lack["package"] for lack in item["details"]["missing"]] == ["wintool 1.0"]


def test_a_dependency_that_is_no_match_spec_is_unknown_and_the_rest_is_judged(prefix, run_audit):
    prefix.package("a", depends=["python >>>", "gone"]).history()
    auditing = run_audit(prefix.host, RULES, search_paths=("/opt/conda/envs",))
    (item,) = auditing.judgement.findings
    assert item["details"]["missing"][0]["spec"] == "gone"
    assert "could not be judged" in auditing.look.report.entries[0]["reason"]


def record(name, version, *, build="0", depends=(), constrains=(), subdir="linux-64"):
    return Record(name, version, build, 0, None, subdir, None, frozenset(), tuple(depends), tuple(constrains))


def test_consistency_judges_the_build_too():
    records = [record("a", "1", depends=["b 2.* *_cp312"]), record("b", "2.1", build="0_cp311")]
    lacks, unjudged = Consistency().lacks(records)
    assert [lack.installed for lack in lacks] == ["b 2.1 0_cp311"] and unjudged == []


def test_consistency_judges_a_record_that_environments_share_in_each_of_them():
    shared, consistency = record("a", "1", depends=["b >=2"], constrains=["c <1"]), Consistency()
    old, new, other = record("b", "1"), record("b", "2"), record("c", "3")
    for _round in range(2):
        assert consistency.lacks([shared, new]) == ([], [])
        assert [lack.installed for lack in consistency.lacks([shared, old])[0]] == ["b 1 0"]
        assert [lack.installed for lack in consistency.lacks([shared])[0]] == [None]
        assert consistency.lacks([shared], ["a", "b"]) == ([], ["b >=2"]), "its record could not be read"
        assert [lack.installed for lack in consistency.lacks([shared, new, other])[0]] == ["c 3 0"]


def test_consistency_tells_platforms_apart():
    shared, consistency = record("a", "1", depends=["__osx"], subdir="noarch"), Consistency()
    assert len(consistency.lacks([shared, record("b", "1")])[0]) == 1
    assert consistency.lacks([shared, record("b", "1", subdir="osx-arm64")]) == ([], [])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("==> t <==\n+c/linux-64::a-1-0\n+c::b-2-0\n==> t <==\n-c::a-1-0\n+c::a-2-0\n", {"a-2-0", "b-2-0"}),
        ("==> t <==\na-1-0\nb-2-0\n==> t <==\na-1-0\n", {"a-1-0"}),
        ("==> t <==\n+file:///x/linux-64::a-1-0\n", {"a-1-0"}),
        ("==> t <==\n+a-1-0.tar.bz2\n", {"a-1-0"}),
        ("==> t <==\n# cmd: x\n", None),
        ("", None),
        ("\x00\xff", {"\x00\udcc3\udcbf"}),
    ],
)
def test_a_history_is_replayed(text, expected):
    found = replay(text.encode())
    if expected is None:
        assert found is None
    elif text.startswith("\x00"):
        assert found is not None
    else:
        assert found.by_conda == found.by_others == expected


def test_a_section_without_packages_is_read_both_ways():
    found = replay(b"==> t <==\n+a-1-0\n==> t <==\n# cmd: x\n==> t <==\n+b-1-0\n-c-1-0\n")
    assert found.by_conda == {"b-1-0"} and found.by_others == {"a-1-0", "b-1-0"}


def test_each_sign_of_a_history_counts_once():
    found = replay(b"==> t <==\n+-a-1-0\n+ b-1-0\nc-1-0\n")
    assert found.by_others == {"-a-1-0", "b-1-0"}


def test_history_drift_and_requests_that_are_gone(prefix, found):
    prefix.package("a").package("b").history(
        "==> 2026-01-01 10:00:00 <==\n# update specs: ['python', 'scipy']\n"
        "+c::python-3.13.1-h1_cp313\n+c::a-1.0-0\n+c::d-1-0\n"
    )
    items = {item["item"]: item["evidence"] for item in found()["env.history_drift"]}
    assert "not in it: b-1.0-0" in items["packages"] and "not installed: d-1-0" in items["packages"]
    assert "scipy" in items["requested"]


def test_an_empty_history_says_nothing_and_a_lost_one_is_high(prefix, found):
    prefix.history("")
    assert found() == {}
    os.unlink(prefix.host.path(prefix.path + "/conda-meta/history"))
    (item,) = found()["env.suspect"]
    assert item["severity"] == "high" and "1 records, but no history" in item["evidence"]


def test_signs_of_an_interrupted_change(prefix, found):
    prefix.package("six", "1.16").package("six", "1.17").history()
    prefix.host.write(prefix.path + "/bin/conda.c~", "")
    prefix.host.write(prefix.path + "/conda-meta/conda-26.7.0-0.json.c~", "{}")
    prefix.host.write(prefix.path + "/.condatmp/x", "")
    (item,) = found()["env.interrupted"]
    for sign in ("bin/conda.c~", "conda-meta/conda-26.7.0-0.json.c~", ".condatmp", "two records of six"):
        assert sign in item["evidence"]


def test_files_that_conda_left_without_a_record(host, found):
    prefix = Prefix(host).package("python", "3.12.1", "h1_cp312").history()
    info = "%s/%s/left-1.0.dist-info/" % (prefix.path, SITE)
    host.write(info + "METADATA", "Name: left\nVersion: 1.0\n")
    host.write(info + "INSTALLER", "conda\n")
    (item,) = found()["env.interrupted"]
    assert "left 1.0" in item["evidence"]


def test_downloads_that_were_cut_short(host, found):
    host.environment("/opt/conda", ["conda-26.9.4-py313_0"])
    host.write("/opt/conda/pkgs/numpy-2.conda.partial", "x")
    (item,) = found()["env.interrupted.cache"]
    assert item["subject"] == "/opt/conda/pkgs" and "numpy-2.conda.partial" in item["evidence"]


def test_pins_that_are_no_match_specs(prefix, found):
    prefix.history()
    prefix.host.write(prefix.path + "/conda-meta/pinned", "numpy 1.26.*\n# a comment\nscipy >>1\n")
    (item,) = found()["env.pinned.bad"]
    assert item["item"] == "scipy >>1" and item["path"].endswith("conda-meta/pinned")


@pytest.mark.parametrize(
    "version, today, severity",
    [
        ("3.13.1", "2026-11-22", None),
        ("3.10.14", "2026-10-31", None),
        ("3.10.14", "2026-11-01", "medium"),
        ("3.9.18", "2026-11-22", "high"),
        ("2.7.18", "2026-11-22", "high"),
        ("3.16.0", "2026-11-22", None),
    ],
)
def test_a_python_without_security_fixes(host, found, version, today, severity):
    Prefix(host).package("python", version, "h1").history()
    items = found(today=today).get("env.python_eol", [])
    assert [item["severity"] for item in items] == ([severity] if severity else [])


def test_the_policy_sets_the_lowest_python(prefix, found):
    prefix.history()
    policy = {"values": {"environments": {"python_minimum": "3.14"}}, "layers": {"environments.python_minimum": "base"}}
    (item,) = found(policy=policy)["env.python_minimum"]
    assert item["layer"] == "base" and "3.14" in item["evidence"]
    assert "env.python_minimum" not in found()


@pytest.fixture
def base(host):
    """A base prefix as Miniforge makes it."""
    prefix = Prefix(host, "/opt/conda")
    prefix.package("python", "3.12.8", "h1_cp312", files=["bin/python3.12"])
    info = SITE + "/conda-26.9.4.dist-info/METADATA"
    prefix.package("conda", "26.9.4", "py312_0", files=["bin/conda", info])
    return prefix


def test_a_base_with_only_the_tool_chain_is_clean(base, found):
    base.history(
        "==> t <==\n# update specs: ['conda', 'python=3.12', 'mamba', 'pip']\n"
        "+c::python-3.12.8-h1_cp312\n+c::conda-26.9.4-py312_0\n"
    )
    assert "base.polluted" not in found()


def test_packages_asked_for_in_base(base, found):
    base.package("numpy").package("scipy").package("site-tool")
    specs = "==> t <==\n# update specs: ['conda', 'numpy=1.0', 'scipy', 'site-tool', 'gone']\n"
    base.history(specs + "".join("+c::%s\n" % dist for dist in base.dists))
    (item,) = found(policy={"base": {"packages": ["site-tool"]}})["base.polluted"]
    assert item["details"]["packages"] == ["numpy", "scipy"]


def test_what_the_installer_put_there_is_no_pollution(base, found):
    base.package("numpy")
    base.history("==> t <==\n# update specs: ['numpy']\n" + "".join("+c::%s\n" % dist for dist in base.dists))
    base.host.write("/opt/conda/conda-meta/initial-state.explicit.txt", "@EXPLICIT\n%s/numpy-1.0-0.conda#abc\n" % FORGE)
    assert "base.polluted" not in found()


def test_pip_over_conda_in_base_and_elsewhere(host, base, found):
    for prefix in (base, Prefix(host).package("python", "3.12.8", "h1_cp312")):
        prefix.package("requests", "2.31.0", files=[SITE + "/requests-2.31.0.dist-info/METADATA"])
        prefix.history()
        os.unlink(host.path("%s/%s/requests-2.31.0.dist-info/METADATA" % (prefix.path, SITE)))
        os.rmdir(host.path("%s/%s/requests-2.31.0.dist-info" % (prefix.path, SITE)))
        for name in ("requests-2.32.3", "wandb-0.19"):
            host.write("%s/%s/%s.dist-info/INSTALLER" % (prefix.path, SITE, name), "pip\n")
    result = found()
    assert [item["subject"] for item in result["base.pip_over_conda"]] == ["/opt/conda"]
    assert [item["subject"] for item in result["env.pip_over_conda"]] == ["/opt/conda/envs/work"]
    assert result["env.pip_over_conda"][0]["details"]["packages"] == ["requests 2.32.3 over requests 2.31.0 of conda"]


def test_conda_that_pip_installed_or_replaced(host, base, found):
    base.history()
    assert "base.conda_by_pip" not in found()
    os.rename(
        host.path("/opt/conda/%s/conda-26.9.4.dist-info" % SITE),
        host.path("/opt/conda/%s/conda-4.3.16.dist-info" % SITE),
    )
    host.write("/opt/conda/%s/conda-4.3.16.dist-info/INSTALLER" % SITE, "pip\n")
    (item,) = found()["base.conda_by_pip"]
    assert "record says conda 26.9.4" in item["evidence"] and "4.3.16" in item["evidence"]


def test_a_dependency_of_conda_asked_for_by_name_is_no_pollution(base, found):
    base.package("conda", "26.9.4", "py312_0", depends=["requests >=2.28"])
    base.package("requests", depends=["urllib3"]).package("urllib3").package("numpy")
    specs = "==> t <==\n# update specs: ['requests', 'urllib3', 'numpy']\n"
    base.history(specs + "".join("+c::%s\n" % dist for dist in base.dists))
    (item,) = found()["base.polluted"]
    assert item["details"]["packages"] == ["numpy"]


def test_a_section_without_packages_means_what_conda_takes_it_for(prefix, found):
    """conda lists everything as added after such a section; what went meanwhile is in no line (conda/history.py)."""
    (python,) = prefix.dists
    first = "==> t <==\n+c::%s\n+c::gone-1.0-0\n" % python
    assert "env.history_drift" in (prefix.history(first) and found())
    prefix.history(first + "==> t <==\n# cmd: conda\n==> t <==\n+c::%s\n" % python)
    assert "env.history_drift" not in found()
    prefix.history("==> t <==\n+c::%s\n==> t <==\n# cmd: mamba\n" % python)
    assert "env.history_drift" not in found()


def test_records_without_sums_are_unknown_and_not_unaltered(prefix, run_audit):
    prefix.package("old", files=["lib/old"], sums=False).package("meta").history()
    auditing = run_audit(prefix.host, RULES, search_paths=("/opt/conda/envs",), integrity="hashes")
    (entry,) = auditing.look.report.entries
    assert entry["path"] == prefix.path and "the records of 1 packages hold no sums" in entry["reason"]


def test_nobody_can_take_all_the_time_with_one_huge_file(as_root, host, prefix, run_audit):
    prefix.package("other", files=["lib/o"]).history()
    theirs = Prefix(host, "/opt/conda/envs/a").package("huge", files=["lib/huge"]).history()
    record = host.path(theirs.path + "/conda-meta/huge-1.0-0.json")
    with open(record) as stream:
        text = stream.read().replace("size_in_bytes", "unknown_key")
    host.write(theirs.path + "/conda-meta/huge-1.0-0.json", text)
    with open(host.path(theirs.path + "/lib/huge"), "wb") as stream:
        stream.truncate(1 << 40)
    os.chown(host.path(theirs.path), 1000, 1000)
    host.write(prefix.path + "/lib/o", "altered")
    auditing = run_audit(host, RULES, search_paths=("/opt/conda/envs",), integrity="hashes", time_limit=10.0)
    assert [item["subject"] for item in auditing.judgement.findings if item["rule"] == "env.altered_files"] == [
        prefix.path
    ]
    assert auditing.look.complete and "next to none are on the disk" in str(auditing.look.report.entries)
