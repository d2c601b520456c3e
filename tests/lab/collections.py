# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collections of others and programs around Ansible, each in a virtual environment of its own below the cache."""

from __future__ import annotations

import sys
from pathlib import Path

from gates import toolbox

from . import LabUnavailable


def with_collections() -> Path:
    """The programs of an Ansible that has awx.awx."""
    return _venv("community", "ansible==12.3.0")  # ansible-core 2.19 with many collections, awx.awx among them


def with_runner() -> Path:
    """The program ansible-runner, beside the ansible-core that the tests use."""
    import ansible.release

    return _venv("runner", f"ansible-core=={ansible.release.__version__}", "ansible-runner==2.4.3")


def with_schemas() -> Path:
    """The program check-jsonschema, which has the schemas of GitHub's and GitLab's pipelines with it."""
    return _venv("check-jsonschema", "check-jsonschema==0.39.0")


def _venv(name: str, *requirements: str) -> Path:
    try:
        return toolbox.venv(name, Path(sys.executable).resolve(), *requirements)
    except toolbox.ToolFailedError as error:
        said = str(error).strip().splitlines()[-1]
        raise LabUnavailable(f"{requirements[-1]} could not be installed: {said}") from None


__all__ = ("with_collections", "with_runner", "with_schemas")
