# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on channels and their terms: where a name leads, what is told of it, and what never is."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import _rules_channels, _rules_terms
from ansible_collections.labfleet.conda.plugins.module_utils._audit._channel_use import (
    ChannelList,
    Names,
    place_of,
)

RULES = _rules_channels.RULES + _rules_terms.RULES
ADDRESS = "https://repo.anaconda.com/pkgs/main"


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
    ("settings", "text", "urls"),
    [
        ({}, "conda-forge", ["https://conda.anaconda.org/conda-forge"]),
        ({}, "defaults", [ADDRESS, "https://repo.anaconda.com/pkgs/r"]),
        ({}, "pkgs/main", [ADDRESS]),
        (
            {"channel_alias": "https://mirror.example/conda/"},
            "conda-forge",
            ["https://mirror.example/conda/conda-forge"],
        ),
        ({"channel_alias": "mirror.example"}, "x", ["https://mirror.example/x"]),
        (
            {"custom_channels": {"lab": "https://lab.example/c"}},
            "lab/label/dev",
            ["https://lab.example/c/lab/label/dev"],
        ),
        (
            {"custom_multichannels": {"all": ["a", "https://b.example/b"]}},
            "all",
            ["https://conda.anaconda.org/a", "https://b.example/b"],
        ),
        ({"default_channels": ["https://mirror.example/pkgs/main"]}, "pkgs/main", ["https://mirror.example/pkgs/main"]),
        (
            {"custom_multichannels": ["no map"], "channel_alias": 7, "custom_channels": {"a": None}},
            "a",
            ["https://conda.anaconda.org/a"],
        ),
    ],
)
def test_a_name_leads_where_the_settings_say(settings, text, urls):
    assert Names(settings, is_conda=True).urls(text) == urls


def test_mirrors_are_those_of_mamba_only():
    settings = {"mirrored_channels": {"conda-forge": ["https://a.example/cf", "https://b.example/cf"]}}
    assert Names(settings, is_conda=False).urls("conda-forge") == ["https://a.example/cf", "https://b.example/cf"]
    assert Names(settings, is_conda=True).urls("conda-forge") == ["https://conda.anaconda.org/conda-forge"]


@pytest.mark.parametrize(
    ("pattern", "url", "has"),
    [
        ("conda-forge", "https://conda.anaconda.org/conda-forge/linux-64", True),
        ("conda-forge", "http://conda.anaconda.org/t/abc/conda-forge", True),
        ("conda-forge", "https://conda.anaconda.org/conda-forge/label/rc", True),
        ("conda-forge", "https://mirror.example/conda-forge", False),
        ("defaults", "https://repo.continuum.io/pkgs/main", True),
        ("pkgs/msys2", "https://repo.anaconda.com/pkgs/msys2/noarch", True),
        ("https://mirror.example/conda-forge", "https://user:pw@mirror.example/conda-forge", True),
        ("https://mirror.example/*", "https://mirror.example/a/b", True),
        ("*-staging", "https://conda.anaconda.org/lab-staging", True),
        ("lab*", "https://mirror.example/lab", False),
    ],
)
def test_a_list_of_a_policy_means_places_and_not_words(pattern, url, has):
    assert ChannelList([pattern, None, 7]).has(place_of(url)) is has


@pytest.mark.parametrize(("commercial", "severity"), [(True, "high"), (None, "low"), (False, "info")])
def test_defaults_counts_as_the_policy_says(base, ask, commercial, severity):
    condarc(base, "channels: [defaults]\n")
    policy = {"organisation": {"commercial_use": commercial}}
    (found,) = ask(base, "chan.defaults.configured", policy=policy)
    assert items([found]) == [("/etc/conda/condarc", "channels: defaults")]
    assert found["severity"] == severity
    assert "more than 200 people" in found["evidence"]


def test_defaults_that_leads_elsewhere_asks_for_no_licence(base, ask):
    condarc(base, "channels: [defaults]\ndefault_channels: [conda-forge]\n")
    assert ask(base, "chan.defaults.configured") == []
    condarc(base, "channels: [ours]\ncustom_multichannels:\n  ours: [https://repo.anaconda.com/pkgs/main]\n")
    assert items(ask(base, "chan.defaults.configured")) == [("/etc/conda/condarc", "channels: ours")]


@pytest.mark.parametrize(("version", "count"), [("25.7.0", 1), ("4.5.11", 1), ("25.9.0", 0), ("26.9.4", 0)])
def test_defaults_is_in_force_where_an_old_conda_has_no_channels(host, ask, version, count):
    host.environment("/opt/conda", ["conda-%s-py313_0" % version])
    found = ask(host, "chan.defaults.configured")
    assert items(found) == [("/opt/conda", "channels: defaults")] * count


