# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done to an environment is decided from made up files, and no program can be started meanwhile."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml

from ansible_collections.labfleet.conda.plugins.module_utils._change._env_change import EnvWanted, explicit_text
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_export import Around, export
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_marks import (
    MarksWanted,
    apply_marks,
    mark_changes,
    read_marks,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._env_work import channels_of
from ansible_collections.labfleet.conda.plugins.module_utils._change._errors import Refused
from ansible_collections.labfleet.conda.plugins.module_utils._change._packages import read_names, read_packages
from ansible_collections.labfleet.conda.plugins.module_utils._change._registry import register, unregister
from ansible_collections.labfleet.conda.plugins.module_utils._spec._read_request import read_request
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import Request
from ansible_collections.labfleet.conda.plugins.module_utils._system._new_prefix import (
    Taken,
    clear_hidden,
    make_prefix,
    scratch_folder,
    take_away,
)

FORGE = "https://conda.anaconda.org/conda-forge"
MD5 = "0a" * 16


def add(prefix, name, version, build="0", depends=(), subdir="linux-64", files=()):
    content = {
        "name": name, "version": version, "build": build, "build_number": 0, "channel": f"{FORGE}/{subdir}",
        "subdir": subdir, "url": f"{FORGE}/{subdir}/{name}-{version}-{build}.conda", "md5": MD5,
        "depends": list(depends), "files": list(files),
    }  # fmt: skip
    (prefix / "conda-meta" / f"{name}-{version}-{build}.json").write_text(json.dumps(content, indent=2))


def add_pip(prefix, name, version, needs=(), url=None):
    folder = prefix / "lib/python3.12/site-packages" / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "INSTALLER").write_text("pip\n")
    (folder / "METADATA").write_text("".join(f"Requires-Dist: {text}\n" for text in needs) + "\ntext\n")
    if url:
        (folder / "direct_url.json").write_text(json.dumps({"url": url}))


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """An environment with numpy, what it needs, something else, and packages of pip."""

    def started(*arguments, **options):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    path = tmp_path / "envs" / "x"
    (path / "conda-meta").mkdir(parents=True)
    history = "==> 2026-11-26 11:00:00 <==\n# cmd: conda create\n# update specs: ['python=3.12', 'numpy']\n"
    (path / "conda-meta/history").write_text(history)
    add(path, "python", "3.12.3", "h0_cpython", ["openssl >=3", "__glibc >=2.17"])
    add(path, "openssl", "3.3.0", "h1_0")
    add(path, "pip", "24.0", "py_0", ["python >=3.9", "wheel"], "noarch")
    add(path, "wheel", "0.43.0", "py_0", (), "noarch")
    add(path, "numpy", "1.26.4", "py312h0_0", ["libblas >=3.9,<4.0a0", "python >=3.12,<3.13.0a0"])
    add(path, "libblas", "3.9.0", "1_openblas")
    add(path, "tree", "2.1", "h0_0")
    add_pip(path, "torch", "2.5.1", ["filelock", "sympy (>=1.13) ; python_version >= '3.9'", "opt ; extra == 'all'"])
    add_pip(path, "filelock", "3.16")
    add_pip(path, "opt", "1.0")
    add_pip(path, "mine", "1.0", url="https://example.org/mine.git")
    return path


def open_in(prefix, request, state="present", **marks):
    return EnvWanted(request, MarksWanted(**marks), state).open_in(read_packages(str(prefix)))


@pytest.mark.parametrize(
    ("specs", "open_"),
    [
        (["numpy>=1.26", "tree"], []),
        (["conda-forge::numpy", "python=3.12"], []),
        (["numpy>=2", "scipy"], ["numpy>=2", "scipy"]),
        (["numpy=1.26.4=py311*"], ["numpy=1.26.4=py311*"]),
        (["bioconda::numpy"], ["bioconda::numpy"]),
    ],
)
def test_present_asks_for_what_does_not_hold(prefix, specs, open_):
    for read in (read_names, read_packages):
        wanted = EnvWanted(Request(specs=tuple(specs)), MarksWanted(), "present")
        plan = wanted.open_in(read(str(prefix)))
        assert [spec.text for spec in plan.specs] == open_ and plan.extras == plan.pip_extras == ()
        assert plan.is_empty == (not open_)


@pytest.mark.parametrize(
    ("specs", "extras"),
    [
        (["numpy"], ("tree",)),
        (["python"], ("libblas", "numpy", "tree")),
        (["tree"], ("libblas", "numpy", "openssl", "pip", "python", "wheel")),
        (["numpy", "tree"], ()),
    ],
)
def test_exact_keeps_what_is_needed_and_the_pip_of_python(prefix, specs, extras):
    assert open_in(prefix, Request(specs=tuple(specs)), "exact").extras == extras


