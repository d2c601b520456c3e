# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Gets one file, from an address or from this host, whole and with the right SHA-256 sum, or not at all."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import stat
import time
import typing as t
import urllib.parse
import urllib.request

from ansible_collections.labfleet.conda.plugins.module_utils._system._durable import create, remove_file

_CHUNK = 1024 * 1024
# How long a server may say nothing.
_SILENCE_SECONDS = 60.0
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotFetched(Exception):
    """A file could not be had; the text is a sentence."""


class Limits(t.NamedTuple):
    """What a file may take.

    :param max_bytes: its size; seconds: the time until it is here.
    :param interrupted: tells whether somebody wants this to end.
    """

    max_bytes: int
    seconds: float
    interrupted: t.Callable[[], t.Any] = lambda: 0


def fetch(source: str, folder: int, name: str, *, sha256: str, limits: Limits) -> int:
    """Put a file into an open directory of our own, where nobody else can exchange it after it was checked.

    Proxies are taken from the variables of the environment that name them.

    :param source: an address (http, https or file), or an absolute path.
    :param sha256: the sum that it must have, in hexadecimal digits.
    :returns: its size.
    :raises NotFetched: it could not be had, or is not what it should be; nothing is left of it then.
    """
    try:
        with create(folder, name) as target:
            size, found = _copy(_open(source, limits), target, source, limits)
            target.flush()
            os.fsync(target.fileno())
        if found != sha256.lower():
            raise NotFetched(
                "%s is not what it should be: its SHA-256 sum is %s, not %s. Nothing of it was run; compare the sum"
                " with that which its maker has published." % (source, found, sha256.lower())
            )
        return size
    except NotFetched:
        remove_file(folder, name)
        raise
    except (OSError, ValueError, http.client.HTTPException) as error:
        remove_file(folder, name)
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        if isinstance(error, (ValueError, http.client.InvalidURL)):
            reason = "it is no address that can be used"  # Python's own words can quote a password
        raise NotFetched("%s could not be fetched: %s." % (source, str(reason).lower())) from error


def is_address(source: str) -> bool:
    """Whether this is an address, and no path on this host."""
    return source.startswith(("http://", "https://", "file:"))


def _open(source: str, limits: Limits) -> t.BinaryIO:
    if not is_address(source):
        stream = os.fdopen(os.open(source, _READ), "rb")
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            stream.close()
            raise NotFetched("%s is no regular file, so nothing is read from it." % source)
        return stream
    timeout = max(0.001, min(_SILENCE_SECONDS, limits.seconds))
    return urllib.request.build_opener().open(_request(source), timeout=timeout)


def _request(source: str) -> urllib.request.Request:
    """What is asked for; a user and a password in the address go to its server alone, wherever that leads."""
    parts = urllib.parse.urlsplit(source)
    who, _at, server = parts.netloc.rpartition("@")
    request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=server)))
    if who and parts.scheme != "file":
        known = base64.b64encode(urllib.parse.unquote_to_bytes(who)).decode("ascii")
        request.add_unredirected_header("Authorization", "Basic " + known)
    return request


def _copy(stream: t.BinaryIO, target: t.BinaryIO, source: str, limits: Limits) -> t.Tuple[int, str]:
    digest, size, end = hashlib.sha256(), 0, time.monotonic() + limits.seconds
    with stream:
        while True:
            # One read of what is there, so that a slow server cannot hold us beyond the limit.
            block = stream.read1(_CHUNK) if hasattr(stream, "read1") else stream.read(_CHUNK)
            if not block:
                break
            size += len(block)
            if size > limits.max_bytes:
                raise NotFetched("%s has more than the %d bytes that it may have." % (source, limits.max_bytes))
            if time.monotonic() > end:
                raise NotFetched("%s did not arrive within %g s." % (source, limits.seconds))
            if limits.interrupted():
                raise NotFetched("%s was not fetched, since this run was ended." % source)
            digest.update(block)
            target.write(block)
    return size, digest.hexdigest()


__all__ = ("Limits", "NotFetched", "fetch", "is_address")