def test_channels_that_could_not_be_read_are_unknown_and_not_clean(host, run_audit):
    host.environment("/opt/conda", ["conda-25.7.0-py313_0"])
    condarc(host, "channels: {a: b\n")
    rules = [rule for rule in RULES if rule.scope == "configuration"]
    auditing = run_audit(host, rules, policy={"channels": {"priority": "strict"}})
    assert auditing.judgement.findings == []
    reasons = {item["reason"] for item in auditing.look.report.entries if item["path"] == "/etc/conda/condarc"}
    assert "it may set channels, so that could not be judged" in reasons
    assert "it may set channel_priority, so that could not be judged" in reasons


def test_a_map_where_a_list_is_expected_is_unknown_and_not_clean(base, run_audit):
    condarc(base, "channels:\n  defaults: yes\n")
    auditing = run_audit(base, RULES, policy={"channels": {"denied": ["defaults"]}})
    assert [item for item in auditing.judgement.findings if item["rule"].startswith("chan.d")] == []
    assert any("the setting channels cannot be judged" in item["reason"] for item in auditing.look.report.entries)


def test_the_file_that_names_a_channel_is_the_subject_and_not_another(base, ask):
    condarc(base, "channels: [defaults]\n")
    for name in ("alice", "bob"):
        home = base.user(name, 1000 + len(name))
        base.write(home + "/.condarc", "channels: [conda-forge]\n")
    found = ask(base, "chan.defaults.configured")
    assert items(found) == [("/etc/conda/condarc", "channels: defaults")]


def test_a_variable_that_names_a_channel_is_the_subject(base, ask):
    condarc(base, "channels: [conda-forge]\n")
    base.write("/etc/environment", "CONDA_CHANNELS=pytorch\n")
    assert items(ask(base, "chan.retired")) == [("CONDA_CHANNELS", "channels: pytorch")]


def test_installed_packages_of_defaults_are_one_finding_for_each_channel(host, ask):
    host.environment("/opt/conda", ["python-3.13.1-h1_0"])
    prefix = host.environment("/opt/envs/a", ["a%d-1-h1_0" % number for number in range(50)], channel="anaconda")
    record = {"name": "x", "version": "1", "build": "0", "url": ADDRESS + "/linux-64/x-1-0.conda"}
    host.write(prefix + "/conda-meta/x-1-0.json", json.dumps(record))
    found = ask(host, "chan.defaults.installed", search_paths=("/opt/envs",))
    assert [(item["subject"], item["item"], item["details"]["packages"]) for item in found] == [
        ("/opt/envs/a", "anaconda", 50),
        ("/opt/envs/a", "pkgs/main", 1),
    ]
    assert "50 packages (a0, a1, a10, ...)" in found[0]["evidence"]


def test_a_record_with_a_channel_and_no_url_counts_and_one_with_neither_is_unknown(host, run_audit):
    for name, channel in (("x", "defaults/linux-64"), ("y", "pkgs/main"), ("z", None), ("p", "pypi")):
        record = {"name": name, "version": "1", "build": "0", "channel": channel}
        host.write("/opt/conda/conda-meta/%s-1-0.json" % name, json.dumps(record))
    host.write("/opt/conda/conda-meta/history", "")
    rules = [rule for rule in RULES if rule.id == "chan.defaults.installed"]
    auditing = run_audit(host, rules)
    assert [(item["item"], item["details"]["packages"]) for item in auditing.judgement.findings] == [("pkgs/main", 2)]
    assert ("/opt/conda", "1 of its records name no channel") in [
        (entry["path"], entry["reason"]) for entry in auditing.look.report.entries
    ]


def test_channels_that_the_policy_does_not_allow(base, ask):
    condarc(base, "channels: [conda-forge, lab, https://user:secretword@mirror.example/x]\n")
    policy = {"channels": {"allowed": ["conda-forge"]}}
    found = ask(base, "chan.unlisted", policy=policy)
    assert items(found) == [
        ("/etc/conda/condarc", "channels: https://********@mirror.example/x"),
        ("/etc/conda/condarc", "channels: lab"),
    ]
    assert "secretword" not in json.dumps(found)
    assert ask(base, "chan.unlisted", policy={"channels": {"allowed": []}}) == []


def test_an_alias_does_not_make_a_foreign_place_an_allowed_name(base, ask):
    condarc(base, "channel_alias: https://evil.example\nchannels: [conda-forge]\n")
    (found,) = ask(base, "chan.unlisted", policy={"channels": {"allowed": ["conda-forge"]}})
    assert "https://evil.example/conda-forge" in found["evidence"]
    allowed = {"channels": {"allowed": ["https://evil.example/*"]}}
    assert ask(base, "chan.unlisted", policy=allowed) == []


