# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""conda_package on real environments of a real conda 4.3.13: each state up the ladder, and what it must not do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

import pytest
from integration.ansible_run import Ansible
from integration.updating import let_others_pass
from lab.base import STATE, Base, make_base

DRIVER = Path(__file__).with_name("update_driver.py")
APP = ("python=3.6", "pip", "six=1.10", "click=6.7", "flask")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A base prefix with the environment ``app``, and two more whose packages are held."""
    made = make_base(tmp_path_factory.mktemp("package") / "base")
    for name in ("app", "pinned", "frozen"):
        conda(made, "create", "-n", name, *APP)
    (made.path / "envs/pinned/conda-meta/pinned").write_text("six 1.10.*\n")
    (made.path / "envs/frozen/conda-meta/frozen").write_text('{"message": "ask alice"}')
    return made


def conda(base: Base, command: str, *arguments: str) -> None:
    done = base.conda(command, "-y", "-q", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def run(base: Base, environment: str | None = "app", **options: t.Any) -> dict[str, t.Any]:
    """The result of the module."""
    given = {"prefix": str(base.path), "environment": environment, "ledger": str(base.ledger), **options}
    command = [sys.executable, str(DRIVER), json.dumps(given), "conda_package"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def listed(base: Base, environment: str = "app") -> dict[str, str]:
    """What conda itself lists, and what the pip of the environment lists, which conda 4.3 leaves out of its JSON."""
    prefix = base.path / "envs" / environment
    done = base.conda("list", "--json", "-p", str(prefix))
    assert done.returncode == 0, done.stderr
    command = [str(prefix / "bin/python"), "-m", "pip", "--disable-pip-version-check", "list", "--format=json"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {item["name"].lower(): item["version"] for item in [*json.loads(told), *json.loads(done.stdout)]}


def with_pip(base: Base) -> dict[str, t.Any]:
    """Options by which pip takes its packages from the lab's own folder."""
    return {"pip_arguments": ["--no-index", f"--find-links={base.channels / 'wheels'}"]}


def pip(base: Base, *arguments: str) -> None:
    command = [str(base.path / "envs/app/bin/python"), "-m", "pip", *arguments]
    subprocess.run(command, check=True, capture_output=True)


class Ladder(t.NamedTuple):
    """One state, and what it brings: (options, package, version before, version after, undone by)."""

    options: dict[str, t.Any]
    package: str
    before: str | None
    after: str | None
    undo: t.Callable[[Base], None]


def install(*specs: str) -> t.Callable[[Base], None]:
    return lambda base: conda(base, "install", "-p", str(base.path / "envs/app"), *specs)


LADDERS = {
    "present": Ladder({"name": ["six>=1.11", "python=3.6"]}, "six", "1.10.0", "1.11.0", install("six=1.10")),
    "latest": Ladder({"name": ["six"], "state": "latest"}, "six", "1.10.0", "1.11.0", install("six=1.10")),
    "absent": Ladder({"name": ["click<7"], "state": "absent", "with_dependents": True}, "click", "6.7", None,
                     install("click=6.7", "flask")),
    "pip": Ladder({"pip": ["colorama>=0.4"]}, "colorama", None, "0.4.1",
                  lambda base: pip(base, "uninstall", "-y", "colorama")),
    "pip absent": Ladder({"pip": ["toml"], "state": "absent"}, "toml", "0.10.2", None,
                         lambda base: pip(base, "install", *with_pip(base)["pip_arguments"], "toml")),
}  # fmt: skip


@pytest.mark.parametrize("name", LADDERS)
def test_each_state_goes_up_the_ladder(base, name):
    ladder = LADDERS[name]
    options = {**ladder.options, **(with_pip(base) if "pip" in ladder.options else {})}
    if ladder.before is not None:
        ladder.undo(base)
    for _time in range(2):  # once as it is, and once after somebody has changed it
        before = listed(base)
        assert before.get(ladder.package) == ladder.before
        shutil.rmtree(base.path / "envs/app/.labfleet-conda", ignore_errors=True)
        planned = run(base, check=True, **options)
        assert (planned["outcome"], planned["changed"]) == ("planned", True), planned
        assert listed(base) == before
        assert not (base.path / "envs/app/.labfleet-conda").exists()
        done = run(base, **options)
        assert (done["outcome"], done["changed"]) == ("committed", True), done
        after = listed(base)
        assert after.get(ladder.package) == ladder.after
        named = {item["name"] for item in done["packages"]}
        assert named == {item["name"] for item in planned["packages"]}
        assert {key for key in {*before, *after} if before.get(key) != after.get(key)} == named
        assert done["diff"]["before"] != done["diff"]["after"]
        for check in (True, False):
            again = run(base, check=check, **options)
            assert (again["outcome"], again["changed"]) == ("unchanged", False), again
            assert listed(base) == after
        ladder.undo(base)


