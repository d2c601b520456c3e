# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab writes is what conda reads: packages, wheels turned into packages, and prefixes."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import pytest

pytest.importorskip("tomllib", reason="the lab runs on Python 3.11 or newer")
pytest.importorskip("lab", reason="the lab is on the path of a run from the checkout only")

from lab import packages, parts, sources

SHEBANG = f"#!{packages.PLACEHOLDER}/bin/python\n".encode()


@pytest.fixture
def python():
    """The running Python, as the lab sees it."""
    return sources.running_python()


def read(path):
    """The members of a package by name."""
    with tarfile.open(path) as archive:
        return {
            member.name: archive.extractfile(member).read() if member.isfile() else member.linkname
            for member in archive
        }


def write_wheel(path, name="thing", version="1.5"):
    """A wheel with one module and one command."""
    metadata = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "def main():\n    return 0\n")
        archive.writestr(f"{metadata}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{metadata}/entry_points.txt", f"[console_scripts]\n{name}-run = {name}:main\n")
        archive.writestr(f"{metadata}/RECORD", "")
    return path


def test_a_package_says_what_it_is_and_marks_texts_with_the_prefix(tmp_path):
    package = packages.Package("thing", "1.0", "py36_0", 3, ("python 3.6*",))
    files = {
        "bin/thing": packages.File(SHEBANG, executable=True),
        "bin/blob": packages.File(b"\0" + SHEBANG),
        "bin/alias": packages.File(link="thing"),
    }
    path = packages.write_package(tmp_path, package, files)
    members = read(path)
    index = json.loads(members["info/index.json"])
    assert path.relative_to(tmp_path).as_posix() == "linux-64/thing-1.0-py36_0.tar.bz2"
    assert (index["name"], index["build_number"], index["depends"]) == ("thing", 3, ["python 3.6*"])
    assert members["info/has_prefix"] == f'"{packages.PLACEHOLDER}" "text" "bin/thing"\n'.encode()
    assert members["bin/alias"] == "thing"
    assert [entry["path_type"] for entry in json.loads(members["info/paths.json"])["paths"]] == [
        "softlink",
        "hardlink",
        "hardlink",
    ]


def test_the_same_recipe_gives_the_same_bytes(tmp_path):
    package = packages.Package("thing", "1.0")
    first = packages.write_package(tmp_path / "a", package, {"x": packages.File(b"1"), "y": packages.File(b"2")})
    second = packages.write_package(tmp_path / "b", package, {"y": packages.File(b"2"), "x": packages.File(b"1")})
    assert first.read_bytes() == second.read_bytes()


def test_a_wheel_becomes_a_package_of_one_python(tmp_path, python):
    wheel = write_wheel(tmp_path / "thing-1.5-py3-none-any.whl")
    path = packages.wheel_package(tmp_path, wheel, python, depends=("other",))
    members = read(path)
    place = f"lib/python{python.minor}/site-packages/thing"
    assert f"{place}/__init__.py" in members
    assert any(name.startswith(f"{place}/__pycache__/") for name in members)
    assert b"from thing import main" in members["bin/thing-run"]
    assert json.loads(members["info/index.json"])["depends"] == [f"python {python.minor}*", "other"]


def test_a_noarch_package_leaves_commands_to_the_installer(tmp_path, python):
    wheel = write_wheel(tmp_path / "thing-1.5-py3-none-any.whl")
    members = read(packages.wheel_package(tmp_path, wheel, python, noarch=True))
    assert "site-packages/thing/__init__.py" in members
    assert "bin/thing-run" not in members
    noarch = json.loads(members["info/link.json"])["noarch"]
    assert noarch == {"type": "python", "entry_points": ["thing-run = thing:main"]}


def test_conda_is_packaged_with_the_activation_scripts_of_the_version_that_has_them(tmp_path, python):
    for version, texts in (("4.2", {"shell/activate": "a"}), ("4.3", {"conda/__init__.py": "", "conda/x.exe": ""})):
        with tarfile.open(tmp_path / f"conda-{version}.tar.gz", "w:gz") as archive:
            for name, text in texts.items():
                member = tarfile.TarInfo(f"conda-{version}/{name}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
    parts.conda_package(tmp_path, tmp_path, "4.3", python, ["six"], "4.2")
    (path,) = (tmp_path / "linux-64").iterdir()
    members = read(path)
    assert members["bin/activate"] == b"a"
    assert f"lib/python{python.minor}/site-packages/conda/__init__.py" in members
    assert not [name for name in members if name.endswith(".exe")]


def test_an_installed_prefix_names_the_channel_its_users_see(tmp_path, monkeypatch):
    pytest.importorskip("rattler", reason="py-rattler installs the lab's prefixes")
    from lab import channel, prefixes

    monkeypatch.setenv("LABFLEET_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "pkgs" / "main"
    packages.write_package(folder, packages.Package("thing", "1.0"), {"bin/thing": packages.File(SHEBANG)})
    channel.index(folder)
    channels = ((folder, "file:///srv/pkgs/main"),)
    request = prefixes.Request(channels, ("thing",), "/opt/conda/envs/e", command="conda create")
    dists = prefixes.install(tmp_path / "prefix", request)
    record = json.loads((tmp_path / "prefix" / "conda-meta" / "thing-1.0-0.json").read_text())
    history = (tmp_path / "prefix" / "conda-meta" / "history").read_text().splitlines()
    assert dists == ["defaults::thing-1.0-0"]
    assert record["url"] == "file:///srv/pkgs/main/linux-64/thing-1.0-0.tar.bz2"
    assert record["extracted_package_dir"] == "/opt/conda/pkgs/thing-1.0-0"
    assert history[1:] == ["# cmd: conda create", "+defaults::thing-1.0-0", "# install specs: thing"]
    assert (tmp_path / "prefix" / "bin" / "thing").read_text() == "#!/opt/conda/envs/e/bin/python\n"
    assert (folder / "linux-64" / "repodata.json.bz2").exists()
