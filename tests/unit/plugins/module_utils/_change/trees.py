# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prefixes to take snapshots of, and full listings to compare them by."""

from __future__ import annotations

import hashlib
import json
import os
import stat

OUTSIDE = ("envs", "pkgs", ".labfleet-conda")


def write(prefix, path, content="", mode=0o644):
    """Write a new file of a prefix, with its directories."""
    full = os.path.join(prefix, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    if os.path.lexists(full):
        os.unlink(full)
    with open(full, "wb") as stream:
        stream.write(content if isinstance(content, bytes) else content.encode("utf-8"))
    os.chmod(full, mode)
    return full


def read(path):
    """The text of a file."""
    with open(path) as stream:
        return stream.read()


def package(prefix, dist, files, pkgs=None):
    """Install a package: its files, and the record as conda writes it; returns the record's path."""
    name, version, build = dist.rsplit("-", 2)
    paths = []
    for path, content in files.items():
        full = write(prefix, path, content)
        with open(full, "rb") as stream:
            paths.append({"_path": path, "sha256_in_prefix": hashlib.sha256(stream.read()).hexdigest()})
        if pkgs:
            write(pkgs, dist + "/" + path, content)
    record = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "url": "https://conda.example/main/linux-64/%s.tar.bz2" % dist,
        "md5": hashlib.md5(dist.encode()).hexdigest(),
        "files": sorted(files),
        "paths_data": {"paths": paths, "paths_version": 1},
        "extracted_package_dir": "%s/%s" % (pkgs or prefix + "/pkgs", dist),
    }
    return write(prefix, "conda-meta/%s.json" % dist, json.dumps(record, indent=2, sort_keys=True))


def base(prefix):
    """A small base prefix with some of everything; returns its path and the paths that its records own."""
    prefix = str(prefix)
    conda = {"bin/conda": "#!/bin/sh\necho 1.0\n", "lib/conda/a.py": "a = 1\n", "lib/conda/sub/b.py": "b = 1\n"}
    package(prefix, "conda-1.0-0", conda)
    package(prefix, "python-3.6.15-0", {"bin/python3.6": "python" * 1000, "lib/libpython.so": "so" * 5000})
    package(prefix, "etcetera-1-0", {"etc/profile.d/conda.sh": "export A=1\n"})
    os.symlink("python3.6", prefix + "/bin/python")
    os.symlink("nowhere", prefix + "/lib/dangling")
    write(prefix, "conda-meta/history", "==> 2026-01-01 00:00:00 <==\n+conda-1.0-0\n")
    write(prefix, "conda-meta/frozen", "{}")
    write(prefix, "conda-meta/pinned", "python 3.6.*\n")
    write(prefix, "conda-meta/state", '{"env_vars": {"A": "b"}}')
    write(prefix, ".condarc", "channels: [main]\n", 0o600)
    write(prefix, "lib/conda/__pycache__/a.cpython-36.pyc", "compiled a")
    write(prefix, "share/notes.txt", "mine", 0o640)
    write(prefix, "share/script.sh", "echo", 0o755)
    os.makedirs(prefix + "/share/empty")
    os.link(prefix + "/share/notes.txt", prefix + "/share/same-notes.txt")
    os.link(prefix + "/lib/conda/a.py", prefix + "/lib/conda/a-again.py")
    os.mkfifo(prefix + "/share/fifo")
    with open(prefix + "/share/sparse", "wb") as stream:
        stream.truncate(3000000)
        stream.seek(1000000)
        stream.write(b"in the middle")
    write(prefix, "envs/other/conda-meta/history", "")
    write(prefix, "pkgs/conda-1.0-0/bin/conda", "x")
    os.chmod(prefix + "/share/empty", 0o555)
    os.mkdir(prefix + "/.labfleet-conda", 0o700)  # as the lock makes it, before a snapshot is taken
    return prefix, {*conda, "bin/python3.6", "lib/libpython.so", "etc/profile.d/conda.sh"}


def listing(prefix):
    """Everything that can be told of a prefix: kinds, modes, owners, times, contents, targets, hard links."""
    found, groups = {}, {}
    for top, folders, files in os.walk(prefix):
        if top == prefix:
            folders[:] = [name for name in folders if name not in OUTSIDE]
        for name in [".", *folders, *files]:
            full = os.path.normpath(os.path.join(top, name))
            path = os.path.relpath(full, prefix)
            status = os.lstat(full)
            content = None
            if stat.S_ISREG(status.st_mode):
                with open(full, "rb") as stream:
                    content = hashlib.sha256(stream.read()).hexdigest()
                groups.setdefault(status.st_ino, []).append(path)
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(full)
            found[path] = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, content)
    return found, sorted(sorted(names) for names in groups.values() if len(names) > 1)