def test_a_run_with_nothing_to_do_starts_no_program_and_writes_nothing(base):
    started = base.path.parent / "started"
    programs = {path: path.read_bytes() for path in (base.path / "bin/conda",)}
    python = base.path / "envs/app/bin/python3.6"
    hidden = python.rename(python.with_name("hidden"))
    for path in (*programs, python):
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\necho $0 >> {started}\nexit 1\n")
        path.chmod(0o755)
    try:
        before = base.listing()
        specs = ["six", f"{base.channels.as_uri()}/pkgs/main::click<99", "flask[build='*']"]
        done = run(base, name=specs, pip=["six>=1"])
        assert done["outcome"] == "unchanged", done
        assert run(base, name=["nothing-of-it"], pip=["nor-this"], state="absent")["outcome"] == "unchanged"
        assert not started.exists() and base.listing() == before
        # The same programs are started when something is to be done, so that the test can see it.
        assert "failed" in run(base, name=["six>=99"])
        assert started.read_text()
    finally:
        hidden.rename(python)
        for path, data in programs.items():
            path.write_bytes(data)


def test_several_specs_are_one_transaction_with_one_snapshot(base):
    install("six=1.10", "click=6.7")(base)
    snapshots = base.path / "envs/app" / STATE / "snapshots"
    before = len(list(snapshots.iterdir())) if snapshots.exists() else 0
    done = run(base, name=["six>=1.11", "click>=7"], keep_snapshots=99)
    assert {item["name"] for item in done["packages"]} >= {"six", "click"}
    assert len(list(snapshots.iterdir())) == before + 1
    record = json.loads(base.ledger.read_text().splitlines()[-1])
    assert (record["action"], record["outcome"]) == ("package", "committed")
    assert record["prefix"] == str(base.path / "envs/app")


def test_what_needs_a_package_is_named_and_not_taken_along_unasked(base):
    before = listed(base)
    done = run(base, name=["jinja2"], state="absent")
    assert "flask (needs jinja2)" in done["failed"] and done["dependents"] == ["flask"]
    assert listed(base) == before
    planned = run(base, name=["jinja2"], state="absent", with_dependents=True, check=True)
    assert [(item["name"], item["kind"]) for item in planned["packages"]] == [
        ("flask", "removed"),
        ("jinja2", "removed"),
    ]


@pytest.mark.parametrize(
    ("name", "said"), [("conda", "never removed"), ("python", "never removed"), ("requests", "conda")]
)
def test_base_keeps_what_it_cannot_be_without(base, name, said):
    done = run(base, None, name=[name], state="absent", with_dependents=True)
    assert said in done["failed"] and base.version() == "4.3.13"


@pytest.mark.parametrize("state", ["present", "latest"])
def test_a_pin_is_named_and_nothing_changes(base, state):
    before = listed(base, "pinned")
    done = run(base, "pinned", name=["six>=1.11" if state == "present" else "six"], state=state)
    if state == "present":
        assert "six 1.10.*" in done["failed"] and done["held"] == "pinned"
    else:
        assert done["outcome"] == "unchanged"
    assert listed(base, "pinned") == before


def test_a_frozen_environment_is_left_unless_it_is_overridden(base):
    before = listed(base, "frozen")
    done = run(base, "frozen", name=["six>=1.11"])
    assert "ask alice" in done["failed"] and done["held"] == "frozen" and listed(base, "frozen") == before
    assert run(base, "frozen", name=["six"])["outcome"] == "unchanged"
    assert run(base, "frozen", name=["six>=1.11"], override_frozen=True)["outcome"] == "committed"


def test_what_does_not_pass_is_undone_with_what_pip_did(base):
    before = listed(base)
    done = run(base, name=["pytz"], pip=["colorama"], verify_commands=["false"], **with_pip(base))
    assert "was not kept" in done["failed"] and done["outcome"] == "rolled_back"
    assert listed(base) == before


def test_pip_that_fails_undoes_what_conda_did(base):
    before = listed(base)
    done = run(base, name=["pytz"], pip=["nowhere-to-be-found"], **with_pip(base))
    assert "pip install" in done["failed"] and done["outcome"] == "rolled_back" and listed(base) == before


def test_what_conda_installed_is_not_for_pip_to_change(base):
    before = listed(base)
    assert "which conda installed" in run(base, pip=["six==1.16.0"], **with_pip(base))["failed"]
    assert "which conda installed" in run(base, pip=["six"], state="absent")["failed"]
    assert run(base, pip=["six"])["outcome"] == "unchanged"
    assert listed(base) == before


