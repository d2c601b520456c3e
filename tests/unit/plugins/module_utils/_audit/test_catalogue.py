# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of rules as a whole: its identifiers, its texts, and the pages and options that name them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ansible_collections.labfleet.conda.plugins.module_utils._audit._catalogue import RULES
from ansible_collections.labfleet.conda.plugins.module_utils._audit._rule import NEEDS, SCOPES, SEVERITIES

CHECKOUT = Path(__file__).resolve().parents[5]


def families():
    """The choices of the option of the module, which is read and not imported: a host's Python has no ansible-core."""
    tree = ast.parse((CHECKOUT / "plugins" / "modules" / "conda_audit.py").read_text(encoding="utf-8"))
    found = [item for item in tree.body if isinstance(item, ast.Assign) and item.targets[0].id == "FAMILIES"]
    return ast.literal_eval(found[0].value)


FAMILIES = families()
PLACEHOLDERS = {"{subject}", "{item}", "{path}", "{user}"}


def test_identifiers_are_unique():
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_whole(rule):
    assert re.fullmatch(r"[a-z_]+(\.[a-z0-9_]+)*", rule.id)
    assert rule.severity in SEVERITIES and rule.scope in SCOPES and set(rule.needs) <= set(NEEDS)
    assert rule.family in FAMILIES
    assert set(re.findall(r"{[^}]*}", rule.remedy)) <= PLACEHOLDERS
    for text in (rule.explanation, rule.remedy):
        is_command = re.search(r"[:,] sudo -u {user} [^.]*\Z", text) is not None  # to be pasted, so without a full stop
        assert len(text) > 20 and (is_command or text.rstrip()[-1] in ".?)'"), text
    assert rule.title and rule.source and not rule.title.endswith(".")


def test_each_family_has_rules():
    assert {rule.family for rule in RULES} == set(FAMILIES)


def test_the_rules_of_the_domain_are_all_there():
    """Every row of the audit tables of the requirements, by its identifier."""
    wanted = """
        tool.conda.vulnerable tool.conda.unsupported tool.mamba1 tool.micromamba.old tool.mambaforge solver.classic
        solver.plugin.missing solver.plugin.mismatch base.frozen.missing base.frozen.bypass
        chan.defaults.configured chan.defaults.installed tos.accepted tos.auto chan.http chan.unlisted chan.priority
        chan.mixed.base chan.mixed.env chan.retired tls.verify tls.bundle tls.ca.compromised cooldown.missing
        content_trust.on
        secret.condarc secret.conda_meta secret.urls_txt secret.history secret.state secret.tokenfile
        perm.world_writable perm.group_writable perm.owner perm.root_owned_user_dir perm.activate_d perm.condarc_final
        perm.path cache.shared.writable cache.shared.contention cache.cross_fs cache.size link.softlink link.copy
        base.polluted base.pip_over_conda base.conda_by_pip env.missing_dep env.missing_files env.altered_files
        env.interrupted env.history_drift env.unregistered env.orphan env.pinned.bad env.python_eol env.cuda_eol
        env.vuln cfg.safety_checks cfg.rollback cfg.no_lock cfg.always_yes cfg.auto_activate cfg.pinned_conda
        cfg.offline cfg.protect_frozen cfg.unparsable cfg.post_link
    """.split()
    missing = sorted(set(wanted) - {rule.id for rule in RULES})
    assert not missing


def test_the_reference_is_current():
    from gates.rule_reference import PAGE, TEXTS, page, texts

    for place, text in ((PAGE, page(RULES)), (TEXTS, texts(RULES))):
        assert (CHECKOUT / place).read_text(encoding="utf-8") == text, (
            "write it anew: PYTHONPATH=tests .venv/bin/python -m gates.rule_reference"
        )
