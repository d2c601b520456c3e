# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on the space of package caches, with real files and real hard links."""

from __future__ import annotations

import json
import os
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _rules_storage, _storage
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rules_storage import RULES
from ansible_collections.labfleet.conda.plugins.module_utils._system._directory import Directory
from ansible_collections.labfleet.conda.plugins.module_utils._system._errors import TimeIsUp

BASE = "/opt/conda"
SIZE = 65536
NUMPY, CERTIFI, PYTHON = "numpy-2.0-py0", "certifi-1-0", "python-3.13.1-h1_0"


def rules(*names):
    return [rule for rule in RULES if rule.id in names]


def extract(host, cache, name, files, seed=b"x"):
    """Put an extracted package into a cache."""
    for path in files:
        host.write("%s/%s/%s" % (cache, name, path), seed * SIZE)
    host.write("%s/%s/info/index.json" % (cache, name), "{}")


def install(host, prefix, cache, name, paths, how):
    """Link or copy files of a package into an environment; paths maps those of the package to those of the prefix."""
    for path, place in paths.items():
        source, target = host.path("%s/%s/%s" % (cache, name, path)), host.path(prefix + "/" + place)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        how(source, target)


def copy(source, target):
    with open(source, "rb") as stream, open(target, "wb") as other:
        other.write(stream.read())


@pytest.fixture
def cache(host):
    host.environment(BASE, ["conda-26.7.1-py313_0"])
    path = BASE + "/pkgs"
    extract(host, path, NUMPY, ["lib/a.so", "lib/b.so", "bin/f2py"])
    extract(host, path, CERTIFI, ["site-packages/certifi/cacert.pem"])
    return path


NUMPY_PATHS = {name: name for name in ("lib/a.so", "lib/b.so", "bin/f2py")}
CERTIFI_PATHS = {"site-packages/certifi/cacert.pem": "lib/python3.13/site-packages/certifi/cacert.pem"}


@pytest.fixture
def train(host, cache):
    return host.environment(BASE + "/envs/train", [NUMPY, CERTIFI, PYTHON])


def test_storage_is_looked_at_only_when_asked_for(host, run_audit, cache):
    judgement = run_audit(host, RULES).judgement
    assert judgement.findings == [] and len(judgement.not_checked) == len(RULES)


def test_the_size_of_a_cache(host, findings, cache, train):
    install(host, train, cache, NUMPY, NUMPY_PATHS, os.link)
    host.write(cache + "/x-1-0.conda", b"x" * SIZE)
    host.write(cache + "/y-1-0.conda.partial", b"x" * SIZE)
    os.link(host.path(cache + "/x-1-0.conda"), host.path(cache + "/again-1-0.conda"))
    (found,) = findings(host, rules("cache.size"), storage=True)
    details = found["details"]
    assert (found["subject"], found["severity"], found["item"]) == (cache, "info", None)
    assert details["shared_bytes"] == 3 * SIZE
    assert details["archive_bytes"] == details["unfinished_bytes"] == SIZE
    assert 3 * SIZE <= details["reclaimable_bytes"] <= 3 * SIZE + 20 * 4096
    assert details["bytes"] == details["shared_bytes"] + details["reclaimable_bytes"]


def test_a_limit_of_the_policy(host, findings, cache):
    merged = {"values": {"caches": {"max_gigabytes": 0.0001}}, "layers": {"caches.max_gigabytes": "platform"}}
    (found,) = findings(host, rules("cache.size"), storage=True, policy=merged)
    assert (found["severity"], found["layer"]) == ("medium", "platform")
    (found,) = findings(host, rules("cache.size"), storage=True, policy={"caches": {"max_gigabytes": 1}})
    assert found["severity"] == "info"


def test_much_that_no_environment_uses(host, findings, cache, train, monkeypatch):
    assert findings(host, rules("cache.growth"), storage=True) == []
    monkeypatch.setattr(_rules_storage, "WORTH_TELLING", 3 * SIZE)
    assert [item["subject"] for item in findings(host, rules("cache.growth"), storage=True)] == [cache]
    install(host, train, cache, NUMPY, NUMPY_PATHS, os.link)
    assert findings(host, rules("cache.growth"), storage=True) == []


def test_the_same_packages_in_several_caches(host, findings, cache):
    other = host.user("alice", 1000) + "/.conda/pkgs"
    extract(host, other, CERTIFI, ["site-packages/certifi/cacert.pem"])
    extract(host, other, "only-1-0", ["x"])
    (found,) = findings(host, rules("cache.duplicates"), storage=True)
    assert (found["subject"], found["severity"]) == ("/", "info")
    details = found["details"]
    assert (details["packages"], details["largest"]) == (1, [CERTIFI])
    assert SIZE <= details["reclaimable_bytes"] <= SIZE + 8 * 4096
    assert details["reclaimable_inodes"] == 6  # the package, four directories or files in it, and its index
    assert [item["path"] for item in details["caches"]] == [other, cache]


def test_caches_that_share_their_files_hold_no_duplicates(host, findings, cache):
    other = host.user("alice", 1000) + "/.conda/pkgs"
    install(host, other, cache, CERTIFI, {"info/index.json": CERTIFI + "/info/index.json"}, os.link)
    path = "site-packages/certifi/cacert.pem"
    install(host, other, cache, CERTIFI, {path: CERTIFI + "/" + path}, os.link)
    assert findings(host, rules("cache.duplicates"), storage=True) == []


