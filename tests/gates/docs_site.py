# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the HTML documentation of the collection: PYTHONPATH=tests .venv/bin/python -m gates.docs_site FOLDER."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from gates import toolbox

# Labels of other documentation cannot be looked up without a network; our own must exist.
FOREIGN_LABEL = re.compile(rf"undefined label: '(?!ansible_collections\.{re.escape(toolbox.NAME)}\.)")

# Room for tables, the contents of the page beside it in place of a list of all modules, and names that may break.
LOOK = """
intersphinx_mapping = {}
html_theme_options = {"page_width": "1280px", "sidebar_width": "260px", "body_max_width": "100%"}
html_sidebars = {"**": ["about.html", "searchfield.html", "localtoc.html", "relations.html"]}
html_static_path = ["look"]
html_css_files = ["look.css"]
"""
STYLE = "td code .pre, td code { white-space: normal; overflow-wrap: anywhere; }\n"


def build(collection: Path, place: Path, env: dict[str, str]) -> list[str]:
    """Build the site of this copy of the collection into `place`/html and return the warnings that matter."""
    docs = toolbox.tools() / "antsibull-docs"
    source = place / "rst"
    place.mkdir(mode=0o700)
    site = ["--use-current", "--squash-hierarchy", "--fail-on-error", toolbox.NAME]
    look = ["--sphinx-theme", "alabaster", "--project", toolbox.NAME, "--title", toolbox.NAME]
    toolbox.run([docs, "sphinx-init", *look, "--dest-dir", place, *site], cwd=collection, env=env)
    with open(place / "conf.py", "a", encoding="utf-8") as settings:
        settings.write(LOOK)
    (place / "look").mkdir()
    (place / "look" / "look.css").write_text(STYLE, encoding="utf-8")
    source.chmod(0o755)
    settings_file = ["--config-file", place / "antsibull-docs.cfg"]
    made = ["--cleanup", "everything", "--dest-dir", source]
    toolbox.run([docs, *settings_file, "collection", *made, *site], cwd=collection, env=env)
    sphinx = [toolbox.tools() / "sphinx-build", "-q", "-b", "html", "-c", place, source, place / "html"]
    said = toolbox.run(sphinx, cwd=collection, env=env)
    return [line for line in said.splitlines() if "WARNING" in line and not FOREIGN_LABEL.search(line)]


def main(folder: str) -> int:
    """Put the built site into `folder` and print what Sphinx warns of."""
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        collection = toolbox.copy_collection(scratch)
        env = toolbox.ansible_environment(collection, scratch, toolbox.tools())
        warnings = build(collection, scratch / "site", env)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(scratch / "site" / "html", folder)
    print("\n".join([*warnings, f"{folder}/index.html"]))
    return 1 if warnings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
