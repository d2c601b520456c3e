# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages and READMEs name is there: pages, files, playbooks, roles, modules, options, variables, tests."""

from __future__ import annotations

import json
import re
import shlex
import typing as t
from pathlib import Path

import pytest
import yaml
from gates import pages, role_reference, toolbox

from ansible_collections.labfleet.conda.plugins.plugin_utils._policy import merge_layers
from ansible_collections.labfleet.conda.plugins.plugin_utils._questions import QUESTIONS

PAGES = pages.pages()
MARKDOWN = [toolbox.CHECKOUT / name for name in toolbox.files() if name.endswith(".md")]
TEXTS = [*PAGES, *(path for path in MARKDOWN if path.parts[-2:] != ("changelogs", "README.md"))]
KINDS = {
    "modules": "*.py", "filter": "*.yml", "lookup": "*.py", "connection": "*.py", "callback": "*.py",
    "inventory": "*.py",
}  # fmt: skip
# What has the form of a name in the collection and is the label of an image.
LABELS = {"bom", "inputs", "line"}
FOLDERS = "playbooks|roles|plugins|inventories|docs|tests|meta|changelogs|extensions"
# Playbooks that look at no host.
WITHOUT_HOSTS = {"report", "advisories", "digest", "awx", "ci_check"}
# What is ours by its full name. The group of options has the name of the collection once more.
NAME = re.compile(r"(?<![\w.-])labfleet\.conda\.([a-z_]\w*)(?![\w/])")


def content(kind: str) -> set[str]:
    """The names of the playbooks, the roles, or the plugins of a kind."""
    if kind == "roles":
        return {path.name for path in role_reference.roles()}
    if kind == "rulebooks":
        return {path.stem for path in (toolbox.CHECKOUT / "extensions" / "eda" / "rulebooks").glob("*.yml")}
    if kind == "playbooks":
        return {path.stem for path in (toolbox.CHECKOUT / "playbooks").glob("*.yml")}
    folder = toolbox.CHECKOUT / "plugins" / kind
    return {path.stem for path in folder.glob(KINDS[kind]) if not path.stem.startswith("_")}


def variables(playbook: str) -> set[str]:
    """The variables of a playbook: those that its head names, and those of what it runs."""
    text = (toolbox.CHECKOUT / "playbooks" / f"{playbook}.yml").read_text("utf-8")
    found = set(re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", "".join(re.findall(r"^#.*\n", text, re.MULTILINE))))
    for role in role_reference.roles():
        if f"role: labfleet.conda.{role.name}\n" in text:
            found |= {name for spec in role_reference.specs(role).values() for name in spec.get("options", {})}
    for other in re.findall(r"import_playbook: labfleet\.conda\.(\w+)", text):
        found |= variables(other)
    return found


def commands(page: Path) -> list[list[str]]:
    """The words of each command in the blocks of a page, and of each that stands in a line of text."""
    found = [command.text for block in pages.blocks(page) if block.language == "console"
             for command in pages.commands(block)]  # fmt: skip
    found += [line for block in pages.blocks(page) if block.language == "text"
              for line in re.findall(r"^ansible(?:.*\\\n)*.*", block.text, re.MULTILINE)]  # fmt: skip
    found += re.findall(r"``(ansible(?:-playbook)? [^`]+)``", page.read_text("utf-8").replace("\n", " "))
    return [shlex.split(text.replace("\\\n", " "), comments=True) for text in found]


def given(words: list[str]) -> t.Iterator[str]:
    """The variables that a command gives with -e, but those that stand in a file."""
    for option, value in zip(words, words[1:], strict=False):
        if option == "-e" and not value.startswith("@"):
            yield from json.loads(value) if value.startswith("{") else [value.partition("=")[0]]


def tasks(block: pages.Block) -> t.Iterator[dict[str, t.Any]]:
    """The tasks in a block of YAML, wherever they stand."""

    def below(value: t.Any) -> t.Iterator[dict[str, t.Any]]:
        if isinstance(value, dict):
            yield value
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from below(item)

    for document in yaml.safe_load_all(block.text):
        yield from below(document)


def yaml_blocks() -> list[t.Any]:
    """All blocks of YAML on all pages."""
    return [
        pytest.param(block, id=f"{page.stem}-{block.line}")
        for page in TEXTS
        for block in pages.blocks(page)
        if block.language == "yaml"
    ]


@pytest.fixture(scope="module")
def options(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, t.Any]]:
    """The options of each module of the collection."""
    env = toolbox.ansible_environment(collection, tmp_path_factory.mktemp("options"), toolbox.tools())
    names = toolbox.plugin_names("module")
    said = toolbox.run([toolbox.tools() / "ansible-doc", "--json", *names], cwd=collection, env=env)
    return {name: entry["doc"]["options"] for name, entry in json.loads(said[said.index("{") :]).items()}


