# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The errors of conda, mamba and micromamba, sorted into one closed set of kinds by their names and numbers."""

from __future__ import annotations

import errno
import re
import typing as t

from ansible_collections.labfleet.conda.plugins.module_utils._change._documents import Document
from ansible_collections.labfleet.conda.plugins.module_utils._system._redact import clean, mask_text

NOT_FOUND = "not_found"
UNSATISFIABLE = "unsatisfiable"
FROZEN = "frozen"
PROTECTED = "protected"
NOT_WRITABLE = "not_writable"
CHANNEL_UNREACHABLE = "channel_unreachable"
CHANNEL_NOT_ALLOWED = "channel_not_allowed"
BAD_INDEX = "bad_index"
CHECKSUM = "checksum"
LINK_FAILED = "link_failed"
NO_SPACE = "no_space"
TERMS_OF_SERVICE = "terms_of_service"
NOT_AN_ENVIRONMENT = "not_an_environment"
INTERRUPTED = "interrupted"
NO_CHANNELS = "no_channels"
BAD_SPEC = "bad_spec"
USAGE = "usage"
CRASH = "crash"
OTHER = "other"

_NAMES = {
    NOT_FOUND: "PackagesNotFoundError PackagesNotFoundInChannelsError PackagesNotFoundInPrefixError "
    "PackageNotFoundError NoPackagesFoundError ResolvePackageNotFound PackageNotInstalledError",
    UNSATISFIABLE: "UnsatisfiableError LibMambaUnsatisfiableError RattlerUnsatisfiableError"
    " SpecsConfigurationConflictError",
    FROZEN: "EnvironmentIsFrozenError",
    PROTECTED: "RemoveError DisallowedPackageError",
    NOT_WRITABLE: "EnvironmentNotWritableError NotWritableError NoWritableEnvsDirError NoWritablePkgsDirError"
    " PermissionError",
    CHANNEL_UNREACHABLE: "UnavailableInvalidChannel CondaHTTPError CondaSSLError ProxyError OfflineError "
    "ConnectionError CondaRuntimeConnectionError CouldntParseRepodataError PathNotFoundError AuthenticationError",
    CHANNEL_NOT_ALLOWED: "ChannelNotAllowed ChannelDenied OperationNotAllowed",
    # What conda dies of when it takes HTML, as a portal answers it, for an index.
    BAD_INDEX: "JSONDecodeError ZstdError",
    CHECKSUM: "ChecksumMismatchError InvalidArchiveError MD5MismatchError CondaSignatureVerificationError",
    LINK_FAILED: "LinkError",
    NO_SPACE: "NoSpaceLeftError",
    TERMS_OF_SERVICE: "CondaToSNonInteractiveError CondaToSRejectedError CondaToSMissingError",
    NOT_AN_ENVIRONMENT: "EnvironmentLocationNotFound EnvironmentNameNotFound DirectoryNotACondaEnvironmentError"
    " CondaEnvironmentNotFoundError NotACondaEnvironmentError NoBaseEnvironmentError",
    INTERRUPTED: "CondaSignalInterrupt KeyboardInterrupt",
    NO_CHANNELS: "NoChannelsConfiguredError",
    BAD_SPEC: "CondaValueError InvalidMatchSpec InvalidVersionSpec InvalidVersionSpecError InvalidSpec",
    USAGE: "ArgumentError CommandArgumentError CommandNotFoundError TooManyArgumentsError TooFewArgumentsError",
}
KINDS = (*_NAMES, CRASH, OTHER)
_KIND_OF = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_SUCCESSES = frozenset(("CondaExitZero", "DryRunExit"))
_MULTIPLE = "CondaMultiError"
# The number of an error of the operating system, in the form in which Python writes the error.
_ERRNO = re.compile(r"\A[A-Za-z.]*Error\(([0-9]{1,4}),")
_KIND_OF_ERRNO = {
    errno.ENOSPC: NO_SPACE,
    errno.EDQUOT: NO_SPACE,
    errno.EACCES: NOT_WRITABLE,
    errno.EPERM: NOT_WRITABLE,
    errno.EROFS: NOT_WRITABLE,
}
_NO_DETAILS = frozenset("command conda_info error errors exception_name exception_type message traceback".split())
_MAX_MESSAGE = 4000
_MAX_STDERR_LINES = 20


class ToolError(t.NamedTuple):
    """What a tool says went wrong. Nothing in it is a secret: it can leave the host.

    :ivar name: the tool's own name of it, such as C(EnvironmentIsFrozenError); an empty text where it gave none.
    :ivar kind: one of KINDS.
    :ivar message: in the tool's own words.
    :ivar details: what else it tells, by its own keys.
    """

    name: str
    kind: str
    message: str
    details: t.Mapping[str, t.Any]


