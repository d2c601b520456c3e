# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on single settings, on required and final ones, and on packages that report what a host does."""

from __future__ import annotations

import json

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit import (
    _rules_channels,
    _rules_configuration,
    _rules_http,
    _rules_terms,
    _rules_tool,
    _rules_transport,
)
from ansible_collections.labfleet.conda.plugins.plugin_utils._policy_keys import KEYS

FAMILIES = (_rules_tool, _rules_channels, _rules_terms, _rules_http, _rules_transport, _rules_configuration)


@pytest.fixture
def ask(findings):
    """A function that asks one rule, and gives the findings."""

    def ask_one(host, rule, **keywords):
        rules = [item for item in _rules_configuration.RULES if item.id == rule]
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


def default_policy():
    """The values that count where no layer of a policy sets any."""
    values = {}
    for key in KEYS:
        section, _dot, name = key.name.partition(".")
        if name:
            values.setdefault(section, {})[name] = key.default
        else:
            values[section] = key.default
    return values


def test_of_a_healthy_host_no_rule_tells_more_than_that_conda_does_not_wait(host, findings):
    packages = [
        "ca-certificates-2026.10.23-hbd8a1cb_0",
        "conda-26.9.4-py313h78bf25f_0",
        "conda-libmamba-solver-26.4.2-pyhd8ed1ab_0",
        "libmamba-2.9.0-h1_0",
        "libmambapy-2.9.0-py313_0",
        "mamba-2.9.0-h1_0",
        "openssl-3.6.5-h1_0",
        "python-3.13.18-h1_0",
    ]
    host.environment("/opt/miniforge3", packages, history="==> 2026-11-01 10:00:00 <==\n# cmd: constructor\n")
    host.write("/opt/miniforge3/.condarc", "channels:\n  - conda-forge\n")
    host.write("/etc/conda/condarc", "channels: #!final\n  - conda-forge\nchannel_priority: strict #!final\n")
    host.environment("/opt/miniforge3/envs/work", ["python-3.13.18-h1_0", "numpy-2.3.1-py313_0"])
    host.write("/opt/miniforge3/pkgs/urls.txt", "https://conda.anaconda.org/conda-forge/noarch/a-1-0.conda\n")
    rules = [rule for family in FAMILIES for rule in family.RULES]
    found = findings(host, rules, policy=default_policy())
    # That nobody waits for new packages is so by conda's own default, and worth no more than a hint.
    assert [(item["rule"], item["severity"]) for item in found] == [("cooldown.missing", "info")]


def test_each_rule_has_its_own_name_and_says_something():
    rules = [rule for family in FAMILIES for rule in family.RULES]
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert all((rule.title, rule.explanation, rule.remedy, rule.source))
        assert not rule.title.endswith(".")
        assert rule.explanation.endswith(".")
        assert rule.remedy.endswith(".") or "sudo -u" in rule.remedy  # a command that can be pasted ends without