def test_each_page_stands_once_in_the_index_and_has_its_label():
    index = yaml.safe_load((pages.RST.parent / "extra-docs.yml").read_text("utf-8"))
    listed = [page for section in index["sections"] for page in section["toctree"]]
    assert sorted(listed) == [page.stem for page in PAGES]
    for page in PAGES:
        assert f"\n.. _ansible_collections.labfleet.conda.docsite.{page.stem}:\n" in page.read_text("utf-8"), page


def test_each_reference_has_its_label():
    texts = {page: page.read_text("utf-8") for page in PAGES}
    labels = {label for text in texts.values() for label in re.findall(r"^\.\. _(ansible_\S+):$", text, re.MULTILINE)}
    for page, text in texts.items():
        references = re.findall(r":ref:`(?:[^`<]*<)?(ansible_collections\.[^`>]+)>?`", text)
        assert set(references) <= labels, page
        assert set(re.findall(r":doc:", text)) == set(), page


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(toolbox.CHECKOUT)))
def test_each_link_of_a_readme_leads_to_a_file_and_a_heading(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if "://" in target:
            continue
        name, _hash, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(toolbox.CHECKOUT)))
def test_addresses_have_the_form_of_addresses(path):
    link = re.compile(r"https://[a-z0-9.-]+\.[a-z]{2,}(/[\w./?=&%#~+@:-]*)?\Z")
    text = path.read_text("utf-8")
    for target in [*re.findall(r"`[^`<]+<([^`>]+)>`_", text), *re.findall(r"\]\((\w+://[^)]+)\)", text)]:
        assert link.match(target), target


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(toolbox.CHECKOUT)))
def test_what_is_named_is_there(path):
    text = path.read_text("utf-8")
    known = {name for kind in ("playbooks", "roles", "rulebooks", *KINDS) for name in content(kind)}
    assert set(NAME.findall(text)) <= known | LABELS | {"docsite", "conda"}
    for name in re.findall(rf"``?((?:{FOLDERS})/[\w./-]*\w/?)``?", text):
        assert (toolbox.CHECKOUT / name).exists() or any(toolbox.CHECKOUT.glob(f"*/{name}")), name


@pytest.mark.parametrize("path", [toolbox.CHECKOUT / "README.md", toolbox.CHECKOUT / "CONTRIBUTING.md", *PAGES],
                         ids=lambda path: path.stem)  # fmt: skip
