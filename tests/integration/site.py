# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A base prefix on a host of the lab that a test changes and leaves as it was found."""

from __future__ import annotations

import contextlib
import typing as t

from lab import hosts


class Site(t.NamedTuple):
    """A host of the lab, who logs in there, and the base prefix that is changed.

    :param become: whether they become root.
    :param folder: where the test has its ledger; it is removed.
    """

    host: str
    login: str
    become: bool
    prefix: str
    folder: str

    @property
    def ledger(self) -> str:
        return self.folder + "/ledger.jsonl"

    def sh(self, script: str) -> str:
        """What a shell of root says; it has to succeed."""
        done = hosts.run_on(self.host, "sh", "-ec", script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listing(self, below: str) -> list[str]:
        """The names in a directory of the prefix; none where it is not there."""
        return hosts.run_on(self.host, "ls", "-A", f"{self.prefix}/{below}").stdout.split()

    def state(self) -> str:
        """The packages and the history of the prefix, with the owner and the sum of each file."""
        return self.sh(f"cd {self.prefix}/conda-meta && stat -c '%n %U %a' * && sha256sum *.json history")

    def names(self) -> set[str]:
        """What is in the package cache, in the home of who logs in, and among the environments."""
        places = f"{self.prefix}/pkgs {self.prefix}/envs ~{self.login}"
        return set(self.sh(f"find {places} -mindepth 1 -maxdepth 1").split())

    def version(self) -> str:
        """The version that conda tells."""
        return self.sh(f"{self.prefix}/bin/conda --version 2>&1").split()[-1]


@contextlib.contextmanager
def as_found(*sites: Site) -> t.Iterator[None]:
    """Remove what a test leaves on the hosts; the prefixes have to be what they were by then, else snapshots stay."""
    states, there = [site.state() for site in sites], [site.names() for site in sites]
    yield
    assert [site.state() for site in sites] == states
    for site, names in zip(sites, there, strict=True):
        site.sh("rm -rf " + " ".join([site.prefix + "/.labfleet-conda", site.folder, *(site.names() - names)]))


__all__ = ("Site", "as_found")
