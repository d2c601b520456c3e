# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading one environment: records, history, pins, marks and pip's packages, whoever wrote them."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.labfleet.conda.plugins.module_utils._prefix._environment import (
    read_environment,
    site_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._history import (
    Change,
    parse_history,
    parse_specs,
    spec_name,
)
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._pip import distributions, normalize
from ansible_collections.labfleet.conda.plugins.module_utils._prefix._records import (
    BadRecord,
    Record,
    RecordName,
    channel_name,
    parse_record,
    parse_record_name,
)
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Absent
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean

HISTORY = b"""==> 2026-11-22 10:00:00 <==
# cmd: /opt/conda/bin/conda create -n x python=3.12 numpy
# conda version: 26.7.1
+conda-forge/linux-64::numpy-2.2.0-py312_0
# update specs: ["python=3.12", "numpy"]
==> 2026-11-22 11:00:00 <==
# cmd: /opt/conda/bin/conda install numpy>=2.3 scipy
# conda version: 26.7.1
# update specs: ['numpy>=2.3', 'scipy']
==> 2026-11-22 12:00:00 <==
# cmd: /opt/conda/bin/conda remove scipy
# remove specs: ["scipy"]
"""


def _never(text):
    raise AssertionError("no warning was expected: " + text)


def read(host, report, prefix, **options):
    with host.root().directory(prefix) as directory:
        return read_environment(directory, report=report, **options)


def test_a_history_tells_who_asked_for_what():
    history = parse_history(HISTORY, warn=_never)
    assert history.revisions == 3
    assert history.first == Change(
        "2026-11-22 10:00:00", "/opt/conda/bin/conda create -n x python=3.12 numpy", "26.7.1"
    )
    assert history.last == Change("2026-11-22 12:00:00", "/opt/conda/bin/conda remove scipy", None)
    assert history.requested == {"python": "python=3.12", "numpy": "numpy>=2.3"}


@pytest.mark.parametrize(
    "text, specs",
    [
        ('["a", "b >=1,<2"]', ["a", "b >=1,<2"]),
        ("['a', \"b[version='>=1']\"]", ["a", "b[version='>=1']"]),
        (
            "python>=3.5.1,jupyter >=1.0.0,<2.0,matplotlib >=1.5.1,<2.0",
            ["python>=3.5.1", "jupyter >=1.0.0,<2.0", "matplotlib >=1.5.1,<2.0"],
        ),
        ("python 3.6*,six=1.10", ["python 3.6*", "six=1.10"]),
        ("", []),
        ('["feature@"]', []),
        ("[]", []),
    ],
)
def test_specs_lines_of_all_ages(text, specs):
    assert parse_specs(text) == specs


def test_no_part_of_a_password_is_left_where_a_long_command_is_cut():
    for length in range(4060, 4100, 3):
        line = "x" * length + " https://user:hunter2secret@example.org/c"
        for text in ("# cmd: " + line, "# conda version: " + line):
            history = parse_history(("==> 2026 <==\n%s\n" % text).encode(), warn=lambda _text: None)
            assert "hunt" not in str(clean(history.last))
    for length in range(60, 100):
        history = parse_history(("==> %s https://u:hunter2secret@x.org/c <==\n" % ("y" * length)).encode(), warn=_never)
        assert "hunt" not in clean(history.last.time)


@pytest.mark.parametrize("text", ["[1, 2]", "[", '["a"', "[__import__('os')]", "[" * 100000])
def test_specs_lines_that_are_no_list_are_refused(text):
    with pytest.raises(ValueError):
        parse_specs(text)


@pytest.mark.parametrize(
    "spec, name",
    [
        ("numpy", "numpy"),
        ("conda-forge::Numpy>=1", "numpy"),
        ("conda-forge/linux-64::a_b.c=1", "a_b.c"),
        ("x[build=1]", "x"),
        ("", None),
    ],
)
def test_the_name_in_a_spec(spec, name):
    assert spec_name(spec) == name


def test_a_bad_specs_line_is_told_and_the_rest_is_read():
    told = []
    data = b'==> 2026-01-01 00:00:00 <==\n# update specs: [oops\n# update specs: ["a"]\n'
    assert parse_history(data, warn=told.append).requested == {"a": "a"}
    assert len(told) == 1 and "update specs" in told[0]


@given(st.binary(max_size=300))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_bytes_are_read_as_a_history_without_an_error(data):
    parse_history(data, warn=lambda text: None)