def test_linked_packages_are_sound(host, findings, cache, train):
    install(host, train, cache, NUMPY, NUMPY_PATHS, os.link)
    install(host, train, cache, CERTIFI, CERTIFI_PATHS, os.link)
    assert findings(host, rules("link.broken"), storage=True) == []


def test_copied_packages(host, findings, cache, train):
    install(host, train, cache, NUMPY, NUMPY_PATHS, os.link)
    install(host, train, cache, CERTIFI, CERTIFI_PATHS, copy)
    (found,) = findings(host, rules("link.broken"), storage=True)
    assert (found["subject"], found["severity"], found["environment"]) == (train, "low", "train")
    assert found["details"] == {
        "packages": 1,
        "reclaimable_bytes": SIZE,
        "reclaimable_inodes": 1,
        "names": [CERTIFI],
    }
    os.unlink(host.path(train + "/lib/a.so"))
    for name in ("lib/b.so", "bin/f2py"):
        os.unlink(host.path(train + "/" + name))
    install(host, train, cache, NUMPY, NUMPY_PATHS, copy)
    (found,) = findings(host, rules("link.broken"), storage=True)
    assert (found["details"]["reclaimable_bytes"], found["details"]["reclaimable_inodes"]) == (4 * SIZE, 4)


@pytest.mark.parametrize("form", ["paths.json", "has_prefix", "no_link"])
def test_what_conda_must_copy_is_no_finding(host, findings, cache, train, form):
    if form == "paths.json":
        paths = [{"_path": path, "prefix_placeholder": "/opt/x"} for path in NUMPY_PATHS]
        text = json.dumps({"paths_version": 1, "paths": paths})
    elif form == "has_prefix":
        text = "".join('/opt/x binary "%s"\n' % path for path in NUMPY_PATHS)
    else:
        text = "".join("%s\n" % path for path in NUMPY_PATHS)
    host.write("%s/%s/info/%s" % (cache, NUMPY, form), text)
    install(host, train, cache, NUMPY, NUMPY_PATHS, copy)
    assert findings(host, rules("link.broken"), storage=True) == []


def test_nobody_can_link_to_the_cache_of_another(host, findings, cache, train, as_root):
    install(host, train, cache, NUMPY, NUMPY_PATHS, copy)
    os.chown(host.path(train), 1000, 1000)
    assert findings(host, rules("link.broken"), storage=True) == []


def test_each_directory_of_a_cache_is_listed_once(host, run_audit, cache, train, monkeypatch):
    listed, statuses = [], Directory.statuses
    monkeypatch.setattr(
        Directory, "statuses", lambda self, **limits: listed.append(self.path) or statuses(self, **limits)
    )
    install(host, train, cache, NUMPY, NUMPY_PATHS, os.link)
    run_audit(host, RULES, storage=True)
    of_cache = [path for path in listed if path.startswith(cache)]
    assert sorted(of_cache) == sorted(set(of_cache)) and cache + "/" + NUMPY + "/lib" in of_cache


def test_a_hostile_cache(host, run_audit, cache):
    """Links, loops, FIFOs, any bytes, a depth without end, and a package that is no directory."""
    host.link(cache + "/evil-1-0", "/etc")
    host.link(cache + "/loop-1-0", cache)
    host.write(cache + "/file-1-0", b"x")
    os.mkfifo(host.path(cache + "/" + NUMPY + "/fifo"))
    host.write(os.fsdecode(os.fsencode(cache) + b"/\xff\n-1-0/x"), b"x" * SIZE)
    host.write(cache + "/deep-1-0" + "/d" * 100 + "/x", b"x")
    auditing = run_audit(host, RULES, storage=True)
    assert not auditing.judgement.unjudged
    (found,) = [item for item in auditing.judgement.findings if item["rule"] == "cache.size"]
    assert found["details"]["complete"] is False and found["details"]["packages"] == 3
    assert any("deep" in entry["reason"] for entry in auditing.look.report.entries)


def test_a_cache_that_was_exchanged_for_a_link_is_not_walked(host, run_audit, cache, monkeypatch):
    before = _storage.contents_of

    def exchange(root, path, note):
        os.rename(host.path(cache), host.path(cache + ".old"))
        host.link(cache, "/etc")
        return before(root, path, note)

    monkeypatch.setattr(_storage, "contents_of", exchange)
    auditing = run_audit(host, rules("cache.size"), storage=True)
    assert auditing.judgement.findings == []
    assert any("exchanged" in entry["reason"] for entry in auditing.look.report.entries)


def test_the_time_limit_holds_in_the_walk(host, run_audit, cache, monkeypatch):
    before = _storage.contents_of

    def too_late(root, path, note):
        root.deadline = time.monotonic() - 1
        return before(root, path, note)

    monkeypatch.setattr(_storage, "contents_of", too_late)
    auditing = run_audit(host, rules("cache.size"), storage=True)
    assert [entry["reason"] for entry in auditing.judgement.unjudged] == ["the time limit passed"]
    assert isinstance(auditing.look._error, TimeIsUp)
