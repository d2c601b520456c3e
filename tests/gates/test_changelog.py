# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changelog and its fragments."""

from __future__ import annotations

from pathlib import Path

import yaml
from gates import toolbox


def test_fragments(collection: Path, tmp_path: Path) -> None:
    env = toolbox.ansible_environment(collection, tmp_path, toolbox.tools())
    toolbox.run([toolbox.tools() / "antsibull-changelog", "lint"], cwd=collection, env=env)


def test_version_has_a_summary() -> None:
    version = yaml.safe_load((toolbox.CHECKOUT / "galaxy.yml").read_text("utf-8"))["version"]
    changelog = yaml.safe_load((toolbox.CHECKOUT / "changelogs" / "changelog.yaml").read_text("utf-8"))
    coming = toolbox.CHECKOUT / "changelogs" / "fragments" / f"{version}.yml"
    assert version in changelog["releases"] or "release_summary" in yaml.safe_load(coming.read_text("utf-8"))