@given(
    st.lists(
        st.sampled_from(HISTORY.decode().splitlines() + ["# update specs: [", "==> <==", "#", "# cmd:", "\x85", "\r"]),
        max_size=20,
    )
)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_history_lines_in_any_order_are_read_without_an_error(lines):
    history = parse_history("\n".join(lines).encode("utf-8"), warn=lambda text: None)
    assert history.revisions <= len(lines)


def test_record_names():
    assert parse_record_name("ca-certificates-2026.10.19-h1_0.json") == RecordName(
        "ca-certificates", "2026.10.19", "h1_0"
    )
    for bad in ("x.json", "x-1.json", "-1-0.json", "a--0.json"):
        assert parse_record_name(bad) is None


GOOD = {"name": "numpy", "version": "2.3.0", "build": "py_0", "build_number": 0}


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "valid JSON"),
        (b"{", "valid JSON"),
        (b"\xff\xfe{}", "valid JSON"),
        (b"[" * 100000, "valid JSON"),
        (b"[]", "no record"),
        (b"null", "no record"),
        (b"{}", "no name"),
        (json.dumps(dict(GOOD, version=1)).encode(), "no name"),
        (json.dumps(dict(GOOD, name="scipy")).encode(), "another package"),
    ],
)
def test_bad_records_are_refused_with_the_reason(content, reason):
    with pytest.raises(BadRecord, match=reason):
        parse_record(content, expected=RecordName("numpy", "2.3.0", "py_0"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "version", "build", "url", "channel", "link", "files", "subdir"]),
                x,
                max_size=5,
            )
        ),
        max_leaves=10,
    )
)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_json_is_a_record_or_refused(value):
    content = dict(GOOD, **value) if isinstance(value, dict) else value
    try:
        record = parse_record(json.dumps(content).encode(), expected=RecordName("numpy", "2.3.0", "py_0"))
    except BadRecord:
        return
    channel_name(record)
    assert record.url is None or isinstance(record.url, str)


@pytest.mark.parametrize(
    "url, channel, subdir, expected",
    [
        ("https://conda.anaconda.org/conda-forge/linux-64/a-1-0.conda", "conda-forge", "linux-64", "conda-forge"),
        ("https://repo.anaconda.com/pkgs/main/linux-64/a-1-0.conda", "defaults", "linux-64", "pkgs/main"),
        ("https://mirror.lab/conda-forge/noarch/a-1-0.conda", "x", "noarch", "https://mirror.lab/conda-forge"),
        (None, "https://conda.anaconda.org/bioconda/noarch", "noarch", "bioconda"),
        (None, "defaults", "linux-64", "defaults"),
        ("file:///srv/channels/pkgs/main/linux-64/a-1-0.tar.bz2", None, "linux-64", "file:///srv/channels/pkgs/main"),
        (None, None, None, None),
    ],
)
def test_the_channel_of_a_record(url, channel, subdir, expected):
    record = Record("a", "1", "0", 0, channel, subdir, url, frozenset())
    assert channel_name(record) == expected


FILES = ["bin/x", "lib/python3.12/site-packages/x-1.dist-info/METADATA", 'odd"name', "tail\\n  ]"]
PATHS = [{"_path": path, "path_type": "hardlink", "size_in_bytes": 1} for path in FILES]
FORMS = {
    "conda": lambda record: json.dumps(record, indent=2, sort_keys=True),
    "rattler": lambda record: json.dumps(
        dict(record, paths_data={"paths_version": 1, "paths": record["paths_data"]["paths"]}), indent=2
    ),
    "micromamba": lambda record: json.dumps(record, indent=4),
    "compact": json.dumps,
}


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("files", [FILES, FILES[:2], FILES[1:2], []])
def test_a_record_is_read_the_same_in_every_tools_form(form, files):
    record = dict(
        GOOD,
        url="https://h/c/noarch/numpy-2.3.0-py_0.conda",
        files=files,
        paths_data={"paths": PATHS[: len(files)], "paths_version": 1},
        link={"source": "/pkgs/x", "type": 1},
        requested_specs=["a", "b"],
    )
    found = parse_record(FORMS[form](record).encode(), expected=RecordName("numpy", "2.3.0", "py_0"))
    assert (found.url, found.build_number) == (record["url"], 0)
    assert found.metadata_directories == ({"x-1.dist-info"} if len(files) else set())


