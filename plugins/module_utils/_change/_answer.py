# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Read what conda, mamba or micromamba has answered, in the shape of any version, from exit code and JSON alone.

No word of a message decides anything here. Three answers cannot be told from their like, so that whoever reads them has
to look further:

* An index that is HTML counts as an empty channel for conda 23.11 to 26.3 and for mamba: "nothing to do", exit code 0.
  See why_not_newer(), which asks whether the channel holds at least the conda that is installed.
* micromamba exits 0 and tells the whole plan after SIGINT has made it roll back, after a failed link script, and for
  an update of what is not installed. The records before and after are the truth, see package_changes().
* What a read-only base would refuse is not known to the dry run of conda before 25.5 and of mamba.
"""

from __future__ import annotations

import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._documents import Document, json_documents
from ansible_collections.labfleet.conda.plugins.module_utils._change._package import (
    Package,
    by_version,
    parse_packages,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._package_changes import (
    PackageChange,
    package_changes,
)
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool import Tool
from ansible_collections.labfleet.conda.plugins.module_utils._change._tool_error import (
    CHANNEL_UNREACHABLE,
    NOT_FOUND,
    OTHER,
    UNSATISFIABLE,
    ToolError,
    error_of_document,
    error_without_document,
    is_error,
)

# These answer with no document when all is well: the exit code is all there is.
_NO_DOCUMENT = ("version", "import", "explicit")


class Plan(t.NamedTuple):
    """What is, or would be, done to the packages of an environment.

    :ivar link: the packages that come.
    :ivar unlink: the packages that go.
    :ivar fetch: the packages to download, with sizes, URLs and hashes where the tool tells them.
    :ivar prefix: the environment; None where the tool does not tell it.
    :ivar tells_fetch: whether the tool tells what it downloads; conda 4.3 does not.
    """

    link: t.Tuple[Package, ...] = ()
    unlink: t.Tuple[Package, ...] = ()
    fetch: t.Tuple[Package, ...] = ()
    prefix: t.Optional[str] = None
    tells_fetch: bool = True

    @property
    def is_empty(self) -> bool:
        return not (self.link or self.unlink)

    @property
    def changes(self) -> t.List[PackageChange]:
        """The plan as changes of packages."""
        return package_changes(self.unlink, self.link)

    @property
    def download_size(self) -> t.Optional[int]:
        """The bytes to download; None where the tool does not tell them all."""
        sizes = [package.size for package in self.fetch]
        is_known = None not in sizes and (self.tells_fetch or self.is_empty)
        return sum(size for size in sizes if size is not None) if is_known else None


class Answer(t.NamedTuple):
    """What a tool has answered.

    :ivar success: whether it did what was asked.
    :ivar nothing_to_do: whether it says that nothing is to be changed.
    :ivar actions: the changes of packages that it tells.
    :ivar error: why it did not do what was asked; None after a success.
    :ivar documents: its own words. They can hold secrets: mask them before they are shown.
    """

    success: bool
    nothing_to_do: bool
    actions: Plan
    error: t.Optional[ToolError]
    documents: t.Tuple[Document, ...]


def parse_answer(stdout: bytes, stderr: bytes, code: int, *, tool: Tool, what: str) -> Answer:
    """Read an answer.

    :param code: the exit code, negative for a signal.
    :param what: what was asked, as Command.what tells it.
    """
    documents = json_documents(stdout)
    plan = _plan(documents)
    if _is_dry_run_of_4_2(documents, code, tool, what):
        return Answer(True, plan.is_empty, plan, None, tuple(documents))
    error = _error(documents, stderr, code, tool, what)
    if error is not None:
        return Answer(False, False, plan, error, tuple(documents))
    return Answer(True, _is_nothing(documents, plan, what), plan, None, tuple(documents))


def found_packages(answer: Answer, name: str) -> t.List[Package]:
    """The versions and builds of a package in the answer to a search, the oldest first.

    conda up to 4.3 answers a search for what is not there with an empty map and exit code 0, later ones with an error.
    """
    found: t.List[Package] = []
    for document in answer.documents:
        result = document.get("result")
        packages = document.get(name, result.get("pkgs") if isinstance(result, dict) else None)
        found += [package for package in parse_packages(packages) if package.name == name]
    return by_version(found)


def solver_works(answer: Answer) -> bool:
    """Whether the answer to an offline solve shows a solver that works; with empty caches it finds nothing."""
    return answer.success or (
        answer.error is not None and answer.error.kind in (NOT_FOUND, UNSATISFIABLE, CHANNEL_UNREACHABLE)
    )


def _error(documents: t.Sequence[Document], stderr: bytes, code: int, tool: Tool, what: str) -> t.Optional[ToolError]:
    reported = [document for document in documents if is_error(document)]
    # The last word counts: a first document of success can be followed by one of failure.
    if code == 0 and documents:
        return error_of_document(documents[-1], stderr) if is_error(documents[-1]) else None
    if code == 0:
        return None if _may_be_silent(stderr, tool, what) else error_without_document(tool.kind, code, stderr)
    if code < 0 or code > 128:
        return error_without_document(tool.kind, code, stderr)
    if reported:
        return error_of_document(reported[-1], stderr)
    # conda: only progress, then a traceback. micromamba 2.3.3: success, but for the exit code.
    error = error_without_document(tool.kind, code, stderr)
    return error._replace(kind=OTHER) if documents else error


def _may_be_silent(stderr: bytes, tool: Tool, what: str) -> bool:
    """Whether no document at all is an answer.

    micromamba's self-update says nothing when it is up to date; ``conda install --download-only`` says on stderr that
    it has ended well.
    """
    if what in _NO_DOCUMENT or (what == "self_update" and tool.kind == "micromamba"):
        return True
    told = json_documents(stderr)
    return bool(told) and not is_error(told[-1])


def _is_dry_run_of_4_2(documents: t.Sequence[Document], code: int, tool: Tool, what: str) -> bool:
    """Whether conda 4.2 has planned well: it then dies of its own exception, with a second document and exit code 1."""
    return (
        tool.kind == "conda"
        and not tool.since("4.3")
        and what in ("plan", "solve")
        and code == 1
        and len(documents) == 2
        and documents[0].get("success") is True
        and documents[0].get("dry_run") is True
        and "exception_name" not in documents[1]
    )


def _is_nothing(documents: t.Sequence[Document], plan: Plan, what: str) -> bool:
    """Whether there was nothing to do: a message and no actions, actions without packages, or a silent self-update."""
    if what not in ("plan", "apply", "solve", "self_update"):
        return False
    if not documents:
        return what == "self_update"
    told = any("actions" in document or "message" in document for document in documents)
    return told and plan.is_empty


def _plan(documents: t.Sequence[Document]) -> Plan:
    """The actions of the last document that has some; conda 4.3 lists them, one map for each environment."""
    for document in reversed(documents):
        actions = document.get("actions")
        maps = [item for item in (actions if isinstance(actions, list) else [actions]) if isinstance(item, dict)]
        if maps:
            prefix = document.get("prefix") or maps[0].get("PREFIX")
            link, unlink, fetch = (
                tuple(package for item in maps for package in parse_packages(item.get(key)))
                for key in ("LINK", "UNLINK", "FETCH")
            )
            # Only 4.2 and 4.3 have an order of operations; later ones tell what they fetch, or that it is nothing.
            tells_fetch = all("FETCH" in item or "op_order" not in item for item in maps)
            return Plan(link, unlink, fetch, prefix if isinstance(prefix, str) else None, tells_fetch)
    return Plan()


__all__ = ("Answer", "Plan", "found_packages", "parse_answer", "solver_works")