def is_error(document: Document) -> bool:
    """Whether a document reports an error."""
    if str(document.get("exception_name")) in _SUCCESSES:
        return False
    if "exception_name" in document or "solver_problems" in document or document.get("success") is False:
        return True
    return "error" in document and "success" not in document


def error_of_document(document: Document, stderr: bytes) -> ToolError:
    """The error that a document reports; of several, the one that tells most.

    :param stderr: for a mamba, which says there what its document does not.
    """
    if "exception_name" not in document:
        return _nameless(document, stderr)
    errors = [_named(item) for item in _flat(document)]
    telling = [error for error in errors if error.kind not in (CRASH, OTHER)]
    error = (telling or errors or [_named(document)])[0]
    names = [item.name for item in errors]
    return error._replace(details={**error.details, "all_names": names}) if len(names) > 1 else error


def error_without_document(kind: str, code: int, stderr: bytes) -> ToolError:
    """The error of a tool that has written no document.

    conda dies so with a traceback of Python on stderr, up to 26.5 whenever one of several errors is not its own: a
    failed link script, a signal, a damaged archive, a full disk. mamba and micromamba say most of their errors so.

    :param kind: the kind of the tool.
    :param code: its exit code, negative for a signal.
    """
    message = _end_of(stderr)
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        return ToolError("", INTERRUPTED, message or "ended by signal %d" % number, {"signal": number})
    # argparse says 2; CLI11, which reads the arguments of mamba, 100 to 127.
    if (kind == "conda" and code == 2) or (kind != "conda" and 100 <= code <= 127):
        return ToolError("", USAGE, message, {"exit_code": code})
    return ToolError("", CRASH if kind == "conda" else OTHER, message, {"exit_code": code})


def _nameless(document: Document, stderr: bytes) -> ToolError:
    if "solver_problems" in document:
        problems = document["solver_problems"] if isinstance(document["solver_problems"], list) else []
        message = "\n".join(str(problem) for problem in problems)
        return ToolError("", UNSATISFIABLE, _masked(message), {"solver_problems": clean(problems)})
    if "error" in document:
        return ToolError("", CRASH, _masked(str(document["error"])), {})
    return ToolError("", OTHER, _end_of(stderr) or _masked(str(document.get("message", ""))), {})


def _flat(document: Document) -> t.Iterator[Document]:
    """The errors within an error; 26.7 has maps, and among them the tuple of an internal failure."""
    errors = document.get("errors")
    if document.get("exception_name") != _MULTIPLE or not isinstance(errors, list):
        yield document
        return
    for item in errors:
        if isinstance(item, dict) and isinstance(item.get("exception_name"), str) and item["exception_name"] != "tuple":
            yield item


def _named(document: Document) -> ToolError:
    name = str(document.get("exception_name") or "")
    message = document.get("message") or document.get("error") or ""
    details = {key: clean(value) for key, value in document.items() if key not in _NO_DETAILS}
    return ToolError(mask_text(name), _kind(name, document), _masked(str(message)), details)


def _kind(name: str, document: Document) -> str:
    if name in _KIND_OF:
        return _KIND_OF[name]
    for key in ("error", "caused_by"):
        found = _ERRNO.match(str(document.get(key) or ""))
        if found and int(found.group(1)) in _KIND_OF_ERRNO:
            return _KIND_OF_ERRNO[int(found.group(1))]
    return CRASH if "traceback" in document else OTHER


def _end_of(stderr: bytes) -> str:
    lines = [line for line in stderr[-65536:].decode("utf-8", "replace").splitlines() if line.strip()]
    return _masked("\n".join(lines[-_MAX_STDERR_LINES:]))


def _masked(text: str) -> str:
    # Masked first: a cut could part a secret from what tells that it is one.
    return str(clean(text.strip()))[-_MAX_MESSAGE:]


__all__ = (
    "BAD_INDEX",
    "BAD_SPEC",
    "CHANNEL_NOT_ALLOWED",
    "CHANNEL_UNREACHABLE",
    "CHECKSUM",
    "CRASH",
    "FROZEN",
    "INTERRUPTED",
    "KINDS",
    "LINK_FAILED",
    "NOT_AN_ENVIRONMENT",
    "NOT_FOUND",
    "NOT_WRITABLE",
    "NO_CHANNELS",
    "NO_SPACE",
    "OTHER",
    "PROTECTED",
    "TERMS_OF_SERVICE",
    "ToolError",
    "UNSATISFIABLE",
    "USAGE",
    "error_of_document",
    "error_without_document",
    "is_error",
)