@pytest.mark.parametrize("damage", [b"\0" * 50, b"}", b"\xff"])
def test_damage_outside_of_the_lists_of_files_is_noticed(damage):
    data = FORMS["conda"](dict(GOOD, files=FILES, paths_data={"paths": PATHS, "paths_version": 1})).encode()
    for place in (5, len(data) - 20):
        with pytest.raises(BadRecord, match="valid JSON|no name"):
            parse_record(
                data[:place] + damage + data[place + len(damage) :], expected=RecordName("numpy", "2.3.0", "py_0")
            )
    with pytest.raises(BadRecord, match="valid JSON"):
        parse_record(data[:-30], expected=RecordName("numpy", "2.3.0", "py_0"))


def test_an_environment_is_read(host, report):
    host.environment("/opt/e", ("python-3.12.1-h1_0", "numpy-2.3.0-py312_0"), HISTORY.decode())
    host.write("/opt/e/conda-meta/pinned", "# comment\n\nnumpy 2.3.*\n")
    host.write("/opt/e/conda-meta/frozen", '{"message": "ask us"}')
    host.write("/opt/e/conda-meta/created_at", "1795000000.5")
    found = read(host, report, "/opt/e")
    assert found.records == [RecordName("numpy", "2.3.0", "py312_0"), RecordName("python", "3.12.1", "h1_0")]
    assert found.python_version == "3.12.1"
    assert found.pinned == ["numpy 2.3.*"]
    assert found.frozen.message == "ask us"
    assert found.created == 1795000000.5
    assert found.has_history and found.details is None
    assert report.count == 0


def test_few_files_are_opened_whatever_the_number_of_records(host, report):
    host.environment("/opt/e", ["p%d-1-0" % number for number in range(300)] + ["python-3.12.1-0"], HISTORY.decode())
    root = host.root()
    before = root.files_opened
    with root.directory("/opt/e") as directory:
        assert len(read_environment(directory, report=report).records) == 301
    assert root.files_opened - before == 1


def test_the_content_of_records_is_read_on_request(host, report):
    host.environment("/opt/e", ("numpy-2.3.0-py312_0",), "")
    (record,) = read(host, report, "/opt/e", with_details=True).details
    assert (record.build_number, record.channel) == (0, "https://conda.anaconda.org/conda-forge/linux-64")


def test_what_is_no_environment_is_absent(host, report):
    host.write("/opt/x/bin/python")
    with pytest.raises(Absent):
        read(host, report, "/opt/x")


def test_an_environment_without_history_is_suspect_and_read_all_the_same(host, report):
    host.environment("/opt/e", history=None)
    found = read(host, report, "/opt/e")
    assert not found.has_history and len(found.records) == 1


@pytest.mark.parametrize("name", ["python-3.12.1-h1_0.json", "history", "pinned", "frozen", "created_at"])
def test_a_fifo_in_any_place_is_reported_and_does_not_block(host, report, name):
    host.environment("/opt/e", ("zlib-1-0",), "")
    if name == "history":
        os.unlink(host.path("/opt/e/conda-meta/history"))
    os.mkfifo(host.path("/opt/e/conda-meta/" + name))
    found = read(host, report, "/opt/e", with_details=True)
    assert [entry["path"] for entry in report.entries] == ["/opt/e/conda-meta/" + name]
    assert "FIFO" in report.entries[0]["reason"]
    assert ("zlib", "1", "0") in found.records


def test_bad_records_are_reported_and_the_others_read(host, report):
    host.environment("/opt/e", ("a-1-0", "b-1-0", "c-1-0"), "")
    host.write("/opt/e/conda-meta/a-1-0.json", "{")
    host.write("/opt/e/conda-meta/b-1-0.json", b" " * (17 * 1024 * 1024))
    host.write("/opt/e/conda-meta/odd.json", "{}")
    host.write("/opt/e/conda-meta/._c-1-0.json", "AppleDouble")
    found = read(host, report, "/opt/e", with_details=True)
    assert [record.name for record in found.details] == ["c"]
    reasons = {os.path.basename(entry["path"]): entry["reason"] for entry in report.entries}
    assert sorted(reasons) == ["a-1-0.json", "b-1-0.json", "odd.json"]
    assert "limit" in reasons["b-1-0.json"]