@pytest.mark.parametrize(
    ("rule", "bad", "good", "severity"),
    [
        ("cfg.safety_checks", "safety_checks: disabled", "safety_checks: warn", "high"),
        ("cfg.rollback", "rollback_enabled: no", "rollback_enabled: yes", "high"),
        ("cfg.no_lock", "no_lock: true", "no_lock: false", "medium"),
        ("cfg.always_yes", "always_yes: true", "always_yes: false", "medium"),
        ("cfg.always_yes", "yes: true", "always_yes: null", "medium"),
        ("cfg.auto_activate", "auto_activate_base: true", "auto_activate_base: false", "low"),
        ("cfg.auto_activate", "auto_activate: true", "auto_activate: false", "low"),
        ("cfg.pinned_conda", "pinned_packages: ['conda-forge::Conda>=4']", "pinned_packages: [python_abi 3]", "medium"),
        ("cfg.pinned_conda", "pinned_packages: [numpy, 'python=3.9']", "pinned_packages: [numpy]", "medium"),
        ("cfg.notify", "notify_outdated_conda: false", "notify_outdated_conda: true", "info"),
        ("cfg.update", "auto_update_conda: false", "auto_update_conda: true", "info"),
        ("cfg.update", "self_update: false", "self_update: true", "info"),
        ("cfg.offline", "offline: true", "offline: false", "info"),
        ("cfg.protect_frozen", "protect_frozen_envs: false", "protect_frozen_envs: true", "medium"),
        ("cfg.unparsable", "channels: [", "channels: []", "low"),
        ("cfg.unparsable", "chanels: [x]", "exclude_newer: 7d\nmirrored_channels: {}", "low"),
        ("cfg.unparsable", "channel_priority: [strict]", "channel_priority: strict", "medium"),
        ("cfg.unparsable", "channels: {a: b}", "plugins: {a: b}", "medium"),
    ],
)
def test_a_setting_that_should_be_another(base, ask, rule, bad, good, severity):
    condarc(base, bad + "\n")
    (found,) = ask(base, rule)
    assert (found["subject"], found["severity"]) == ("/etc/conda/condarc", severity)
    condarc(base, good + "\n")
    assert ask(base, rule) == []


def test_where_a_setting_was_written_is_told_with_the_name_that_was_used(base, ask):
    condarc(base, "# ours\nauto_activate_base: true\n")
    (found,) = ask(base, "cfg.auto_activate")
    assert found["evidence"] == "auto_activate_base is true (/etc/conda/condarc, line 2)."
    assert found["remedy"].endswith("conda config --file /etc/conda/condarc --set auto_activate_base false")


def test_a_setting_that_is_locked_is_not_what_a_user_says(base, ask):
    condarc(base, "safety_checks: warn #!final\n")
    base.write(base.user("alice", 1001) + "/.condarc", "safety_checks: disabled\n")
    assert ask(base, "cfg.safety_checks") == []


def test_who_never_wants_to_be_asked_harms_only_themselves(base, ask):
    base.write(base.user("alice", 1001) + "/.condarc", "always_yes: true\n")
    (found,) = ask(base, "cfg.always_yes")
    assert (found["severity"], found["owner"]) == ("low", "alice")


def test_a_setting_that_conda_cannot_take_is_unknown_and_not_clean(base, run_audit):
    condarc(base, "rollback_enabled: perhaps\nsafety_checks: {a: b}\n")
    rules = [rule for rule in _rules_configuration.RULES if rule.id in ("cfg.rollback", "cfg.safety_checks")]
    auditing = run_audit(base, rules)
    assert auditing.judgement.findings == []
    reasons = [entry["reason"] for entry in auditing.look.report.entries]
    assert any("rollback_enabled cannot be judged" in reason for reason in reasons)
    assert any("safety_checks cannot be judged" in reason for reason in reasons)


def test_keys_nobody_knows_are_harmless_to_show(base, ask):
    condarc(base, '"a\\x1b[2J\\nb": 1\n%s: 2\n"https://u:pw@h/x": 3\n' % ("k" * 900))
    found = ask(base, "cfg.unparsable")
    assert len(found) == 3
    text = json.dumps(found, ensure_ascii=False)
    assert text.isprintable()
    assert ":pw@" not in text


def test_marks_without_effect_are_told(base, ask):
    condarc(base, "channels:\n  - conda-forge #!final\n")
    assert items(ask(base, "cfg.unparsable")) == [("/etc/conda/condarc", "a mark that has no effect where it stands")]