def wheel(folder: Path, name: str, version: str, needs: str = "") -> None:
    """A Python package of one module."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}.py": f"__version__ = {version!r}\n",
        f"{info}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


def test_what_conda_installed_is_replaced_by_pip_only_when_that_is_forced(base, tmp_path):
    wheel(tmp_path / "wheels", "six", "99.0")
    wheel(tmp_path / "wheels", "greedy", "1.0", needs="six (>=99)")
    options = {"pip_arguments": ["--no-index", f"--find-links={tmp_path / 'wheels'}"]}
    before = listed(base)
    run(base, pip=["greedy"], **options)  # an old pip installs it beside a six that it does not fit, a new one refuses
    assert listed(base)["six"] == before["six"]
    module = base.path / "envs/app/lib/python3.6/site-packages/six.py"
    assert "99.0" not in module.read_text()
    # The packages of the lab come without RECORD, those of conda-forge with it, and pip needs it to replace one.
    metadata = module.with_name(f"six-{before['six']}.dist-info")
    names = ["six.py", *(f"{metadata.name}/{path.name}" for path in metadata.iterdir())]
    (metadata / "RECORD").write_text("".join(f"{name},,\n" for name in names))
    done = run(base, pip=["six==99.0"], pip_force=True, **options)
    assert done["outcome"] == "committed", done.get("failed")
    assert "99.0" in module.read_text()
    assert run(base, pip=["six==99.0"], pip_force=True, **options)["outcome"] == "unchanged"
    conda(base, "install", "--force", "-p", str(base.path / "envs/app"), "six=1.11")
    pip(base, "uninstall", "-y", "greedy", "six")
    conda(base, "install", "--force", "-p", str(base.path / "envs/app"), "six=1.11")


def test_every_environment_that_the_filter_names_and_one_failure_stops_no_other(base):
    install("six=1.10")(base)
    conda(base, "install", "-p", str(base.path / "envs/frozen"), "six=1.10")
    where = {"environments": {"match": ["*"], "exclude": [], "owners": [], "holding": "six<1.11", "base": False}}
    planned = run(base, None, name=["six>=1.11"], check=True, **where)
    assert {Path(item["prefix"]).name: item["outcome"] for item in planned["results"] if not item.get("failed")} == {
        "app": "planned"
    }
    done = run(base, None, name=["six>=1.11"], **where)
    by_name = {Path(item["prefix"]).name: item for item in done["results"]}
    assert set(by_name) == {"app", "frozen", "pinned"} and done["changed"]
    assert by_name["app"]["outcome"] == "committed"
    assert by_name["pinned"]["held"] == "pinned" and by_name["frozen"]["held"] == "frozen"
    assert "2 of 3 environments" in done["failed"] and len(done["diff"]) == 1
    assert listed(base)["six"] == "1.11.0"
    assert [item["prefix"] for item in run(base, None, name=["six>=1.11"], **where)["results"]] == [
        str(base.path / "envs/frozen"), str(base.path / "envs/pinned")
    ]  # fmt: skip


def test_the_installation_of_an_environment_is_found(base):
    done = run(base, str(base.path / "envs/app"), prefix=None, name=["pytz"], check=True)
    assert done["outcome"] == "planned" and done["tool"]["program"] == str(base.path / "bin/conda")


def test_root_works_as_the_owner_of_the_environment(base, tmp_path_factory, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root can work as another user")
    folder = tmp_path_factory.mktemp("alice")
    let_others_pass(folder)
    let_others_pass(base.path)
    env = folder / "env"
    # Copied, since links would give files of other environments away as well.
    conda(base, "create", "--copy", "-p", str(env), "python=3.6", "pip", "six=1.10")
    monkeypatch.setenv("CONDA_PKGS_DIRS", str(folder / "pkgs"))  # this user has no home
    (folder / "pkgs").mkdir()
    subprocess.run(["chown", "-Rh", "nobody:nogroup", str(env), str(folder / "pkgs")], check=True)
    options = {"pip": ["toml"], "verify_commands": [f"id -un > {env}/who"], **with_pip(base)}
    done = run(base, str(env), name=["six>=1.11"], **options)
    assert done["outcome"] == "committed", (done.get("failed"), done)
    assert (env / "who").read_text() == "nobody\n"
    owner = env.stat().st_uid
    assert owner and [str(path) for path in env.rglob("*") if path.lstat().st_uid != owner] == []
    env.chmod(0o777)
    assert "can be changed by others" in run(base, str(env), name=["six=1.10"])["failed"]
    assert run(base, str(env), name=["six>=1.11"])["outcome"] == "unchanged"


def test_ansible_runs_it_and_shows_the_difference(base, tmp_path):
    install("six=1.10")(base)
    options = {"prefix": str(base.path), "environment": "app", "name": ["six>=1.11"], "ledger": str(base.ledger)}
    tasks = [{"labfleet.conda.conda_package": options}, {"labfleet.conda.conda_package": options}]
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    ansible = Ansible(tmp_path)
    command = [str(ansible.bins / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml")]
    command += ["-e", f"ansible_python_interpreter={sys.executable}", "--diff"]
    for arguments, changed in ((["--check"], 2), ([], 1), ([], 0)):
        done = ansible.run([*command, *arguments])
        assert done.returncode == 0, done.stdout
        assert f"changed={changed} " in done.stdout
        assert ("+six 1.11.0" in done.stdout and "-six 1.10.0" in done.stdout) is bool(changed)
    failing = json.loads(json.dumps(play).replace("six>=1.11", "six>=99"))
    (tmp_path / "play.yml").write_text(json.dumps(failing))
    done = ansible.run(command)
    assert done.returncode == 2 and "six" in done.stdout and "Traceback" not in done.stdout
