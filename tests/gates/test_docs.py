# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation: complete, free of broken references, and readable with each ansible-core."""

from __future__ import annotations

import json
from pathlib import Path

from gates import docs_site, toolbox

KINDS = ("module", "filter", "test", "lookup", "inventory", "connection", "callback")


def test_lint(collection: Path, tmp_path: Path) -> None:
    env = toolbox.ansible_environment(collection, tmp_path, toolbox.tools())
    strict = ["--validate-collection-refs", "all", "--disallow-unknown-collection-refs", "--check-extra-docs-refs"]
    docs = [toolbox.tools() / "antsibull-docs", "lint-collection-docs", "--plugin-docs", *strict, "."]
    while True:
        try:
            toolbox.run(docs, cwd=collection, env=env)
            return
        except toolbox.ToolFailedError as error:
            # It writes the name of its temporary directory into each page that it checks, where a name that ends in
            # "_", one of 37, reads as a reference.
            if 'Unknown target name: "antsibull-docs-' not in str(error):
                raise


def test_html(collection: Path, tmp_path: Path) -> None:
    env = toolbox.ansible_environment(collection, tmp_path, toolbox.tools())
    assert docs_site.build(collection, tmp_path / "site", env) == []
    pages = {page.name for page in (tmp_path / "site" / "html").rglob("*.html")}
    assert {"index.html", "guide.html"} <= pages
    assert {f"{name.split('.')[-1]}_module.html" for name in toolbox.plugin_names("module")} <= pages


def test_ansible_doc(core: toolbox.Core, collection: Path, tmp_path: Path) -> None:
    bins = toolbox.core_venv(core)
    env = toolbox.ansible_environment(collection, tmp_path, bins)
    for kind in KINDS:
        names = toolbox.plugin_names(kind)
        if names:
            said = toolbox.run([bins / "ansible-doc", "--json", "--type", kind, *names], cwd=tmp_path, env=env)
            documented = json.loads(said[said.index("{") :])
            assert {name for name in names if documented.get(name, {}).get("doc")} == set(names), said
