# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""conda_env with a real conda 4.3.13: each state is checked, done, checked and done again, changed, and looked at.

What is there is read from the disk, never from the answer of the module alone. LABFLEET_KILLS says how often a creation
is killed (4).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from integration.updating import Update, let_others_pass
from lab.base import Base, make_base

KILLS = int(os.environ.get("LABFLEET_KILLS", "4"))
TRAIN = """\
name: train
dependencies:
  - python=3.6
  - six=1.10
  - click
  - pip:
      - --no-index
      - --find-links {wheels}
      - toml==0.10.2
variables:
  LAB: a value that is a secret
"""


class Host:
    """A base prefix, and what the module does with its environments."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.wheels = base.channels / "wheels"

    def path(self, name: str) -> Path:
        return self.base.path / "envs" / name

    def run(self, name: str | None = None, **options: t.Any) -> dict[str, t.Any]:
        given = {**({"name": name} if name else {}), **options}
        return Update(self.base, "conda_env", **given).result()

    def records(self, name: str) -> dict[str, str]:
        """Name and version of each package of conda, by the files."""
        found = [path.stem.rsplit("-", 2) for path in (self.path(name) / "conda-meta").glob("*.json")]
        return {parts[0]: parts[1] for parts in found}

    def pip(self, name: str) -> dict[str, str]:
        """Name and version of each package of pip, as the pip of the environment tells."""
        command = [str(self.path(name) / "bin/python"), "-m", "pip", "list", "--format=json"]
        found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        known = self.records(name)
        return {item["name"]: item["version"] for item in found if item["name"].lower() not in known}

    def listing(self, name: str) -> dict[str, t.Any]:
        """Everything in an environment but our own directory."""
        found = self.base.listing("envs/" + name)
        return {
            path: facts for path, facts in found.items() if ".labfleet-conda" not in path and "__pycache__" not in path
        }

    def left_beside(self) -> list[str]:
        return [path.name for path in (self.base.path / "envs").iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(make_base(tmp_path_factory.mktemp("env") / "base"))


@pytest.fixture(autouse=True)
def _no_leftovers(host: Host) -> t.Iterator[None]:
    yield
    assert host.left_beside() == []
    for path in (host.base.path / "envs").iterdir():
        if path.name != "work":
            shutil.rmtree(path)


def names(result: dict[str, t.Any], kind: str) -> set[str]:
    return {item["name"] for item in result["packages"] if item["kind"] == kind}


def ladder(
    host: Host, name: str, first: dict[str, t.Any], other: dict[str, t.Any], see: t.Callable[[], t.Any]
) -> list[t.Any]:
    """Check, do, check again, do again, check another wish, do that; what was there after each.

    :param first: the options; other: those of the other wish.
    :param see: looks at the system.
    """
    seen = [see()]
    steps = [(first, True, True), (first, False, True), (first, True, False), (first, False, False)]
    for options, check, changes in [*steps, (other, True, True), (other, False, True)]:
        result = host.run(name, check=check, **options)
        assert "failed" not in result, result
        assert result["changed"] is changes, (options, check, result)
        expected = ("planned" if check else "committed") if changes else "unchanged"
        assert result["outcome"] == expected, result
        now = see()
        assert (now != seen[-1]) == (changes and not check), (options, check, result)
        seen.append(now)
    assert host.run(name, **other)["changed"] is False
    return seen


def test_present_from_a_file_and_then_a_newer_file(host):
    first = TRAIN.format(wheels=host.wheels)
    other = first.replace("six=1.10", "six=1.11").replace("  LAB:", "  MORE: x\n  LAB:")

    def see():
        return host.path("train").exists() and host.listing("train")

    seen = ladder(host, "train", {"content": first}, {"content": other}, see)
    assert seen[0] is False
    assert host.records("train")["six"] == "1.11.0" and {"python", "click", "pip"} <= set(host.records("train"))
    assert host.pip("train") == {"toml": "0.10.2"}
    state = json.loads((host.path("train") / "conda-meta/state").read_text())
    assert state["env_vars"] == {"LAB": "a value that is a secret", "MORE": "x"}
    assert host.base.conda("list", "-n", "train").returncode == 0
    assert "a value that is a secret" not in host.base.ledger.read_text()


def test_exact_removes_what_nothing_asks_for(host):
    host.run("lab", content=TRAIN.format(wheels=host.wheels).replace("six=1.10", "six\n  - flask"))
    assert {"flask", "jinja2", "markupsafe"} <= set(host.records("lab")) and host.pip("lab")
    first = {"state": "exact", "packages": ["python=3.6", "jinja2"], "variables": {}}
    other = {"state": "exact", "packages": ["python=3.6", "pytz"]}
    planned = host.run("lab", check=True, **first)
    assert names(planned, "removed") == {"flask", "click", "itsdangerous", "werkzeug", "six", "toml"}
    ladder(host, "lab", first, other, lambda: host.listing("lab"))
    python = {"python", "pip", "setuptools", "wheel", "bzip2", "expat", "libffi", "ncurses", "openssl", "readline"}
    assert set(host.records("lab")) == {*python, "sqlite", "xz", "zlib", "pytz"}
    assert host.pip("lab") == {} and "env_vars" in (host.path("lab") / "conda-meta/state").read_text()
    assert subprocess.run([host.path("lab") / "bin/python", "-c", "import pytz"], check=False).returncode == 0


def test_an_explicit_list_and_its_sums(host, tmp_path):
    host.run("model", packages=["python=3.6", "click=6.7"])
    content = host.run("model", state="exported", format="explicit")["content"]
    lines = content.splitlines()
    other = "\n".join(line for line in lines if "/click-" not in line)

    def see():
        return host.path("copy").exists() and host.listing("copy")

    options = {"content": content, "state": "exact"}
    ladder(host, "copy", options, {"content": other, "state": "exact"}, see)
    assert "click" not in host.records("copy") and host.records("copy")["python"].startswith("3.6")
    # The same packages with another sum are not those that are asked for.
    wrong = content.replace(lines[-1][-32:], "0" * 32)
    refused = host.run("wrong", content=wrong)
    assert "was not created" in refused["failed"] and not host.path("wrong").exists()


def test_a_sum_that_this_conda_does_not_know_is_checked_all_the_same(host):
    host.run("model", packages=["zlib"])
    content = host.run("model", state="exported", format="explicit")["content"]
    url = content.splitlines()[-1].partition("#")[0]
    archive = host.base.path / "pkgs" / url.rpartition("/")[2]
    good = subprocess.run(["sha256sum", archive], capture_output=True, text=True, check=True).stdout.split()[0]
    done = host.run("good", content=f"@EXPLICIT\n{url}#sha256:{good}\n")
    assert done["outcome"] == "committed", done
    refused = host.run("bad", content=f"@EXPLICIT\n{url}#sha256:{'0' * 64}\n")
    assert "is not the one that is asked for" in refused["failed"] and not host.path("bad").exists()


def test_a_lock_is_installed_for_its_platform(host):
    host.run("model", packages=["zlib"])
    lock = host.run("model", state="exported", format="conda-lock", platform="linux-64")["content"]
    assert yaml.safe_load(lock)["package"][0]["name"] == "zlib"
    done = host.run("locked", content=lock, state="exact", platform="linux-64")
    assert done["outcome"] == "committed" and host.records("locked") == host.records("model")
    assert "nothing for the platform osx-64" in host.run("mac", content=lock, platform="osx-64")["failed"]


def test_cloned_follows_its_source(host):
    host.run("source", content=TRAIN.format(wheels=host.wheels))
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(host.wheels)}
    os.environ.update(pip)
    try:
        options = {"state": "cloned", "clone_from": "source"}
        assert host.run("twin", check=True, **options)["outcome"] == "planned" and not host.path("twin").exists()
        assert host.run("twin", **options)["outcome"] == "committed"
        assert host.records("twin") == host.records("source") and host.pip("twin") == host.pip("source") == {
            "toml": "0.10.2"
        }
        assert host.run("twin", check=True, **options)["changed"] is host.run("twin", **options)["changed"] is False
        host.run("source", packages=["pytz"])
        changed = host.run("twin", check=True, **options)
        assert names(changed, "installed") == {"pytz"} and "pytz" not in host.records("twin")
        assert host.run("twin", **options)["outcome"] == "committed"
        assert host.records("twin") == host.records("source")
    finally:
        for name in pip:
            del os.environ[name]


def test_cloned_step_by_step(host):
    host.run("source", packages=["zlib"])
    host.run("other", packages=["zlib", "xz"])
    first, other = ({"state": "cloned", "clone_from": name} for name in ("source", "other"))

    def see():
        return host.path("twin").exists() and host.listing("twin")

    assert ladder(host, "twin", first, other, see)[0] is False
    assert host.records("twin") == host.records("other") and set(host.records("source")) == {"zlib"}


def test_absent_step_by_step(host):
    host.run("away", packages=["zlib"])

    def see():
        return host.path("away").exists() and host.listing("away")

    assert ladder(host, "away", {"state": "absent"}, {"packages": ["xz"]}, see)[2] is False
    assert set(host.records("away")) == {"xz"}


def test_absent(host):
    host.run("gone", packages=["zlib"])
    assert host.run("gone", state="absent", check=True)["outcome"] == "planned" and host.path("gone").exists()
    done = host.run("gone", state="absent")
    assert done["outcome"] == "committed" and not host.path("gone").exists()
    assert names(done, "removed") == {"zlib"} and "/zlib-1." in done["way_back"]["explicit"]
    assert (
        host.run("gone", state="absent", check=True)["changed"] is host.run("gone", state="absent")["changed"] is False
    )
    again = host.run("again", content=done["way_back"]["explicit"])
    assert again["outcome"] == "committed" and set(host.records("again")) == {"zlib"}
    record = [json.loads(line) for line in host.base.ledger.read_text().splitlines()]
    mine = [item for item in record if item["prefix"] == str(host.path("gone"))]
    assert [(item["action"], item["outcome"]) for item in mine] == [("create", "committed"), ("remove", "committed")]
    assert [item["snapshot"] for item in mine] == [None, None]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "is the base prefix"),
        ("envs", "is no environment of conda"),
        ("pkgs", "is no environment of conda"),
        ("envs/nested", "has environments of its own below envs, such as x"),
        ("envs/tool", "holds a conda"),
        ("envs/half", "but no history in it"),
    ],
)
def test_what_is_never_removed(host, path, said):
    for name in ("nested", "tool", "half"):
        meta = host.path(name) / "conda-meta"
        meta.mkdir(parents=True)
        (meta / "history").write_text("")
    (host.path("half") / "conda-meta/history").unlink()
    (host.path("nested") / "envs/x/conda-meta").mkdir(parents=True)
    (host.path("tool") / "conda-meta/conda-4.3.13-py36_0.json").write_text("{}")
    before = host.base.listing("conda-meta")
    done = host.run(environment=str(host.base.path / path).rstrip("/"), state="absent")
    assert said in done["failed"], done
    assert host.base.listing("conda-meta") == before and (host.base.path / path).exists()


def test_an_environment_in_use_is_put_off(host):
    host.run("busy", packages=["python=3.6"])
    running = subprocess.Popen([host.path("busy") / "bin/python", "-c", "input()"], stdin=subprocess.PIPE)
    try:
        done = host.run("busy", state="absent", busy="skip")
        assert (
            done["outcome"] == "deferred" and done["processes"][0]["pid"] == running.pid and host.path("busy").exists()
        )
        assert "is in use" in host.run("busy", packages=["six"], busy="fail")["failed"]
    finally:
        running.communicate(b"\n")
    assert host.run("busy", state="absent", busy="fail")["outcome"] == "committed"


def test_nothing_is_created_over_what_is_there(host, tmp_path):
    for name, make in (
        ("file", lambda path: path.write_text("x")),
        ("folder", lambda path: (path / "data").mkdir(parents=True)),
    ):
        make(host.path(name))
        before = host.base.listing("envs/" + name) if name == "folder" else host.path(name).read_text()
        done = host.run(name, packages=["six"])
        assert "Nothing is ever created over what is there" in done["failed"], done
        assert before == (host.base.listing("envs/" + name) if name == "folder" else host.path(name).read_text())
    host.path("file").unlink()


def test_what_cannot_be_met_leaves_nothing_and_says_what_to_relax(host):
    wish = {"packages": ["python=3.11", "markupsafe=1.1.1"]}
    for options in (wish, {**wish, "check": True}):
        done = host.run("torn", **options)
        (conflict,) = done["conflicts"]
        assert conflict["package"] == "python" and set(conflict["relax"]) == set(wish["packages"]), done
        assert (
            "Relax or leave out markupsafe=1.1.1 or python=3.11" in done["failed"]
            and "/tmp/labfleet-" not in done["failed"]
        )
        assert not host.path("torn").exists()
    host.run("torn", packages=["python=3.6", "six"])
    before = host.listing("torn")
    done = host.run("torn", **wish)
    assert done["conflicts"][0]["package"] == "python" and host.listing("torn") == before


@pytest.mark.parametrize("options", [{"pip": ["--no-index", "nosuch"]}, {"verify_commands": ["test -e /nowhere"]}])
def test_what_fails_late_is_undone(host, options):
    done = host.run("late", packages=["python=3.6"], **options)
    assert "nothing is left of it" in done["failed"] and not host.path("late").exists()
    host.run("late", packages=["python=3.6"])
    before = host.listing("late")
    done = host.run("late", packages=["python=3.6", "six"], **options)
    assert done["outcome"] == "rolled_back" and host.listing("late") == before


def test_frozen_is_set_respected_overridden_and_unset(host):
    host.run("held", packages=["zlib"])
    for changes in (True, False):
        assert host.run("held", frozen=True, frozen_message="ask bob")["changed"] is changes
    assert json.loads((host.path("held") / "conda-meta/frozen").read_text()) == {"message": "ask bob"}
    refused = host.run("held", packages=["xz"])
    assert refused["held"] == "frozen" and "ask bob" in refused["failed"] and "xz" not in host.records("held")
    assert "ask bob" in host.run("held", state="absent")["failed"] and host.path("held").exists()
    assert host.run("held", packages=["xz"], override_frozen=True)["outcome"] == "committed"
    assert (host.path("held") / "conda-meta/frozen").exists() and "xz" in host.records("held")
    assert host.run("held", packages=["expat"], frozen=False)["outcome"] == "committed"
    assert not (host.path("held") / "conda-meta/frozen").exists() and "expat" in host.records("held")


def test_a_base_prefix_gets_marks_and_nothing_else(host):
    mark, base = host.base.path / "conda-meta/frozen", str(host.base.path)
    assert host.run(environment=base, frozen=True, frozen_message="ask bob", check=True)["changed"]
    assert not mark.exists()
    for changes in (True, False):
        assert host.run(environment=base, frozen=True, frozen_message="ask bob")["changed"] is changes
    assert json.loads(mark.read_text()) == {"message": "ask bob"}
    for more in ({"packages": ["xz"]}, {"state": "absent"}):
        assert "is the base prefix" in host.run(environment=base, **more)["failed"]
    assert host.run(environment=base, frozen=False)["changed"] and not mark.exists()


def test_description_and_variables_need_no_tool(host):
    host.run("told", packages=["zlib"])
    conda = host.base.path / "bin/conda"
    conda.rename(conda.with_name("conda.away"))
    try:
        options = {"description": "for the course", "variables": {"A": "1", "B": "2"}}
        for changes in (True, False):
            done = host.run("told", **options)
            assert done["changed"] is changes, done
        assert done["packages"] == [] and host.run("told", description="")["changed"] is True
    finally:
        conda.with_name("conda.away").rename(conda)
    meta = host.path("told") / "conda-meta"
    assert not (meta / "description").exists() and json.loads((meta / "state").read_text())["env_vars"] == {
        "A": "1",
        "B": "2",
    }


def test_what_is_exported_is_what_the_tool_exports(host):
    host.run("out", content=TRAIN.format(wheels=host.wheels))
    before = host.listing("out")
    for check in (True, False, True, False):
        told = host.run("out", state="exported", check=check)
        assert told["changed"] is False and host.listing("out") == before
    mine = yaml.safe_load(told["content"])
    theirs = yaml.safe_load(host.base.conda("env", "export", "-n", "out").stdout)
    assert mine.pop("variables") == {"LAB": "a value that is a secret"}  # conda 4.3 does not know them
    *conda, pip = mine.pop("dependencies")
    assert sorted(conda) == sorted(theirs.pop("dependencies")) and pip == {"pip": ["toml==0.10.2"]}  # nor wheels
    assert mine == theirs
    explicit = host.run("out", state="exported", format="explicit")["content"]
    listed = host.base.conda("list", "-n", "out", "--explicit", "--md5").stdout
    urls = [sorted(line for line in text.splitlines() if "://" in line) for text in (explicit, listed)]
    assert urls[0] == urls[1]
    content = host.run("out", state="exported")["content"].replace(
        "- pip:", f"- pip:\n      - --find-links {host.wheels}"
    )
    again = host.run("in", content=content)
    assert again["outcome"] == "committed", again
    assert host.records("in") == host.records("out")


def test_killed_at_any_instant_the_next_run_creates_it_whole(host):
    chance = random.Random(17)
    for _kill in range(KILLS):
        update = Update(host.base, "conda_env", name="killed", packages=["python=3.6", "flask"])
        if not update.kill("apply", chance.uniform(0, 1.5)):
            shutil.rmtree(host.path("killed"), ignore_errors=True)
            continue
        assert "conda-meta" in os.listdir(host.path("killed"))
        journal = Path(host.path("killed"), ".labfleet-conda", "journal.json")
        if not journal.exists() or json.loads(journal.read_text())["phase"] == "done":  # it was whole by then
            assert "failed" not in host.run("killed", packages=["python=3.6", "flask"])
            assert "flask" in host.records("killed")
            assert host.run("killed", state="absent")["outcome"] == "committed"
            continue
        refused = Update(host.base, "conda_update", environment=str(host.path("killed")), packages=["six"]).result()
        assert "was being created" in refused["failed"], refused
        done = host.run("killed", packages=["python=3.6", "flask"])
        assert done["outcome"] == "committed" and "was undone" in done["recovered"], json.dumps(done)[:3000]
        assert host.base.conda("list", "-n", "killed").returncode == 0 and "flask" in host.records("killed")
        assert host.run("killed", state="absent")["outcome"] == "committed"


def test_a_new_environment_belongs_to_the_owner_of_its_directory(host, tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root can work as another user")
    let_others_pass(host.base.path.parent)
    home = tmp_path / "envs"
    home.mkdir()
    let_others_pass(home)
    caches = tmp_path / "pkgs"
    caches.mkdir()
    for path in (home, caches):
        os.chown(path, 65534, 65534)
    monkeypatch.setenv("CONDA_PKGS_DIRS", str(caches))
    done = host.run(environment=str(home / "mine"), packages=["zlib"])
    if "no user of this host" in done.get("failed", ""):
        pytest.skip("there is no user nobody")
    assert done["outcome"] == "committed", done
    folders = [path for path in [home / "mine", *(home / "mine").rglob("*")] if path.is_dir()]  # files are links
    assert {path.stat().st_uid for path in folders} == {65534}
    home.chmod(0o777)
    refused = host.run(environment=str(home / "other"), packages=["six"])
    assert "everybody" in refused["failed"] and not (home / "other").exists()


@pytest.fixture
def play(ansible, tmp_path):
    """Runs tasks on this machine by ansible-playbook, and gives what it printed and the result of the last of them."""

    def run(tasks: list[dict[str, t.Any]], *arguments: str, code: int = 0) -> tuple[str, dict[str, t.Any]]:
        (tmp_path / "files").mkdir(exist_ok=True)
        tasks = [*tasks[:-1], {**tasks[-1], "register": "done"}]
        dest = str(tmp_path / "result.json")
        keep = {"ansible.builtin.copy": {"content": "{{ done | to_json }}", "dest": dest}}
        tasks.append({**keep, "check_mode": False, "diff": False})
        play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
        (tmp_path / "play.yml").write_text(json.dumps(play))
        done = ansible.run([str(ansible.bins / "ansible-playbook"), str(tmp_path / "play.yml"), *arguments])
        assert done.returncode == code, done.stdout
        return done.stdout, json.loads((tmp_path / "result.json").read_text()) if not code else {}

    return run


def test_a_file_of_the_control_node_is_sent_and_shown_by_diff(host, play, tmp_path):
    (tmp_path / "files").mkdir()
    text = "name: sent\ndependencies:\n  - zlib\nvariables:\n  A: hidden value\n"
    (tmp_path / "files/environment.yml").write_text(text)
    options = {"prefix": str(host.base.path), "src": "environment.yml", "ledger": str(host.base.ledger)}
    task = {"labfleet.conda.conda_env": options}
    output, planned = play([task], "--check", "--diff")
    assert planned["outcome"] == "planned" and "+zlib 1.2.13" in output and not host.path("sent").exists()
    output, done = play([task], "-vvv", "--diff")
    assert done["changed"] and host.records("sent") and "hidden value" not in output
    assert play([task])[1]["changed"] is False
    dest = tmp_path / "out.txt"
    export = {**options, "name": "sent", "state": "exported", "format": "explicit", "dest": str(dest), "mode": "0640"}
    del export["src"]
    wish = {"labfleet.conda.conda_env": export}
    assert play([wish], "--check")[1]["outcome"] == "planned" and not dest.exists()
    assert play([wish])[1]["outcome"] == "committed" and "@EXPLICIT" in dest.read_text()
    assert dest.stat().st_mode & 0o777 == 0o640
    assert play([wish], "--check")[1]["changed"] is play([wish])[1]["changed"] is False
    remote = {**options, "src": str(dest), "remote_src": True, "name": "sent", "state": "exact"}
    assert play([{"labfleet.conda.conda_env": remote}])[1]["changed"] is False
    (tmp_path / "files/environment.yml").write_text(text.replace("- zlib", "- [zlib]"))
    output, _none = play([task], code=2)
    assert "environment.yml, line 3: a dependency must be a text, not a list." in output
    output, _none = play([{"labfleet.conda.conda_env": {**options, "src": "nowhere.yml"}}], code=2)
    assert "nowhere.yml cannot be read on the control node" in output
