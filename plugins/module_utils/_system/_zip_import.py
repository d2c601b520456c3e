# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Makes the import of module utils on a host take half the time.

ansible-core sends a module as a zip archive of source code. Since Python 3.10 zipimport compiles each file twice: once
to tell its name, in get_filename(), and once to run it; and nothing compiled is kept on the host.
"""

from __future__ import annotations

import sys
import zipimport


class ZipImporter(zipimport.zipimporter):
    """An importer that tells the name of a file without compiling it; archives of ansible-core hold source only."""

    def get_filename(self, fullname: str) -> str:
        end = "/__init__.py" if self.is_package(fullname) else ".py"
        return "%s/%s%s%s" % (self.archive, self.prefix, fullname.rpartition(".")[2], end)


def compile_once() -> None:
    """From here on, let this process compile each file that it imports from a zip archive once only."""
    if sys.version_info < (3, 10) or not isinstance(__spec__.loader, zipimport.zipimporter):
        return
    sys.path_hooks[:] = [ZipImporter if hook is zipimport.zipimporter else hook for hook in sys.path_hooks]
    for path, importer in list(sys.path_importer_cache.items()):
        if isinstance(importer, zipimport.zipimporter):
            del sys.path_importer_cache[path]  # made anew, by the hook, when next needed


__all__ = ("ZipImporter", "compile_once")