@pytest.mark.parametrize("key", ["allowlist_channels", "whitelist_channels"])
def test_the_allowlist_of_conda_counts(base, ask, key):
    condarc(base, "channels: [conda-forge, lab]\n%s: [conda-forge]\n" % key)
    assert items(ask(base, "chan.unlisted")) == [("/etc/conda/condarc", "channels: lab")]


def test_denied_channels(base, ask):
    condarc(base, "channels: [conda-forge, nvidia, lab]\ndenylist_channels: [lab]\n")
    found = ask(
        base,
        "chan.denied",
        policy={"values": {"channels": {"denied": ["nvidia"]}}, "layers": {"channels.denied": "base"}},
    )
    assert [(item["item"], item["layer"]) for item in found] == [
        ("channels: lab", "default"),
        ("channels: nvidia", "base"),
    ]
    policy = {"channels": {"denied": ["conda-forge"], "allowed": ["nothing"]}}
    assert items(ask(base, "chan.denied.installed", policy=policy)) == [("/opt/conda", "conda-forge")]
    assert items(ask(base, "chan.unlisted.installed", policy=policy)) == [("/opt/conda", "conda-forge")]
    assert ask(base, "chan.denied.installed") + ask(base, "chan.unlisted.installed") == []


def test_retired_channels(host, ask):
    host.environment("/opt/conda", ["python-3.13.1-h1_0"])
    host.environment("/opt/conda/envs/t", ["pytorch-2.1.0-py3_0"], channel="pytorch")
    assert items(ask(host, "chan.retired.installed")) == [("/opt/conda/envs/t", "pytorch")]
    assert ask(host, "chan.retired.installed", policy={"channels": {"retired": []}}) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("channel_priority: strict\n", []),
        ("", [("/opt/conda", "low")]),
        ("channel_priority: flexible\n", [("/etc/conda/condarc", "low")]),
        ("channel_priority: disabled\n", [("/etc/conda/condarc", "medium")]),
    ],
)
def test_the_channel_priority(base, ask, text, expected):
    condarc(base, text)
    found = ask(base, "chan.priority", policy={"channels": {"priority": "strict"}})
    assert [(item["subject"], item["severity"]) for item in found] == expected
    assert ask(base, "chan.priority") == []


def test_channels_that_are_not_built_for_each_other(host, ask):
    prefix = host.environment("/opt/conda", ["conda-26.9.4-py313_0", "python-3.13.1-h1_0"])
    assert ask(host, "chan.mixed.base") == []
    host.environment(prefix, ["openssl-3.0.1-h1_0"], channel="main")
    (found,) = ask(host, "chan.mixed.base")
    assert found["details"] == {"channels": {"conda-forge": 2, "defaults": 1}}
    assert ask(host, "chan.mixed.env") == []


def test_channels_that_are_built_for_each_other_may_be_mixed_in_an_environment(host, ask):
    host.environment("/opt/conda", ["conda-26.9.4-py313_0"])
    prefix = host.environment("/opt/conda/envs/a", ["samtools-1-h1_0"], channel="bioconda")
    host.environment(prefix, ["python-3.13.1-h1_0"])
    assert ask(host, "chan.mixed.env") == []
    host.environment(prefix, ["cuda-12-h1_0"], channel="nvidia")
    assert items(ask(host, "chan.mixed.env")) == [("/opt/conda/envs/a", None)]


def acceptance(**changes):
    values = {
        "base_url": ADDRESS,
        "version": "2025-07-15T00:00:00+00:00",
        "text": "x",
        "support": "y",
        "tos_accepted": True,
        "acceptance_timestamp": "2026-01-02T03:04:05+00:00",
    }
    return json.dumps(dict(values, **changes))


def test_who_accepted_the_terms_is_told_at_each_place(base, findings):
    home = base.user("alice", 1001)
    for place in ("/etc/conda/tos", "/var/lib/conda/tos", "/opt/conda/conda-meta/tos", home + "/.config/conda/tos"):
        base.write(place + "/0a1b/1.json", acceptance())
    base.write("/srv/terms/0a1b/1.json", acceptance(base_url="https://other.example/x"))
    base.write("/etc/environment", "CONDATOS=/srv/terms\n")
    found = findings(base, _rules_terms.RULES)
    assert [(item["rule"], item["subject"], item["item"]) for item in found] == [
        ("tos.accepted", "/", "https://other.example/x"),
        ("tos.accepted", "/", ADDRESS),
        ("tos.accepted.environment", "/opt/conda", ADDRESS),
        ("tos.accepted.home", "/home/alice", ADDRESS),
    ]
    assert "2026-01-02T03:04:05" in found[1]["evidence"]
    assert found[1]["path"] == "/etc/conda/tos/0a1b/1.json"


