#!/bin/sh
# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Makes the host "shared": root's conda in /opt/conda, bob's own in his home, and what the users did with them.
# Run by the image builder in a Debian with the channels at /srv/channels and the two base prefixes below /stage.
set -eu

as() { # as USER COMMAND: the way a login shell of that user would run it
  su - "$1" -c "$2" > "/tmp/$1" 2>&1 || {
    cat "/tmp/$1" >&2
    echo "failed as $1: $2" >&2
    exit 1
  }
}

for user in alice bob carol; do
  useradd --create-home --shell /bin/bash --password '*' "$user"
  mkdir -p "/data/projects/$user"
  chown "$user:$user" "/data/projects/$user"
done

cp -a /stage/conda /opt/conda
cp -a /stage/miniconda3 /home/bob/miniconda3
chown -R bob:bob /home/bob/miniconda3

# The site's rules: what is final here, no user can change.
mkdir -p /etc/conda
cat > /etc/conda/condarc << 'END'
default_channels:  #!final
  - file:///srv/channels/pkgs/main
channel_alias: file:///srv/channels  #!final
auto_update_conda: false  #!final
show_channel_urls: true
END

cat > /home/alice/.condarc << 'END'
channels:
  - conda-forge
  - defaults
show_channel_urls: false
END
cat > /home/bob/.condarc << 'END'
auto_update_conda: true
channels:
  - defaults
END
mkdir -p /home/carol/.conda
cat > /home/carol/.conda/condarc << 'END'
envs_dirs:
  - /data/projects/carol/envs
END
chown -R alice:alice /home/alice
chown bob:bob /home/bob/.condarc
chown -R carol:carol /home/carol

# alice works with root's conda: an environment in her home with a pin and a pip package, and a project's own prefix.
alice() {
  as alice '/opt/conda/bin/conda create -y -q -n analysis python=3.6 six=1.10 click=6.7 pip'
  as alice 'echo "six 1.10.*" > .conda/envs/analysis/conda-meta/pinned'
  as alice '.conda/envs/analysis/bin/pip install -q --no-index --find-links /srv/channels/wheels colorama'
  as alice '/opt/conda/bin/conda create -y -q -p /data/projects/alice/report python=3.6 jinja2'
}

# bob has a conda of his own, with a newer Python and an environment that changed over time.
bob() {
  as bob '/home/bob/miniconda3/bin/conda create -y -q -n web python=3.6 flask'
  as bob '/home/bob/miniconda3/bin/conda install -y -q -n web pytz=2017.2'
  as bob '/home/bob/miniconda3/bin/conda update -y -q -n web pytz'
  as bob '/home/bob/miniconda3/bin/conda create -y -q -n newpython "python>=3.8" pip'
}

# carol keeps her environments outside her home, and has a copy of one.
carol() {
  as carol '/opt/conda/bin/conda create -y -q -n tools -c conda-forge python=3.6 click'
  as carol '/opt/conda/bin/conda create -y -q -n tools-copy --clone tools'
}

alice & alice_job=$!
bob & bob_job=$!
carol & carol_job=$!
wait "$alice_job"
wait "$bob_job"
wait "$carol_job"

# root serves one environment to everybody.
as root '/opt/conda/bin/conda create -y -q -n site python=3.6 requests'
# what is private is seen by root alone
chmod 700 /home/bob
rm -f /tmp/alice /tmp/bob /tmp/carol /tmp/root
