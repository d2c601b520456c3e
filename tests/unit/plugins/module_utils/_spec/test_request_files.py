# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Environment, explicit and lock files are read by their shape, and what has another one is told by its line."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.labfleet.conda.plugins.module_utils._spec._environment_file import write_environment_file
from ansible_collections.labfleet.conda.plugins.module_utils._spec._explicit_file import write_explicit_file
from ansible_collections.labfleet.conda.plugins.module_utils._spec._python_version import Specifiers
from ansible_collections.labfleet.conda.plugins.module_utils._spec._read_request import read_request
from ansible_collections.labfleet.conda.plugins.module_utils._spec._request import FileError, Request
from ansible_collections.labfleet.conda.plugins.module_utils._spec._requirement import parse_requirement

MD5, SHA256 = "0a" * 16, "0b" * 32
FORGE = "https://conda.anaconda.org/conda-forge/"

ENVIRONMENT = """\
# for the training hosts
name: train
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.12
  - numpy>=1.26,<2   # not the new one
  - "conda-forge::openssl"
  - pip
  - pip:
      - --extra-index-url https://wheels.example.org/cu128
      - torch[opt]==2.5.1
      - mine @ https://example.org/mine-1.0-py3-none-any.whl
variables:
  OMP_NUM_THREADS: 8
  DATA: "/srv/data set"
  EMPTY: ""
prefix: /home/alice/envs/train
"""


def read(text, **options):
    return read_request(text, **{"platform": "linux-64", **options})


def test_an_environment_file_is_read():
    found = read(ENVIRONMENT)
    assert found == Request(
        "environment",
        name="train",
        channels=("conda-forge",),
        has_nodefaults=True,
        specs=("python=3.12", "numpy>=1.26,<2", "conda-forge::openssl", "pip"),
        pip=(
            "--extra-index-url https://wheels.example.org/cu128",
            "torch[opt]==2.5.1",
            "mine @ https://example.org/mine-1.0-py3-none-any.whl",
        ),
        variables={"OMP_NUM_THREADS": "8", "DATA": "/srv/data set", "EMPTY": ""},
    )


def test_a_file_with_nothing_in_it_asks_for_an_empty_environment():
    assert read("name: x\ndependencies:\n") == Request(name="x")
    assert read("dependencies: []\nchannels: [a, b]\n").channels == ("a", "b")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: x\ndependencies: numpy\n", 2, "dependencies must be a list"),
        ("dependencies:\n  - numpy\n  - [a]\n", 3, "a dependency must be a text, not a list"),
        ("dependencies:\n  - numpy\n  - scipy: 1\n", 3, "the one map that can stand among the dependencies is 'pip:'"),
        ("dependencies:\n  - pip:\n    - a\n  - pip:\n    - b\n", 4, "the one map"),
        ("dependencies:\n  - 3.12\n", 2, "a number: put it in quotes"),
        ("dependencies:\n  - numpy[\n", 2, "is no match spec"),
        ("dependencies:\n  - num*\n", 2, "does not name one package"),
        ("dependencies:\n  - a>1\n  - b\n  - a<3\n", 4, "a stands in line 2 already"),
        ("dependencies:\n  - pip:\n      - -r more.txt\n", 3, "-r refers to another file"),
        ("dependencies:\n  - pip:\n      - -e .\n", 3, "-e refers to another file"),
        ("dependencies:\n  - pip:\n      - ==1\n", 3, "no requirement of pip"),
        ("channels: conda-forge\n", 1, "channels must be a list"),
        ("chanels:\n  - a\n", 1, "there is no key 'chanels': the keys are name, channels, dependencies, variables"),
        ("- numpy\n", 1, "the file must be a map of keys and values, not a list"),
        ("just a text\n", 1, "the file must be a map"),
        ("name: [x]\n", 1, "name must be a text"),
        ("variables:\n  A: true\n", 2, "the variable A must be a text, not a truth value: put it in quotes"),
        ("variables:\n  A: 1.10\n", 2, "a number: put it in quotes"),
        ("variables:\n  A-B: x\n", 2, "no name of a variable"),
        ("name: x\n  bad: y\n", 2, "cannot be read as YAML"),
        ("name: &x y\n", 1, "cannot be read as YAML (an anchor)"),
    ],
)
def test_another_shape_is_told_by_its_place(text, line, said):
    with pytest.raises(FileError) as caught:
        read(text)
    assert caught.value.line == line and said in caught.value.problem, str(caught.value)


