# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users change in real containers is seen from the host as their conda sees it, and an image can be made of it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from integration.ansible_run import Ansible
from integration.test_containers import Engines, container, engines, look  # noqa: F401 - a fixture
from lab import LabUnavailable, docker, engine, hosts, podman
from lab.variants import some

from ansible_collections.labfleet.conda.plugins.module_utils._discover._wanted import Wanted
from ansible_collections.labfleet.conda.plugins.plugin_utils._container_export import container_export

DRIFT = Wanted("all", drift=True)
CONDA = "/opt/conda/bin/conda"
WHEELS = "/srv/channels/wheels"
# All by the conda and pip of the image, from the channels in it.
CHANGES = f"""\
{CONDA} install --yes --quiet --prefix /opt/conda pytz conda=4.3.13
{CONDA} install --yes --quiet --prefix /opt/conda/envs/work click=6.7
{CONDA} remove --yes --quiet --force --prefix /opt/conda/envs/work wheel
{CONDA} create --yes --quiet --prefix /opt/conda/envs/new python=3.6 markupsafe
/opt/conda/envs/work/bin/python -m pip install --no-index --no-deps {WHEELS}/toml-0.10.2-py2.py3-none-any.whl
echo 'click 6.*' > /opt/conda/envs/work/conda-meta/pinned
printf 'channels:\\n  - file:///srv/channels/conda-forge\\nauto_update_conda: false\\n' > /root/.condarc
"""
PREFIXES = ("/opt/conda", "/opt/conda/envs/work", "/opt/conda/envs/new")
Listed = dict[str, tuple[str, str]]


def listed(which: t.Any, name: str, prefix: str) -> Listed:
    """What conda itself lists in a container, those of pip too; nothing where there is no such environment."""
    command = ["exec", name, CONDA, "list", "--json", "--prefix", prefix]
    answer = json.loads(which.run(*command, check=False).stdout)
    if isinstance(answer, dict):
        return {}
    return {item["name"]: (item["version"], item["build_string"]) for item in answer if item["channel"] != "pypi"}


def difference(before: Listed, after: Listed) -> dict[str, tuple[t.Any, t.Any]]:
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return {name: (before.get(name), after.get(name)) for name in names}


def told(environment: dict[str, t.Any]) -> dict[str, tuple[t.Any, t.Any]]:
    def short(package: dict[str, t.Any] | None) -> t.Any:
        return package and (package["version"], package["build"])

    return {item["name"]: (short(item["before"]), short(item["after"])) for item in environment["packages"]}


@pytest.mark.parametrize("which", some([docker, podman], 1), ids=["docker", "podman"])
def test_what_a_user_changes_is_what_conda_lists_and_an_image_can_be_made_of_it(
    engines: Engines,  # noqa: F811
    which: t.Any,
    tmp_path: Path,
) -> None:
    image = with_channels(which, engines)
    plain, name = engines.run(which, "plain", image=image), engines.run(which, "changed", image=image)
    for line in CHANGES.splitlines():
        which.run("exec", name, "sh", "-c", line)
    seen = look(DRIFT)
    assert container(seen, plain)["drift"]["changed"] is False and container(seen, plain)["drift"]["complete"]
    drift = container(seen, name)["drift"]
    assert drift["status"] == "compared" and drift["complete"], drift["unreadable"]
    environments = {item["prefix"]: item for item in drift["environments"]}
    assert {prefix: item["change"] for prefix, item in environments.items()} == {
        "/opt/conda": "changed", "/opt/conda/envs/work": "changed", "/opt/conda/envs/new": "added"
    }  # fmt: skip
    after = {prefix: listed(which, name, prefix) for prefix in PREFIXES}
    for prefix in PREFIXES:
        wanted = difference(listed(which, plain, prefix), after[prefix])
        assert told(environments[prefix]) == wanted and wanted, prefix
    work = environments["/opt/conda/envs/work"]
    assert work["pip_packages"] == [{"name": "toml", "change": "added", "before": None, "after": "0.10.2"}]
    assert work["pinned"] == {"before": [], "after": ["click 6.*"]}
    assert [item["change"] for item in work["packages"]] == ["changed", "removed"]
    assert drift["tools"] == [{"prefix": "/opt/conda", "name": "conda", "before": "4.3.16", "after": "4.3.13"}]
    [settings] = drift["settings"]
    assert (settings["path"], settings["change"]) == ("/root/.condarc", "added")
    assert {item["name"]: item["after"] for item in settings["settings"]} == {
        "channels": ["file:///srv/channels/conda-forge"], "auto_update_conda": False
    }  # fmt: skip
    which.run("stop", "--time", "0", name)
    stopped = container(look(DRIFT), name)
    assert stopped["drift"] == drift
    made = build(which, engines, stopped, tmp_path)
    assert {prefix: listed(which, made, prefix) for prefix in PREFIXES} == after
    toml = which.run("exec", made, "/opt/conda/envs/work/bin/python", "-m", "pip", "list").stdout
    assert "toml" in toml
    pins = which.run("exec", made, "cat", "/opt/conda/envs/work/conda-meta/pinned").stdout
    assert pins == "click 6.*\n"