def test_terms_that_were_refused_last_are_not_accepted(base, ask):
    base.write("/etc/conda/tos/0a1b/1.json", acceptance())
    base.write("/etc/conda/tos/0a1b/2.json", acceptance(tos_accepted=False, acceptance_timestamp="2026-03-01T00:00:00"))
    assert ask(base, "tos.accepted") == []


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"tos_accepted": "yes"}', "[" * 5000, b"\xff"])
def test_a_damaged_acceptance_is_unknown(base, run_audit, content):
    base.write("/etc/conda/tos/0a1b/1.json", content)
    auditing = run_audit(base, _rules_terms.RULES)
    assert auditing.judgement.findings == []
    assert auditing.judgement.unjudged == []
    assert [item["path"] for item in auditing.look.report.entries] == ["/etc/conda/tos/0a1b/1.json"]


def test_terms_that_are_accepted_without_asking(base, ask):
    assert ask(base, "tos.auto") == []
    condarc(base, "plugins:\n  auto_accept_tos: true\n")
    base.write("/etc/environment", "CI=true\nCONDA_PLUGINS_AUTO_ACCEPT_TOS=yes\n")
    assert items(ask(base, "tos.auto")) == [
        ("/etc/conda/condarc", "plugins.auto_accept_tos"),
        ("/etc/environment", "CONDA_PLUGINS_AUTO_ACCEPT_TOS"),
    ]
    base.environment("/opt/conda", ["conda-anaconda-tos-0.2.2-py313_0"])
    assert ("/etc/environment", "CI") in items(ask(base, "tos.auto"))


def test_a_list_of_nine_thousand_channels_costs_little_and_hides_nobody_else(base, run_audit):
    home = base.user("mallory", 1001)
    names = ["c%s%s%s" % letters for letters in itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=3)][:9000]
    base.write(home + "/.condarc", "channels:\n" + "".join("- %s\n" % name for name in names))
    condarc(base, "channels: [lab]\n")
    start = time.process_time()
    auditing = run_audit(
        base, _rules_channels.RULES, policy={"channels": {"allowed": ["conda-forge"], "denied": ["c*"]}}
    )
    assert time.process_time() - start < 5
    assert auditing.judgement.unjudged == []
    found = items(item for item in auditing.judgement.findings if item["rule"] == "chan.unlisted")
    assert ("/etc/conda/condarc", "channels: lab") in found
    assert len(found) <= 101
    assert any("of which only" in item["reason"] for item in auditing.look.report.entries)


def test_control_characters_and_long_names_are_made_harmless(base, ask):
    condarc(base, 'channels: ["a\\x1b[31m\\nb", "https://u:pa\\nss@h.example/c", "%s"]\n' % ("x" * 5000))
    found = ask(base, "chan.unlisted", policy={"channels": {"allowed": ["conda-forge"]}})
    assert len(found) == 3
    text = json.dumps(found, ensure_ascii=False)
    assert text.isprintable()
    assert "ss@h" not in text
    assert all(len(item["item"]) < 400 for item in found)


@pytest.mark.parametrize(
    "text",
    [
        "channel_alias: http://evil.example\n",
        "custom_channels: {inhouse: http://evil.example}\n",
        "custom_multichannels: {inhouse: [http://evil.example/a]}\n",
    ],
)
def test_who_says_where_a_name_leads_is_blamed_for_it_and_not_who_names_it(host, findings, text):
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    host.write("/etc/conda/condarc", "channels: [inhouse]\n")
    host.write(host.user("mallory", 4711) + "/.condarc", text)
    rules = [rule for rule in RULES if rule.id == "chan.unlisted"]
    assert rules
    found = findings(host, rules, policy={"channels": {"allowed": ["inhouse"]}})
    assert [(item["subject"], item["owner"]) for item in found] == [("/home/mallory/.condarc", "mallory")]


def test_who_names_a_channel_is_blamed_where_everybody_has_the_alias(host, findings):
    host.environment("/opt/conda", ["conda-26.7.1-py313_0"])
    host.write("/etc/conda/condarc", "channel_alias: https://mirror.example\n")
    host.write(host.user("alice", 1000) + "/.condarc", "channels: [other]\n")
    rules = [rule for rule in RULES if rule.id == "chan.unlisted"]
    found = findings(host, rules, policy={"channels": {"allowed": ["conda-forge"]}})
    assert [(item["subject"], item["owner"]) for item in found] == [("/home/alice/.condarc", "alice")]