@pytest.mark.parametrize(
    "request_",
    [
        Request(
            name="x",
            channels=("conda-forge", "https://example.org/t/"),
            specs=("a=1=0", "b[build='x*']"),
            pip=("c==1",),
        ),
        Request(name="true", specs=("a: b", "#c"), variables={"A": "1", "B": "it's", "C": "a\nb", "D": "", "E": "no"}),
        Request(name="12", channels=(), specs=(), has_nodefaults=True),
        Request(pip=("a @ https://example.org/a.whl#sha256=" + SHA256,)),
    ],
)
def test_what_is_written_is_read_again_also_by_others(request_):
    text = write_environment_file(request_, prefix="/opt/a b")
    content = yaml.safe_load(text)
    assert content.get("name") == request_.name and content["prefix"] == "/opt/a b"
    assert content.get("variables", {}) == dict(request_.variables)
    plain = [item for item in content["dependencies"] if isinstance(item, str)]
    assert tuple(plain) == request_.specs
    assert [item["pip"] for item in content["dependencies"] if isinstance(item, dict)] == [list(request_.pip)][
        : len(request_.pip)
    ]
    if not any(sign in "".join(request_.specs) for sign in ":#"):
        assert read(text) == request_


EXPLICIT = f"""\
# platform: linux-64
@EXPLICIT
{FORGE}linux-64/zlib-1.3.1-hb9d3cd8_2.conda#{MD5}
{FORGE}noarch/six-1.16.0-pyh6c4a22f_0.tar.bz2#{SHA256}
{FORGE}linux-64/a-b-1.0-0.conda#sha256:{SHA256}

file:///srv/c/noarch/c-1!2.0-py_0.conda
"""


def test_an_explicit_list_is_read_and_written():
    found = read(EXPLICIT)
    assert found.kind == "explicit" and not found.specs
    assert [package.dist for package in found.explicit] == [
        ("zlib", "1.3.1", "hb9d3cd8_2"),
        ("six", "1.16.0", "pyh6c4a22f_0"),
        ("a-b", "1.0", "0"),
        ("c", "1!2.0", "py_0"),
    ]
    assert [(item.md5, item.sha256) for item in found.explicit] == [
        (MD5, None),
        (None, SHA256),
        (None, SHA256),
        (None, None),
    ]
    assert read(write_explicit_file(found.explicit, platform="linux-64")) == found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("six-1.16.0-py_0.conda", "must be a URL"),
        (f"{FORGE}noarch/six.conda", "NAME-VERSION-BUILD"),
        (f"{FORGE}noarch/six-1.16.0-py_0.zip", "NAME-VERSION-BUILD"),
        (f"{FORGE}noarch/six-1.16.0-py_0.conda#{MD5[:-1]}", "MD5 or SHA-256 sum"),
        (f"{FORGE}noarch/six-1.16.0-py_0.conda#{MD5.upper()}", "small letters"),
        (f"{FORGE}noarch/six-1.16.0-py_0.conda#sha256:{MD5}", "SHA-256 sum"),
        (f"{FORGE}noarch/zlib-1-0.conda\n{FORGE}noarch/zlib-2-0.conda", "zlib stands in line 2 already"),
        ("numpy=1.26", "must be a URL"),
    ],
)
def test_a_line_of_an_explicit_list_that_is_none_is_told(line, said):
    with pytest.raises(FileError) as caught:
        read("@EXPLICIT\n" + line + "\n")
    assert said in caught.value.problem and caught.value.line == 2 + line.count("\n")


CONDA_LOCK = f"""\
version: 1
metadata:
  content_hash:
    linux-64: 4d4e
  channels:
  - url: conda-forge
    used_env_vars: []
  platforms:
  - linux-64
  - osx-64
  sources:
  - environment.yml
package:
- name: zlib
  version: 1.3.1
  manager: conda
  platform: linux-64
  dependencies:
    __glibc: '>=2.17,<3.0.a0'
    libzlib: 1.3.1
  url: {FORGE}linux-64/zlib-1.3.1-hb9d3cd8_2.conda
  hash:
    md5: {MD5}
    sha256: {SHA256}
  category: main
  optional: false
- name: zlib
  version: 1.3.1
  manager: conda
  platform: osx-64
  dependencies: {{}}
  url: {FORGE}osx-64/zlib-1.3.1-hd23fc13_2.conda
  hash:
    md5: {MD5}
  category: main
  optional: false
- name: pytest
  version: 8.3.4
  manager: conda
  platform: linux-64
  dependencies: {{}}
  url: {FORGE}noarch/pytest-8.3.4-pyhd8ed1ab_0.conda
  hash:
    md5: {MD5}
  category: dev
  optional: true
- name: My_Wheel
  version: '2.0'
  manager: pip
  platform: linux-64
  dependencies: {{}}
  url: https://files.example.org/my_wheel-2.0-py3-none-any.whl
  hash:
    sha256: {SHA256}
  category: main
  optional: false
"""