def with_channels(which: t.Any, engines: Engines) -> str:  # noqa: F811
    """The image of conda with the lab's channels in it."""
    source = engines.run(which, "source")
    [mount] = [
        item["Source"]
        for item in json.loads(podman.run("inspect", hosts.host_named("conda4316").container).stdout)[0]["Mounts"]
        if item["Destination"] == hosts.CHANNELS
    ]
    which.run("exec", source, "mkdir", "-p", hosts.CHANNELS)
    which.run("cp", f"{mount}/.", f"{source}:{hosts.CHANNELS}")
    image = f"{engines.mark}:channels"
    which.run("commit", source, image)
    engines.images.append((which, image))
    return f"localhost/{image}"


def build(which: t.Any, engines: Engines, item: dict[str, t.Any], folder: Path) -> str:  # noqa: F811
    """Build the image that the export of a container describes, and run it; returns the name of the container."""
    found = container_export(item)
    assert found.refused is None
    assert all(".condarc" in text or "is mounted" in text for text in found.left_out), found.left_out
    (folder / "Containerfile").write_text(
        found.files["Containerfile"].replace(
            '"--no-deps"', '"--no-index", "--find-links", "/srv/channels/wheels", "--no-deps"'
        )
    )
    tag = f"localhost/{engines.mark}:promoted"
    options = ["--force-rm", "--network", "none", "--tag", tag, "--file", str(folder / "Containerfile")]
    which.run("build", *options, str(folder))
    name = f"{engines.mark}-promoted"
    engines.made.append((which, name))
    engines.images.append((which, tag))
    which.run("run", "--detach", "--name", name, "--label", docker.LABEL, "--network", "none", tag, "sleep", "36000")
    return name


@pytest.mark.parametrize("which", some([docker, podman], 1), ids=["docker", "podman"])
def test_removed_environments_and_what_is_mounted(engines: Engines, which: t.Any, tmp_path: Path) -> None:  # noqa: F811
    name = engines.run(which, "removed", "--volume", f"{engines.mark}:/data")
    try:
        script = "cd /opt/conda && rm -r envs/work && mkdir -p /data/conda && cp -r conda-meta bin /data/conda"
        which.run("exec", name, "sh", "-c", script)
        for stop in (False, True):
            if stop:
                which.run("stop", "--time", "0", name)
            drift = container(look(DRIFT, search_paths=("/data",)), name)["drift"]
            [only] = drift["environments"]
            assert (only["prefix"], only["change"]) == ("/opt/conda/envs/work", "removed")
            assert "/data/conda" in drift["mounted"]
        made = build(which, engines, container(look(DRIFT), name), tmp_path)
        assert which.run("exec", made, "ls", "/opt/conda/envs").stdout.split() == []
    finally:
        engines.remove()
        which.run("volume", "rm", "--force", engines.mark, check=False)


