# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for micromamba, which no package registry has: a small program that does what was recorded of real ones.

Recorded of micromamba 2.3.3 and 2.8.1: self-update replaces the program (it renames itself to NAME.bkup meanwhile) and
prints ``{"dry_run": false, "prefix": ...}``; one that is up to date prints nothing; SIGTERM ends it on the spot, SIGINT
with a word of success and exit code 0. The variable MAMBA_STANDIN_DOES lets it go wrong.
"""

from __future__ import annotations

import shutil
import subprocess
import typing as t
from pathlib import Path

SOURCE = r"""
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char self[4096], backup[4200];

static const char *variable(const char *name) { const char *value = getenv(name); return value ? value : ""; }

static void success(void) {
    printf("{\n    \"dry_run\": false,\n    \"prefix\": \"%s\"\n}\n", variable("MAMBA_ROOT_PREFIX"));
    fflush(stdout);
}

static void interrupted(int number) { (void)number; success(); _exit(0); }

static int put(const char *version, int part) {
    char path[4200], block[65536];
    size_t got, left = 0;
    struct stat status;
    snprintf(path, sizeof path, "%s/micromamba-%s", variable("MAMBA_STANDIN_CHANNEL"), version);
    FILE *from = fopen(path, "rb");
    if (!from) return 1;
    fstat(fileno(from), &status);
    left = (size_t)status.st_size / (size_t)part;
    FILE *to = fopen(self, "wb");
    while (to && left && (got = fread(block, 1, left < sizeof block ? left : sizeof block, from)) > 0) {
        fwrite(block, 1, got, to);
        left -= got;
    }
    if (!to || fclose(to)) return 1;
    return chmod(self, 0755);
}

static int self_update(const char *version) {
    const char *does = variable("MAMBA_STANDIN_DOES");
    if (!strcmp(does, "nothing")) { success(); return 0; }
    if (!strcmp(does, "fail")) { fprintf(stderr, "critical libmamba Download error (7)\n"); return 1; }
    if (version && !strcmp(version, VERSION)) return 0;
    rename(self, backup);
    if (!strcmp(does, "gone")) { raise(SIGKILL); }
    if (!strcmp(does, "half")) { put(version, 2); raise(SIGKILL); }
    if (!strcmp(does, "half and says success")) { put(version, 2); success(); return 0; }
    if (!strcmp(does, "hang")) {
        signal(SIGINT, interrupted);
        put(version, 2);
        FILE *mark = fopen(variable("MAMBA_STANDIN_MARK"), "w");
        if (mark) fclose(mark);
        for (;;) pause();
    }
    if (put(!strcmp(does, "wrong version") ? "1.5.8" : version, 1)) { rename(backup, self); return 1; }
    if (!strcmp(does, "open to all")) chmod(self, 0777);
    unlink(backup);
    success();
    return 0;
}

static int search(void) {
    DIR *folder = opendir(variable("MAMBA_STANDIN_CHANNEL"));
    const char *comma = "";
    printf("{\"result\": {\"pkgs\": [");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, "micromamba-", 11)) continue;
        printf("%s{\"name\": \"micromamba\", \"version\": \"%s\", \"build\": \"0\"}", comma, entry->d_name + 11);
        comma = ", ";
    }
    printf("]}}\n");
    return 0;
}

int main(int count, char **words) {
    const char *version = NULL;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0 || count < 2) return 109;
    snprintf(backup, sizeof backup, "%s.bkup", self);
    if (!strcmp(words[1], "--version")) { puts(VERSION); return 0; }
    if (!strcmp(words[1], "info")) {
        printf("{\"base environment\": \"%s\", \"micromamba version\": \"%s\"}\n",
               variable("MAMBA_ROOT_PREFIX"), strcmp(variable("MAMBA_STANDIN_DOES"), "bad info") ? VERSION : "?");
        return 0;
    }
    if (!strcmp(words[1], "search")) return search();
    for (int number = 2; number < count - 1; number++)
        if (!strcmp(words[number], "--version")) version = words[number + 1];
    if (!strcmp(words[1], "self-update")) return self_update(version);
    return 109;
}
"""


def can_build() -> bool:
    """Whether this machine has a compiler."""
    return shutil.which("cc") is not None


def channel(folder: Path, versions: t.Iterable[str]) -> Path:
    """A folder with a stand-in of each version, from which self-update takes them."""
    folder.mkdir(parents=True)
    source = folder / "standin.c"
    source.write_text(SOURCE)
    for version in versions:
        target = folder / f"micromamba-{version}"
        command = ["cc", "-O0", f'-DVERSION="{version}"', "-o", str(target), str(source)]
        subprocess.run(command, check=True, capture_output=True)
    return folder


__all__ = ("can_build", "channel")