def test_what_a_record_that_cannot_be_read_needs_is_not_known_so_nothing_is_too_much(prefix):
    (prefix / "conda-meta/numpy-1.26.4-py312h0_0.json").write_text("{")
    assert open_in(prefix, Request(specs=("numpy",)), "exact").extras == ()


@pytest.mark.parametrize(
    ("lines", "open_"),
    [
        (["torch==2.5.1", "filelock>=3", "Wheel"], ()),
        (["--pre", "torch>=2.6"], ("--pre", "torch>=2.6")),
        (["--pre", "torch"], ()),
        (["rich"], ("rich",)),
        (["torch @ https://example.org/torch-2.5.1-cp312-cp312-linux_x86_64.whl#sha256=" + "0" * 64], ()),
        (["torch @ https://example.org/torch-2.6.0-cp312-cp312-linux_x86_64.whl"],) * 2,
        (["mine @ git+https://example.org/mine.git"], ()),
        (["git+https://example.org/mine.git"], ()),
        (["git+https://example.org/other.git"],) * 2,
    ],
)
def test_requirements_of_pip_are_met_by_what_is_there(prefix, lines, open_):
    assert open_in(prefix, Request(pip=tuple(lines))).pip == tuple(open_)


def test_exact_removes_packages_of_pip_that_nothing_needs(prefix):
    assert open_in(prefix, Request(pip=("torch",)), "exact").pip_extras == ("mine", "opt")
    whole = Request(pip=("torch==2.5.1",), pip_is_whole=True)
    assert open_in(prefix, whole, "exact").pip_extras == ("filelock", "mine", "opt")
    assert open_in(prefix, Request(pip=("git+https://example.org/mine.git",)), "exact").pip_extras == (
        "filelock",
        "opt",
        "torch",
    )


def test_a_list_is_compared_by_version_build_and_sum(prefix):
    around = Around("x", ["conda-forge"], [], "linux-64")
    environment = read_packages(str(prefix))
    text = export(environment, read_marks(environment), "explicit", around)
    request = read_request(text, platform="linux-64")
    assert open_in(prefix, request, "cloned")._replace(pip_extras=()).is_empty
    other = read_request(
        text.replace("tree-2.1-h0_0.conda#" + MD5, "tree-2.1-h0_0.conda#" + "f" * 32), platform="linux-64"
    )
    assert [item.name for item in open_in(prefix, other, "exact").explicit] == ["tree"]
    fewer = request._replace(explicit=tuple(item for item in request.explicit if item.name != "tree"))
    plan = open_in(prefix, fewer, "exact")
    assert (plan.explicit, plan.extras) == ((), ("tree",))
    assert "sha256" not in explicit_text([item._replace(sha256="0" * 64) for item in request.explicit])


@pytest.mark.parametrize("form", ["environment", "no-builds", "from-history"])
def test_an_export_is_read_again(prefix, form):
    apply_marks(str(prefix), mark_changes(read_marks(read_names(str(prefix))), MarksWanted({"A": "x: y"})))
    environment = read_packages(str(prefix))
    text = export(environment, read_marks(environment), form, Around("x", ["defaults"], [], "linux-64"))
    content = yaml.safe_load(text)
    assert content["channels"] == ["conda-forge", "defaults"] and content["variables"] == {"A": "x: y"}
    request = read_request(text, platform="linux-64")
    expected = {
        "environment": ("numpy=1.26.4=py312h0_0", 7),
        "no-builds": ("numpy=1.26.4", 7),
        "from-history": ("numpy", 2),
    }[form]
    assert (expected[0] in request.specs, len(request.specs)) == (True, expected[1])
    assert open_in(prefix, request, variables=request.variables).is_empty
    assert bool(request.pip) == (form != "from-history")


def test_an_export_that_would_not_be_whole_is_refused(prefix):
    around = Around("x", [], [], "linux-64")

    def exported(form):
        environment = read_packages(str(prefix))
        return export(environment, read_marks(environment), form, around)

    with pytest.raises(Refused, match="packages of pip, whose addresses"):
        exported("conda-lock")
    path = prefix / "conda-meta/tree-2.1-h0_0.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "url": None}))
    with pytest.raises(Refused, match="record of tree .* names no address"):
        exported("explicit")
    path.write_text("{")
    with pytest.raises(Refused, match="Not all records"):
        exported("environment")