def test_an_image_that_is_no_longer_there(engines: Engines) -> None:  # noqa: F811
    """Docker lets go of the image of a container that does not run; its layers stay."""
    source = engines.run(docker, "source")
    tag = f"{engines.mark}:gone"
    docker.run("commit", source, tag)
    name = f"{engines.mark}-orphan"
    engines.made.append((docker, name))
    docker.run("create", "--name", name, "--network", "none", tag, "sleep", "1")
    assert container(look(DRIFT), name)["drift"]["image"]["there"] is True
    docker.run("rmi", "--force", tag)
    result = look(DRIFT)
    drift = container(result, name)["drift"]
    assert drift["image"]["there"] is False and drift["image"]["id"] and drift["status"] == "compared"
    assert drift["changed"] is False and not [item for item in result["unreadable"] if name in item["path"]]


HOSTILE = """
cd /opt/conda/conda-meta
echo '{"name": "x;id", "version": "1", "build": "0"}' > 'x;id-1-0.json'
ln -s /proc/1/root/etc/shadow aaa-1-0.json
mkfifo fifo-1-0.json
mkdir -p /opt/conda/envs/work/conda-meta && printf 'numpy\\n$(id)\\n' > /opt/conda/envs/work/conda-meta/pinned
ln -s /opt/conda/conda-meta /root/.condarc
mkdir -p '/opt/conda/envs/a
RUN id/conda-meta' && touch '/opt/conda/envs/a
RUN id/conda-meta/history'
rm -r /opt/conda/lib && ln -s /etc /opt/conda/lib
"""


def test_a_hostile_container_is_told_and_not_exported(engines: Engines) -> None:  # noqa: F811
    name, other = engines.run(docker, "hostile"), engines.run(docker, "other")
    docker.run("exec", name, "sh", "-c", HOSTILE)
    result = look(DRIFT)
    drift = container(result, name)["drift"]
    assert drift["changed"] and not drift["complete"]
    assert any("FIFO" in item["reason"] for item in drift["unreadable"])
    assert "root:" not in json.dumps(drift)
    found = container_export(container(result, name))
    assert found.files == {} and found.refused and "\n" not in found.refused
    assert container(result, other)["drift"]["changed"] is False


def test_the_playbook_writes_the_files_of_each_container(engines: Engines, tmp_path: Path) -> None:  # noqa: F811
    try:
        engine.up()
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    name = engines.run(docker, "played")
    docker.run("exec", name, "sh", "-c", "cp /opt/conda/envs/work/conda-meta/click* /opt/conda/conda-meta")
    inventory, dest = tmp_path / "host.json", tmp_path / "drift"
    inventory.write_text(json.dumps(engine.inventory()))
    ansible = Ansible(tmp_path)
    variables = json.dumps({"drift_dest": str(dest), "drift_engine_environment": engine.ENVIRONMENT})
    done = ansible.playbook("drift", inventory, "-e", variables, document=False)
    assert done.code == 0, done.output
    assert "/opt/conda changed (packages 1 added)" in (dest / "drift.txt").read_text()
    document = json.loads((dest / "drift.json").read_text())
    files = document["containers"][f"engine/docker/{name}"]["files"]
    assert sorted(files) == ["Containerfile", "base.explicit.txt", "base.yml"]
    text = (dest / files["Containerfile"]).read_text()
    assert "click-7.0" in text and (dest / files["Containerfile"]).stat().st_mode & 0o777 == 0o600
    again = ansible.playbook("drift", inventory, "-e", variables, document=False)
    assert again.code == 0 and "changed=0" in again.output, again.output


__all__ = ("engines",)