REQUIRED = [
    ("channels: [conda-forge]", {"channels": ["conda-forge"]}, []),
    ("channels: [conda-forge, x]", {"channels": ["conda-forge"]}, ["/etc/conda/condarc"]),
    ("", {"channels": ["conda-forge"]}, ["/opt/conda"]),
    ("ssl_verify: true", {"ssl_verify": True}, []),
    ("ssl_verify: true", {"verify_ssl": "yes"}, []),
    ("ssl_verify: /x", {"ssl_verify": True}, ["/etc/conda/condarc"]),
    ("remote_max_retries: 3", {"remote_max_retries": 3}, []),
    ("remote_max_retries: 3", {"remote_max_retries": 5}, ["/etc/conda/condarc"]),
    ("plugins: {auto_accept_tos: false}", {"plugins.auto_accept_tos": False}, []),
    ("plugins: {x: 1}", {"plugins.auto_accept_tos": False}, ["/opt/conda"]),
    ("", {"solver": None}, []),
]


@pytest.mark.parametrize(("text", "required", "subjects"), REQUIRED)
def test_settings_that_the_policy_asks_for(base, ask, text, required, subjects):
    condarc(base, text + "\n")
    policy = {"values": {"settings": {"required": required}}, "layers": {"settings.required": "platform"}}
    found = ask(base, "cfg.required", policy=policy)
    assert [item["subject"] for item in found] == subjects
    assert all(item["layer"] == "platform" for item in found)


def test_a_required_setting_tells_both_values_but_no_secret(base, ask):
    condarc(base, "proxy_servers:\n  https: http://u:secretword@proxy.example\nmy_token: secretword\n")
    required = {"proxy_servers": {"https": "http://other.example"}, "my_token": "otherword"}
    found = ask(base, "cfg.required", policy={"settings": {"required": required}})
    assert [item["item"] for item in found] == ["my_token", "proxy_servers"]
    assert "https: http://other.example" in found[1]["evidence"]
    assert "line 1" in found[1]["evidence"]
    assert "secretword" not in json.dumps(found)
    assert "otherword" not in json.dumps(found)


def test_a_required_setting_that_a_broken_file_may_hold_is_unknown(base, run_audit):
    condarc(base, "channels: [\n")
    rules = [rule for rule in _rules_configuration.RULES if rule.id in ("cfg.required", "perm.condarc_final")]
    policy = {"settings": {"required": {"offline": False}, "final": ["channels"]}}
    auditing = run_audit(base, rules, policy=policy)
    assert auditing.judgement.findings == []
    reasons = {entry["reason"] for entry in auditing.look.report.entries}
    assert {"it may set %s, so that could not be judged" % key for key in ("offline", "channels")} <= reasons


@pytest.mark.parametrize(
    ("text", "count", "words"),
    [
        ("channels: #!final\n  - conda-forge\n", 0, ""),
        ("channels:\n  - conda-forge\n", 1, "without the mark #!final"),
        ("offline: false #!final\n", 1, "does not set channels"),
    ],
)
def test_settings_that_users_must_not_override(base, ask, text, count, words):
    condarc(base, text)
    home = base.user("alice", 1001)
    base.write(home + "/.condarc", "channels: [x] #!final\n")
    found = ask(base, "perm.condarc_final", policy={"settings": {"final": ["channels"]}})
    assert items(found) == [("/etc/conda/condarc", "channels")] * count
    assert all(words in item["evidence"] for item in found)
    assert ask(base, "perm.condarc_final") == []


def test_packages_with_scripts_are_one_finding(base, ask):
    packages = ["p%d-1-h1_0" % number for number in range(7)]
    files = {"p%d" % number: ["bin/.p%d-post-link.sh" % number] for number in range(7)}
    assert ask(base, "cfg.post_link") == []
    base.environment("/opt/conda/envs/a", packages, files=files)
    (found,) = ask(base, "cfg.post_link")
    assert (found["subject"], found["details"]["count"]) == ("/opt/conda/envs/a", 7)


def test_packages_that_report(base, ask):
    assert ask(base, "telemetry") == []
    base.environment("/opt/conda", ["anaconda-anon-usage-0.7.1-py313_0", "conda-anaconda-telemetry-0.2.0-py313_0"])
    assert [item["item"] for item in ask(base, "telemetry")] == ["anaconda-anon-usage", "conda-anaconda-telemetry"]
