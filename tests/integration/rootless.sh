#!/bin/sh
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Makes a user with a Podman of their own in this mount namespace, which ends with this script, and looks at it from
# outside: rootless.sh FOLDER PYTHON. The result is the last line of standard output.
set -eu
folder=$1
python=$2
cd "$folder"
cp /etc/passwd passwd
cp /etc/group group
echo "labuser:x:54321:54321::$folder/home:/bin/sh" >>passwd
echo "labuser:x:54321:" >>group
echo "labuser:400000:65536" >sub
touch /etc/subuid /etc/subgid
for pair in passwd:/etc/passwd group:/etc/group sub:/etc/subuid sub:/etc/subgid; do
    mount --bind "$folder/${pair%%:*}" "${pair#*:}"
done
mkdir -p /run/user
mount -t tmpfs tmpfs /run/user
mkdir -m 700 /run/user/54321
mkdir -p home/.config/containers home/tree/conda/conda-meta home/tree/proc home/tree/sys home/tree/dev home/tree/etc
cat >home/.config/containers/containers.conf <<'END'
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
[containers]
netns = "none"
END
cat >home/.config/containers/storage.conf <<'END'
[storage]
driver = "overlay"
END
gcc -static -o home/tree/pause "$CHECKOUT/tests/lab/pause.c"
echo 'root:x:0:0:root:/root:/bin/sh' >home/tree/etc/passwd
touch home/tree/conda/conda-meta/history
echo '{"name": "conda", "version": "4.3.16", "build": "py36_0", "build_number": 0, "files": []}' \
    >home/tree/conda/conda-meta/conda-4.3.16-py36_0.json
chown -R 54321:54321 home /run/user/54321
unset DOCKER_HOST DOCKER_CONFIG CONTAINERS_CONF CONTAINERS_STORAGE_CONF
user() {
    (
        cd home
        HOME=$folder/home XDG_RUNTIME_DIR=/run/user/54321 setpriv --reuid 54321 --regid 54321 --clear-groups "$@"
    ) >&2
}
trap 'user podman rm --force --all --time 0' EXIT
user sh -c 'tar -C tree --owner=0 --group=0 -c . | podman import -q - localhost/tiny:1'
user podman run --detach --name runs localhost/tiny:1 /pause
user podman run --detach --name ended localhost/tiny:1 /pause
user podman stop --time 0 ended
"$python" -c '
import json
from ansible_collections.labfleet.conda.plugins.module_utils._discover._engines import Wanted
from ansible_collections.labfleet.conda.plugins.module_utils._discover._look_result import scan
from ansible_collections.labfleet.conda.plugins.module_utils._discover._scan import Options
result = scan(Options(users=("labuser",)), Wanted("all", True, True))
print(json.dumps(result))
' >result.json
trap - EXIT
user podman rm --force --all --time 0
cat result.json
