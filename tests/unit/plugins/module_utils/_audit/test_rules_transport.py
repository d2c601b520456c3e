# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on transport: encryption, certificates, waiting before new packages, signatures."""

from __future__ import annotations

import json
import os
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _rules_http, _rules_transport

RULES = _rules_http.RULES + _rules_transport.RULES


@pytest.fixture
def ask(findings):
    """A function that asks one rule, and gives the findings."""

    def ask_one(host, rule, **keywords):
        rules = [item for item in RULES if item.id == rule]
        assert rules
        return findings(host, rules, **keywords)

    return ask_one


@pytest.fixture
def base(host):
    """A host with one conda of today."""
    host.environment("/opt/conda", ["conda-26.9.4-py313_0", "python-3.13.1-h1_0"])
    return host


def condarc(host, text):
    return host.write("/etc/conda/condarc", text)


def items(found):
    return [(item["subject"], item["item"]) for item in found]


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("channels: [http://a.example/c]\n", "channels: http://a.example/c"),
        ("channels: [ftp://a.example/c]\n", "channels: ftp://a.example/c"),
        ("channel_alias: http://a.example\n", "channel_alias: http://a.example"),
        ("custom_channels:\n  lab: http://a.example\n", "custom_channels: http://a.example"),
        ("custom_multichannels:\n  all: [http://a.example/x]\n", "custom_multichannels: http://a.example/x"),
        ("default_channels: [http://a.example/m]\n", "default_channels: http://a.example/m"),
        ("mirrored_channels:\n  x: ['http://a.example/m']\n", "mirrored_channels: http://a.example/m"),
        ("channels: ['http://u:pw@a.example/t/tokenword/c']\n", "channels: http://********@a.example/t/********/c"),
    ],
)
def test_a_channel_without_encryption(base, ask, text, item):
    condarc(base, text)
    (found,) = ask(base, "chan.http")
    assert items([found]) == [("/etc/conda/condarc", item)]
    assert found["severity"] == "high"
    assert "tokenword" not in json.dumps(found)


@pytest.mark.parametrize(
    "text",
    [
        "channels: [https://a.example/c, conda-forge, file:///srv/c, /srv/c]\n",
        "proxy_servers:\n  http: http://proxy.example:3128\n",
        "channel_alias: https://a.example\n",
    ],
)
def test_channels_with_encryption_and_proxies_are_none(base, ask, text):
    condarc(base, text)
    assert ask(base, "chan.http") == []


def test_what_stays_on_the_host_is_less_bad(base, ask):
    names = ("localhost:8000", "127.0.0.1", "[::1]:80", "127.evil.example", "localhost.example")
    condarc(base, "channels: [%s]\n" % ", ".join("'http://%s/c'" % name for name in names))
    severities = {item["item"]: item["severity"] for item in ask(base, "chan.http")}
    assert [severities["channels: http://%s/c" % name] for name in names] == ["low", "low", "low", "high", "high"]


def test_packages_that_came_without_encryption(base, ask):
    for number in range(3):
        url = "http://u:pw@a.example/lab/noarch/p%d-1-0.conda" % number
        record = {"name": "p%d" % number, "version": "1", "build": "0", "url": url}
        base.write("/opt/conda/conda-meta/p%d-1-0.json" % number, json.dumps(record))
    (found,) = ask(base, "chan.http.installed")
    assert items([found]) == [("/opt/conda", "http://a.example/lab")]
    assert found["details"] == {"packages": 3}


def test_the_file_of_an_environment_names_a_channel_without_encryption(base, ask, run_audit):
    text = "name: x\nchannels:\n  - http://a.example/c\n  - conda-forge\ndependencies:\n  - python\n  - pip:\n    - x\n"
    base.write("/opt/conda/environment.yml", text)
    base.write("/opt/conda/conda-meta/environment.yml", text)
    found = ask(base, "chan.http.installed")
    assert items(found) == [("/opt/conda", "environment.yml: http://a.example/c")]
    base.write("/opt/conda/environment.yml", "channels: {http://a\n")
    auditing = run_audit(base, RULES)
    assert any(entry["path"] == "/opt/conda/environment.yml" for entry in auditing.look.report.entries)


def test_downloads_without_encryption_are_counted_by_their_channel(base, ask):
    lines = ["https://conda.anaconda.org/conda-forge/noarch/a-1-0.conda"]
    lines += ["http://a.example/t/tokenword/lab/noarch/p%d-1-0.conda" % number for number in range(4)]
    base.write("/opt/conda/pkgs/urls.txt", "\n".join(lines) + "\n")
    (found,) = ask(base, "chan.http.cached")
    assert items([found]) == [("/opt/conda/pkgs", "http://a.example/lab")]
    assert "4 downloads" in found["evidence"]
    assert "tokenword" not in json.dumps(found)


@pytest.mark.parametrize("text", ["ssl_verify: false\n", "verify_ssl: no\n", "ssl_verify: <false>\n"])
def test_certificates_that_are_not_checked(base, ask, text):
    condarc(base, text)
    assert items(ask(base, "tls.verify")) == [("/etc/conda/condarc", "ssl_verify")]


def test_certificates_that_are_not_checked_by_a_variable(base, ask):
    base.write("/etc/environment", "CONDA_SSL_VERIFY=false\n")
    (found,) = ask(base, "tls.verify")
    assert found["subject"] == "CONDA_SSL_VERIFY"
    assert "Set the variable CONDA_SSL_VERIFY to true" in found["remedy"]


def test_mirrors_that_are_not_checked(base, ask):
    condarc(base, "mirrored_channels:\n  conda-forge:\n    - url: https://a.example\n      verify: false\n")
    assert items(ask(base, "tls.verify")) == [("/etc/conda/condarc", "mirrored_channels: https://a.example")]