def test_a_conda_lock_is_read_for_its_platform_and_categories():
    found = read(CONDA_LOCK)
    assert found.kind == "conda-lock" and found.channels == ("conda-forge",) and found.pip_is_whole
    assert [(item.name, item.md5, item.sha256) for item in found.explicit] == [("zlib", MD5, SHA256)]
    assert found.explicit[0].url == f"{FORGE}linux-64/zlib-1.3.1-hb9d3cd8_2.conda"
    assert found.pip == (f"My_Wheel @ https://files.example.org/my_wheel-2.0-py3-none-any.whl#sha256={SHA256}",)
    both = read(CONDA_LOCK, categories=["main", "dev"])
    assert [item.name for item in both.explicit] == ["zlib", "pytest"]
    assert [item.build for item in read(CONDA_LOCK, platform="osx-64").explicit] == ["hd23fc13_2"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("version: 1\nmetadata", "version: 2\nmetadata"), "of version 1 can be read, this is version 2"),
        ((f"  url: {FORGE}linux-64", f"  address: {FORGE}linux-64"), "the url of a package is missing"),
        ((f"    md5: {MD5}\n    sha256", "    md5: nothing\n    sha256"), "an MD5 sum must have 32 digits"),
        (("platform: linux-64", "platform: win-64"), "nothing for the platform linux-64, but for osx-64, win-64"),
    ],
)
def test_a_conda_lock_of_another_shape_is_told(change, said):
    with pytest.raises(FileError, match=said):
        read(CONDA_LOCK.replace(*change))


PIXI_OLD = f"""\
version: 5
environments:
  default:
    channels:
    - url: {FORGE}
    indexes:
    - https://pypi.example.org/simple
    packages:
      linux-64:
      - conda: {FORGE}linux-64/zlib-1.3.1-hb9d3cd8_2.conda
      - pypi: https://files.example.org/idna-3.7-py3-none-any.whl
  test:
    channels:
    - url: {FORGE}
    packages:
      linux-64:
      - conda: {FORGE}noarch/pytest-8.3.4-pyhd8ed1ab_0.conda
packages:
- kind: conda
  name: zlib
  version: 1.3.1
  build: hb9d3cd8_2
  subdir: linux-64
  url: {FORGE}linux-64/zlib-1.3.1-hb9d3cd8_2.conda
  sha256: {SHA256}
  md5: {MD5}
- kind: pypi
  name: idna
  version: '3.7'
  url: https://files.example.org/idna-3.7-py3-none-any.whl
  sha256: {SHA256}
  requires_python: '>=3.5'
"""
PIXI_NEW = PIXI_OLD.replace("version: 5", "version: 6").replace(
    "- kind: conda\n  name: zlib\n  version: 1.3.1\n  build: hb9d3cd8_2\n  subdir: linux-64\n  url: ", "- conda: "
).replace("- kind: pypi\n  name: idna\n  version: '3.7'\n  url: ", "- pypi: ").replace(
    "whl\n  sha256", "whl\n  name: idna\n  version: '3.7'\n  sha256"
)  # fmt: skip


@pytest.mark.parametrize("text", [PIXI_OLD.replace("version: 5", "version: 4"), PIXI_OLD, PIXI_NEW])
def test_a_pixi_lock_of_each_version_is_read(text):
    found = read(text)
    assert found.kind == "pixi" and found.channels == (FORGE,) and found.pip_is_whole
    assert [(item.dist, item.md5, item.sha256) for item in found.explicit] == [
        (("zlib", "1.3.1", "hb9d3cd8_2"), MD5, SHA256)
    ]
    assert found.pip == (f"idna @ https://files.example.org/idna-3.7-py3-none-any.whl#sha256={SHA256}",)
    assert [item.name for item in read(text, environment="test").explicit] == ["pytest"]


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (("version: 6", "version: 3"), {}, "of version 4, 5, 6, 7 can be read, this is version 3"),
        (("", ""), {"environment": "gpu"}, "there is no environment 'gpu': there are default, test"),
        (("", ""), {"platform": "osx-64"}, "nothing for the platform osx-64, but for linux-64"),
        ((f"- conda: {FORGE}linux", "- conda: ../linux"), {}, "lies beside the lock file"),
        (("  name: idna\n", ""), {}, "the name of https://files.example.org/idna-3.7-py3-none-any.whl is missing"),
    ],
)
def test_a_pixi_lock_of_another_shape_is_told(change, options, said):
    with pytest.raises(FileError, match=said):
        read(PIXI_NEW.replace(*change) if change[0] else PIXI_NEW, **options)