def test_a_million_entries_are_not_listed(host, report, monkeypatch):
    from ansible_collections.labfleet.conda.plugins.module_utils._system import _directory

    monkeypatch.setattr(_directory.Directory.names, "__kwdefaults__", {"limit": 10})
    host.environment("/opt/e", ["p%d-1-0" % number for number in range(20)])
    found = read(host, report, "/opt/e")
    assert found.records is None, "a part of the records would be a wrong answer"
    assert "more than 10 entries" in report.entries[0]["reason"]


def _dist_info(host, prefix, name, installer):
    place = "%s/lib/python3.12/site-packages/%s.dist-info" % (prefix, name)
    host.write(place + "/METADATA", "")
    if installer:
        host.write(place + "/INSTALLER", installer + "\n")


def test_what_pip_installed_is_told_from_what_conda_installed(host, report):
    files = {"python-dateutil": ["lib/python3.12/site-packages/python_dateutil-2.9.0.dist-info/METADATA"]}
    files["pytorch"] = ["lib/python3.12/site-packages/torch-2.5.1.dist-info/METADATA"]
    host.environment(
        "/opt/e", ("python-3.12.1-0", "numpy-2.3.0-0", "python-dateutil-2.9.0-0", "pytorch-2.5.1-0"), files=files
    )
    _dist_info(host, "/opt/e", "numpy-2.2.0", "pip")  # pip over conda: the record says 2.3.0
    _dist_info(host, "/opt/e", "python_dateutil-2.9.0", "conda")
    _dist_info(host, "/opt/e", "torch-2.5.1", "conda")  # another name than its record
    _dist_info(host, "/opt/e", "wandb-0.19.1", "uv")
    _dist_info(host, "/opt/e", "mystery-1", None)
    quick = read(host, report, "/opt/e").pip_packages
    assert [package[:] for package in quick] == [("numpy", "2.2.0", "pip"), ("wandb", "0.19.1", "uv")]
    exact = read(host, report, "/opt/e", with_details=True).pip_packages
    assert [package[:] for package in exact] == [
        ("mystery", "1", None),
        ("numpy", "2.2.0", "pip"),
        ("wandb", "0.19.1", "uv"),
    ]


def test_a_project_that_conda_installed_with_pips_mark_is_conda_s_by_its_record(host, report):
    files = {"pytorch": ["lib/python3.12/site-packages/torch-2.5.1.dist-info/METADATA"]}
    host.environment("/opt/e", ("python-3.12.1-0", "pytorch-2.5.1-0"), files=files)
    _dist_info(host, "/opt/e", "torch-2.5.1", "pip")
    assert read(host, report, "/opt/e", with_details=True).pip_packages == []


def test_an_egg_info_that_is_a_file_is_condas_by_its_record(host, report):
    name = "conda-4.3.16-py3.6.egg-info"
    files = {"conda": ["lib/python3.6/site-packages/" + name]}
    host.environment("/opt/e", ("python-3.6.15-0", "conda-4.3.16-0"), files=files)
    host.write("/opt/e/lib/python3.6/site-packages/" + name)
    assert read(host, report, "/opt/e", with_details=True).pip_packages == []
    assert read(host, report, "/opt/e").pip_packages == []


def test_names_of_python_projects():
    assert normalize("Ruamel.Yaml_X") == "ruamel-yaml-x"
    found = distributions(["a_b-1.0.dist-info", "c-2.0-py3.6.egg-info", "d.pth", "e-info", "x-1.dist-info.bak"])
    assert [item[:2] for item in found] == [("a_b", "1.0"), ("c", "2.0")]


def test_a_free_threaded_python_has_its_own_packages():
    assert site_packages(RecordName("python", "3.13.1", "h1_100_cp313")) == "lib/python3.13/site-packages"
    assert site_packages(RecordName("python", "3.13.1", "h1_0_cp313t")) == "lib/python3.13t/site-packages"


def test_a_prefix_whose_conda_meta_is_a_users_link_to_another_users_secrets(host, report, as_root):
    home = host.user("mallory", 4711)
    host.write("/root/private/history", "==> 2026-01-01 00:00:00 <==\n# cmd: secret\n", mode=0o600)
    os.chmod(host.path("/root/private"), 0o700)
    host.link(home + "/e/conda-meta", "/root/private")
    os.lchown(host.path(home + "/e/conda-meta"), 4711, 4711)
    from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import Unreadable

    with pytest.raises(Unreadable, match="mallory"):
        read(host, report, home + "/e")