@pytest.mark.parametrize("text", ["ssl_verify: true\n", "ssl_verify: truststore\n", "channels: [x]\n"])
def test_certificates_that_are_checked(base, ask, text):
    condarc(base, text)
    assert ask(base, "tls.verify") == []
    assert ask(base, "tls.bundle") == []


def test_a_setting_of_certificates_that_conda_cannot_take_is_unknown(base, run_audit):
    condarc(base, "ssl_verify: [a]\n")
    auditing = run_audit(base, RULES)
    assert [item for item in auditing.judgement.findings if item["rule"].startswith("tls")] == []
    assert any("ssl_verify cannot be judged" in item["reason"] for item in auditing.look.report.entries)


def test_hosts_that_pip_trusts(base, findings):
    home = base.user("alice", 1001)
    base.write("/etc/pip.conf", "[global]\nindex-url = https://a.example/simple\ntrusted-host = a.example\n")
    base.write(home + "/.config/pip/pip.conf", "[install]\ntrusted_host: b.example\n   c.example\ntimeout = 5\n   d\n")
    base.write("/opt/conda/pip.conf", "[global]\n# trusted-host = d.example\ntimeout = 60\n")
    base.write("/etc/environment", "PIP_TRUSTED_HOST=e.example\n")
    found = findings(base, [rule for rule in RULES if rule.id.startswith("tls.verify.pip")])
    assert [(item["rule"], item["subject"], item["path"]) for item in found] == [
        ("tls.verify.pip", "/home/alice", "/home/alice/.config/pip/pip.conf"),
        ("tls.verify.pip_host", "/etc/environment", None),
        ("tls.verify.pip_host", "/etc/pip.conf", "/etc/pip.conf"),
    ]
    assert "b.example, c.example without" in found[0]["evidence"]
    base.write("/opt/conda/pip.conf", "[global]\ntrusted-host = d.example\n")
    found = findings(base, [rule for rule in RULES if rule.id == "tls.verify.pip_environment"])
    assert items(found) == [("/opt/conda", "pip trusted-host: pip.conf")]


def test_a_bundle_that_is_not_there(base, ask):
    condarc(base, "ssl_verify: /etc/ssl/ours.pem\n")
    base.write("/etc/environment", 'REQUESTS_CA_BUNDLE="/etc/ssl/gone.pem"\n')
    assert [(item["subject"], item["item"], item["severity"]) for item in ask(base, "tls.bundle")] == [
        ("/etc/conda/condarc", "ssl_verify", "medium"),
        ("/etc/environment", "REQUESTS_CA_BUNDLE", "medium"),
    ]
    base.write("/etc/ssl/ours.pem", "x")
    base.write("/etc/ssl/gone.pem", "x")
    os.utime(base.path("/etc/ssl/ours.pem"), (0, 1600000000))
    assert [(item["item"], item["severity"]) for item in ask(base, "tls.bundle")] == [("ssl_verify", "low")]


def test_a_bundle_in_a_home_is_looked_for_there(base, ask):
    home = base.user("alice", 1001)
    base.write(home + "/.condarc", "ssl_verify: ~/ca.pem\n")
    assert items(ask(base, "tls.bundle")) == [(home + "/.condarc", "ssl_verify")]
    base.write(home + "/ca.pem", "x")
    assert ask(base, "tls.bundle") == []


def test_a_bundle_at_a_place_that_depends_on_the_user_is_unknown(base, run_audit):
    condarc(base, "ssl_verify: ca.pem\n")
    auditing = run_audit(base, RULES)
    assert [item for item in auditing.judgement.findings if item["rule"] == "tls.bundle"] == []
    assert any("depends on who runs conda" in item["reason"] for item in auditing.look.report.entries)


@pytest.mark.parametrize(
    ("conda", "python", "count"), [("23.7.1", "3.11.1", 1), ("24.1.0", "3.9.1", 1), ("24.1.0", "3.10.1", 0)]
)
def test_truststore_where_it_is_not_known(host, ask, conda, python, count):
    host.environment("/opt/conda", ["conda-%s-h1_0" % conda, "python-%s-h1_0" % python])
    condarc(host, "ssl_verify: truststore\n")
    assert len(ask(host, "tls.bundle")) == count


def test_new_packages_without_waiting(base, ask):
    assert items(ask(base, "cooldown.missing")) == [("/opt/conda", "exclude_newer")]
    for key in ("exclude_newer", "cooldown"):
        condarc(base, "%s: 7d\n" % key)
        assert ask(base, "cooldown.missing") == []


def test_a_conda_that_cannot_wait_is_not_asked_to(host, ask):
    host.environment("/opt/conda", ["conda-26.7.2-h1_0"])
    assert ask(host, "cooldown.missing") == []


def test_signatures_that_nobody_supports(base, ask):
    assert ask(base, "content_trust.on") == []
    condarc(base, "signing_metadata_url_base: https://repo.anaconda.com\n")
    base.environment("/opt/conda", ["conda-content-trust-0.2.0-py313_0"])
    assert items(ask(base, "content_trust.on")) == [
        ("/etc/conda/condarc", "signing_metadata_url_base"),
        ("/opt/conda", "conda-content-trust"),
    ]


def test_many_environments_cost_little(host, run_audit):
    for number in range(30):
        packages = ["p%d-1-h1_0" % package for package in range(20)]
        host.environment("/opt/envs/e%d" % number, packages)
    start = time.process_time()
    auditing = run_audit(host, RULES, search_paths=("/opt/envs",))
    assert time.process_time() - start < 4
    assert len(auditing.audit.environments) == 30
    assert auditing.judgement.findings == []
