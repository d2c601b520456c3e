# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remedies of all rules can be pasted, whatever a path is called, and send root into no place of a user."""

from __future__ import annotations

import json
import os
import re
import shlex

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit._catalogue import RULES
from ansible_collections.labfleet.conda.plugins.module_utils._audit._judge import _filled

NAME = "e v'il\"$(reboot)`id`;&{path}\n#"
PREFIX = "/opt/" + NAME


def paths_in(remedy):
    """The words of a remedy that hold the name, without what a sentence puts behind them."""
    return [word.rstrip(".,;:)") for word in shlex.split(remedy) if 'il"$(' in word]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_template_gives_the_path_back_as_one_word(rule):
    finding = {"subject": PREFIX, "item": PREFIX, "path": PREFIX, "owner": "alice"}
    for word in paths_in(_filled(rule.remedy, finding)):
        assert word.startswith(PREFIX) and re.match(r"(?:/[\w./-]*)?\Z", word[len(PREFIX) :]), word


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_template_lets_root_walk_through_a_directory(rule):
    assert not re.search(r"\b(?:chmod|chown|setfacl|chgrp)\b[^.;]*\s-\w*R", rule.remedy)


@pytest.fixture
def evil(as_root, host):
    """A host on which much is wrong, below paths that no shell should see unquoted."""
    for prefix, uid in ((PREFIX, 0), ("/home/%s/miniconda3" % NAME, 4711)):
        if uid:
            host.user("mallory", 4711, "/home/" + NAME)
        host.environment(prefix, ["conda-4.3.16-py36_0", "python-3.6.1-0", "certifi-2020.1.1-0", "pytorch-1.0-cpu_0"])
        host.write(prefix + "/conda-meta/pinned", "a ==\n")
        host.write(prefix + "/conda-meta/history", "")
        host.write(prefix + "/bin/tool", "x", mode=0o777)
        host.write(prefix + "/bin/foreign", "x")
        host.write(prefix + "/etc/conda/activate.d/a.sh", "export TOKEN=abcdef\n")
        host.write(
            prefix + "/.condarc", "ssl_verify: false\nchannels: [http://example.org/c]\nalways_yes: true\nnope: 1\n"
        )
        host.write(prefix + "/pip.conf", "[global]\ntrusted-host = example.org\n")
        os.chmod(host.path(prefix + "/lib") if os.path.isdir(host.path(prefix + "/lib")) else host.path(prefix), 0o777)
        for top, names, files in os.walk(host.path(prefix)):
            for name in [top] + [os.path.join(top, item) for item in names + files]:
                os.chown(name, uid, uid)
        os.chown(host.path(prefix + "/bin/foreign"), 4712, 4712)
    os.mkdir(host.path("/home/%s/.conda" % NAME))
    host.write("/home/%s/.condarc" % NAME, "ssl_verify: false\nchannel_priority: 7\nrollback_enabled: false\n")
    return host


def test_what_rules_find_below_such_paths_can_be_pasted(evil, findings):
    policy = {"settings": {"required": {"ssl_verify": True}}, "solver": {"wanted": "rattler"}}
    found = findings(evil, RULES, policy=policy, search_paths=["/opt"])
    with_path = 0
    for item in found:
        assert not re.search(r"\b(?:chmod|chown) -\w*R", item["remedy"]), item
        for word in paths_in(item["remedy"]):
            with_path += 1
            place = evil.path(word)
            assert os.path.lexists(place) or not os.path.basename(place).endswith("il"), (item["rule"], word)
            assert word.startswith((PREFIX, "/home/" + NAME)), (item["rule"], word)
    assert with_path > 20 and len({item["rule"] for item in found}) > 10, json.dumps(found, indent=1)


def test_nobody_gets_what_a_link_in_their_home_leads_to(as_root, host, findings):
    home = host.user("mallory", 4711)
    os.makedirs(host.path("/opt/conda/envs"))
    host.link(home + "/.conda", "/opt/conda")
    for path in (home, home + "/.conda"):
        os.chown(host.path(path), 4711, 4711, follow_symlinks=False)
    rules = [rule for rule in RULES if rule.id == "perm.root_owned_user_dir"]
    assert findings(host, rules) == []


def test_gpu_remedies_quote_the_prefix(host, run_audit):
    from ansible_collections.labfleet.conda.plugins.module_utils._audit._gpu_parts import Verdict

    host.environment(PREFIX)
    rules = [rule for rule in RULES if rule.id == "env.gpu_two_stacks"]
    verdict = Verdict()
    verdict.add("env.gpu_two_stacks", "seen", remedy="sudo -u {user} conda install -p {subject} x")
    auditing = run_audit(host, [])
    auditing.audit.gpu._verdicts[PREFIX] = verdict
    (environment,) = auditing.audit.environments
    (problem,) = rules[0].check(environment, auditing.audit)
    assert shlex.split(problem.remedy)[6] == PREFIX
