# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The linters that need no ansible-core of their own."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from gates import toolbox


def test_ruff_check() -> None:
    toolbox.run([toolbox.tools() / "ruff", "check", "--no-cache", "."], cwd=toolbox.CHECKOUT)


def test_ruff_format() -> None:
    toolbox.run([toolbox.tools() / "ruff", "format", "--no-cache", "--diff", "."], cwd=toolbox.CHECKOUT)


def test_yamllint(collection: Path) -> None:
    toolbox.run([toolbox.tools() / "yamllint", "--strict", "."], cwd=collection)


def test_shellcheck() -> None:
    def is_shell(name: str) -> bool:
        with open(toolbox.CHECKOUT / name, "rb") as stream:
            return re.match(rb"#!.*\b(ba)?sh\n", stream.readline(200)) is not None

    scripts = [name for name in toolbox.files() if (toolbox.CHECKOUT / name).is_file() and is_shell(name)]
    assert ".ci/run" in scripts
    toolbox.run([toolbox.tools() / "shellcheck", *scripts], cwd=toolbox.CHECKOUT)


def test_antsibull_nox_settings(collection: Path) -> None:
    toolbox.run([toolbox.tools() / "antsibull-nox", "lint-config"], cwd=collection)


def test_ansible_lint(collection: Path, tmp_path: Path) -> None:
    settings = yaml.safe_load((toolbox.CHECKOUT / ".ansible-lint").read_text("utf-8"))
    assert settings["profile"] == "production"
    assert not settings["skip_list"] and not settings["warn_list"]
    env = toolbox.ansible_environment(collection, tmp_path, toolbox.tools(), HOME=str(tmp_path))
    toolbox.run([toolbox.tools() / "ansible-lint", "--offline", "--strict"], cwd=collection, env=env)