def test_make_has_the_targets_that_are_named(path):
    targets = set(re.findall(r"^([a-z-]+):", (toolbox.CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", path.read_text("utf-8"))) <= targets


@pytest.mark.parametrize("page", [toolbox.CHECKOUT / "README.md", *PAGES], ids=lambda page: page.stem)
def test_commands_name_playbooks_variables_and_questions_that_there_are(page, options):
    for words in commands(page):
        names = [word.removeprefix("labfleet.conda.") for word in words if word.startswith("labfleet.conda.")]
        if words[0] == "ansible-playbook" and names:
            (playbook,) = names
            assert playbook in content("playbooks"), words
            unknown = {name for name in given(words) if not name.startswith("ansible_")} - variables(playbook)
            assert unknown == set(), words
            asked = [word.partition("=")[2] for word in words if word.startswith("ask_question=")]
            assert set(asked) <= {question.name for question in QUESTIONS}, words
            needs_none = playbook in WITHOUT_HOSTS or any(word.startswith("ask_document=") for word in words)
            assert "-i" in words or needs_none, words
        elif words[0] == "ansible" and names:
            module = options[f"labfleet.conda.{names[0]}"]
            arguments = words[words.index("-a") + 1] if "-a" in words else "{}"
            called = json.loads(arguments) if arguments.startswith("{") else dict(
                part.split("=", 1) for part in shlex.split(arguments))  # fmt: skip
            assert set(called) <= set(module), words
            assert "-i" in words, words
            assert called.get("state") in [None, *module.get("state", {}).get("choices", [])], words


@pytest.mark.parametrize("block", yaml_blocks())
def test_tasks_have_options_and_roles_have_variables_that_there_are(block, options):
    entries = {role.name: role_reference.specs(role) for role in role_reference.roles()}
    for task in tasks(block):
        for name, called in task.items():
            if name in options:
                assert set(called or {}) <= set(options[name]), block.text
                state = (called or {}).get("state")
                assert state is None or "{{" in state or state in options[name]["state"]["choices"], block.text
            elif re.fullmatch(r"labfleet\.conda\.\w+", str(name)):
                raise AssertionError(f"there is no module {name}")
        called = task.get("ansible.builtin.import_role") or task.get("ansible.builtin.include_role")
        if called and called["name"].startswith("labfleet.conda."):
            spec = entries[called["name"].rpartition(".")[2]][called.get("tasks_from", "main")]
            own = {name for name in task.get("vars", {}) if name.startswith(called["name"].rpartition(".")[2] + "_")}
            assert own <= set(spec.get("options", {})), block.text
            others = {option for specs in entries.values() for other in specs.values() for option in other["options"]}
            assert set(task.get("vars", {})) - own <= others, block.text


@pytest.mark.parametrize("block", yaml_blocks())
def test_policies_are_ones(block):
    for values in tasks(block):
        layers = {
            name.rpartition("_")[2]: layer for name, layer in values.items() if str(name).startswith("conda_policy_")
        }
        if layers:
            assert merge_layers(layers)["violations"] == []


def test_each_claim_of_the_security_model_has_tests_that_there_are():
    text = (pages.RST / "security_model.rst").read_text("utf-8")
    known = set(re.findall(r"def (test_\w+)\(", "\n".join(
        path.read_text("utf-8") for path in (toolbox.CHECKOUT / "tests").rglob("test_*.py"))))  # fmt: skip
    tables = text.split("  * - claim\n    - tests\n")[1:]
    rows = [row for table in tables for row in re.split(r"^  \* - ", table.split("\n\n")[0], flags=re.MULTILINE)[1:]]
    assert len(rows) > 20
    for row in rows:
        named = set(re.findall(r"``(test_\w+)``", row))
        assert named and named <= known, row


def test_the_page_of_condarefresh_names_its_options():
    source = (toolbox.CHECKOUT / "plugins/module_utils/_condarefresh/_arguments.py").read_text("utf-8")
    named = set(re.findall(r"condarefresh (--[a-z-]+)", "".join(page.read_text("utf-8") for page in PAGES)))
    assert named == set(re.findall(r'add\("(--[a-z-]+)"', source)) - {"--help"}


@pytest.mark.parametrize("playbook", ["detect", "audit"])
def test_the_guide_names_all_variables(playbook):
    named = set(re.findall(r"``(\w+)``", (pages.RST / "guide.rst").read_text("utf-8")))
    own = {name for name in variables(playbook) if name.startswith((f"{playbook}_", "conda_policy_", "conda_root"))}
    told = {name.replace("detect_", f"{playbook}_") for name in named}
    assert {name for name in own if not name.startswith("conda_policy_")} <= told


@pytest.mark.parametrize("kind", ["playbooks", "roles", *KINDS])
def test_the_tables_of_the_readme_are_complete(kind):
    text = (toolbox.CHECKOUT / "README.md").read_text("utf-8")
    heading = {"filter": "filters"}.get(kind, kind)
    names = content(kind)
    if not names:
        return
    table = re.search(rf"^\| {heading.removesuffix('s')} \| .*\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table, f"README.md has no table of {heading}"
    rows = [re.match(r"\| `(?:labfleet\.conda\.)?(\w+)` \|", row) for row in table[1].splitlines()[1:]]
    listed = [row[1] for row in rows if row]
    assert sorted(listed) == sorted(names) and len(rows) == len(listed)