def test_a_lock_that_rattler_writes_is_read(tmp_path):
    rattler = pytest.importorskip("rattler")
    build_string = pytest.importorskip("rattler.package.build_string").BuildString
    url = f"{FORGE}linux-64/zlib-1.3.1-hb9d3cd8_2.conda"
    record = rattler.PackageRecord(
        name="zlib", version="1.3.1", build=build_string("hb9d3cd8_2"), build_number=2, subdir="linux-64"
    )
    record.md5, record.sha256 = bytes.fromhex(MD5), bytes.fromhex(SHA256)
    platform = rattler.LockPlatform("linux-64")
    lock = rattler.LockFile([platform])
    lock.set_channels("default", [rattler.LockChannel(FORGE)])
    lock.add_conda_package(
        "default", platform, rattler.RepoDataRecord(record, url.rsplit("/", maxsplit=1)[-1], url, FORGE)
    )
    lock.to_path(tmp_path / "pixi.lock")
    found = read((tmp_path / "pixi.lock").read_text())
    assert [(item.url, item.md5, item.sha256) for item in found.explicit] == [(url, MD5, SHA256)]
    assert found.channels == (FORGE,)


VERSIONS = (
    "1.0 1.0.0 1 1.1 1.10 1.0a1 1.0.alpha-1 1.0b2 1.0rc1 1.0c1 1.0.dev3 1.0a1.dev1 1.0.post1 1.0-1 1.0.post1.dev2 v1.0"
    " 1!0.5 1.0+local 1.0+local.2 1.0+10 2.5.1+cu128 2.5.1 2024.10.0 2.5.1.post1 0.9.9 1.0.0.1"
).split()
CLAUSES = [f"{operator}{version}" for operator in ("==", "!=", "<=", ">=", "<", ">") for version in VERSIONS]
CLAUSES += [
    "~=1.0",
    "~=1.0.0",
    "~=2.5.1",
    "~=1!0.5",
    "==1.*",
    "==1.0.*",
    "!=1.0.*",
    "==2.5.*",
    "===1.0",
    "===2.5.1+cu128",
]


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_clause_of_a_requirement_is_judged_as_pip_judges_it(clause):
    specifiers = pytest.importorskip("packaging.specifiers")
    pytest.importorskip("packaging", "26", reason="packaging 26 corrected the order of pre- and post-releases")
    try:
        expected = specifiers.SpecifierSet(clause, prereleases=True)
    except specifiers.InvalidSpecifier:  # an order of a version with a local part is not allowed
        return
    for version in VERSIONS:
        assert Specifiers(clause).is_met_by(version) == expected.contains(version), (version, clause)


@pytest.mark.parametrize(
    ("text", "name", "clauses", "url", "marker"),
    [
        ("torch==2.5.1", "torch", (("==", "2.5.1"),), None, None),
        ("Ruamel.Yaml [x, y] >=0.15 , <1 # why", "ruamel-yaml", ((">=", "0.15"), ("<", "1")), None, None),
        ("a (>=1)", "a", ((">=", "1"),), None, None),
        ('b ; python_version < "3"', "b", (), None, 'python_version < "3"'),
        ("c @ https://example.org/c.whl#sha256=00 ; extra", "c", (), "https://example.org/c.whl#sha256=00", "extra"),
        ("git+https://example.org/d.git@v1", None, (), "git+https://example.org/d.git@v1", None),
        ("e==1 --hash=sha256:00", "e", (("==", "1"),), None, None),
    ],
)
def test_a_requirement_of_pip_is_read(text, name, clauses, url, marker):
    found = parse_requirement(text)
    assert (found.name, found.clauses, found.url, found.marker) == (name, clauses, url, marker)
    assert not found.is_option and parse_requirement("--pre").is_option