def test_marks_are_written_and_only_what_differs(prefix):
    meta = prefix / "conda-meta"
    (meta / "state").write_text(json.dumps({"env_vars": {"OLD": "1"}, "version": 1}))

    def marks():
        return read_marks(read_names(str(prefix)))

    wanted = MarksWanted({"A": "secret"}, False, " for tests ", True, "ask bob")
    changes = mark_changes(marks(), wanted)
    assert changes.lines() == ([], ["variable A (set)", "description: for tests", "frozen"])
    assert "secret" not in str(changes.lines())
    apply_marks(str(prefix), changes)
    assert json.loads((meta / "state").read_text()) == {"env_vars": {"OLD": "1", "A": "secret"}, "version": 1}
    assert json.loads((meta / "frozen").read_text()) == {"message": "ask bob"}
    assert (meta / "frozen").stat().st_mode & 0o777 == 0o644
    assert mark_changes(marks(), wanted).is_empty
    whole = mark_changes(marks(), MarksWanted({"A": "secret"}, True, "", False))
    assert whole.lines() == (["variable OLD", "description", "frozen"], [])
    apply_marks(str(prefix), whole)
    assert json.loads((meta / "state").read_text())["env_vars"] == {"A": "secret"}
    assert {"description", "frozen"} & set(os.listdir(meta)) == set()
    assert mark_changes(marks(), MarksWanted()).is_empty


def test_damaged_marks_are_no_marks(prefix):
    for text in ("{", "[]", '{"env_vars": 1}', "[" * 100000):
        (prefix / "conda-meta/state").write_text(text)
        found = read_marks(read_names(str(prefix)))
        assert found.variables == {}
        apply_marks(str(prefix), mark_changes(found, MarksWanted({"A": "1"})))
        assert json.loads((prefix / "conda-meta/state").read_text())["env_vars"] == {"A": "1"}


@pytest.mark.parametrize(
    ("options", "request_", "expected"),
    [
        ({}, Request(channels=("a",)), (("a",), False)),
        ({}, Request(channels=("a",), has_nodefaults=True), (("a",), True)),
        ({"channels": ["b"]}, Request(channels=("a",)), (("b",), True)),
        ({"channels": ["b"], "override_channels": False}, Request(), (("b",), False)),
        ({"override_channels": True}, Request(channels=("a",)), (("a",), True)),
        ({"override_channels": True}, Request(), ((), False)),
    ],
)
def test_which_channels_are_asked(options, request_, expected):
    assert channels_of({"channels": [], "override_channels": None, **options}, request_) == expected


def test_a_prefix_is_made_whole_and_never_over_something(tmp_path):
    path = tmp_path / "new" / "x"
    files = {"conda-meta/history": b"", ".labfleet-conda/journal.json": b"{}"}
    make_prefix(str(path), files)
    assert (path / "conda-meta/history").stat().st_mode & 0o777 == 0o644
    assert (path / ".labfleet-conda").stat().st_mode & 0o777 == 0o700
    for make in (lambda: None, lambda: (path / "conda-meta").rename(path / "other")):
        make()
        with pytest.raises(Taken):
            make_prefix(str(path), files)
    take_away(str(path))
    path.mkdir()
    with pytest.raises(Taken):  # an empty directory is something too
        make_prefix(str(path), files)
    path.rmdir()
    path.symlink_to("/nowhere")
    with pytest.raises(Taken):
        make_prefix(str(path), files)
    assert os.listdir(path.parent) == ["x"]


def test_what_interrupted_runs_left_beside_a_path_goes(tmp_path):
    for name in (".x.aaaaaa.labfleet-gone", ".x.bbbbbb.labfleet-new", ".y.cccccc.labfleet-gone", "x.labfleet-gone"):
        (tmp_path / name / "deep").mkdir(parents=True)
    os.utime(tmp_path / ".x.bbbbbb.labfleet-new", (0, 0))
    (tmp_path / ".x.dddddd.labfleet-new").mkdir()  # somebody may be at work in this one
    assert clear_hidden(str(tmp_path / "x")) == [".x.aaaaaa.labfleet-gone"]
    assert sorted(os.listdir(tmp_path)) == [".x.dddddd.labfleet-new", ".y.cccccc.labfleet-gone", "x.labfleet-gone"]
    with scratch_folder() as folder:
        assert os.stat(folder).st_mode & 0o777 == 0o700
    assert not os.path.exists(folder)


def test_the_list_of_environments_of_a_user(tmp_path):
    assert unregister(str(tmp_path), "/opt/x") is False and os.listdir(tmp_path) == []
    assert register(str(tmp_path), "/opt/x") is True and register(str(tmp_path), "/opt/x") is False
    path = tmp_path / ".conda/environments.txt"
    path.write_text("/opt/y\n/opt/x\n/gone/z\n")
    path.chmod(0o600)
    assert unregister(str(tmp_path), "/opt/x") is True and path.read_text() == "/opt/y\n/gone/z\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert register(None, "/opt/x") is False and register(str(tmp_path / "no"), "/opt/x") is False
