#!/bin/sh
# packages.sh PURPOSE...: installs the Debian packages of cmake/packages.txt that are missing, after saying which.
set -eu
list=$(dirname "$0")/packages.txt
missing=
for purpose in "$@"; do
    for package in $(sed -n "s/^$purpose //p" "$list"); do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
    done
done
[ -n "$missing" ] || exit 0
echo "installing missing Debian packages:$missing"
root=
[ "$(id -u)" = 0 ] || root=sudo
# Debian's own cluster is not wanted: every server here is started by its test.
echo 'create_main_cluster = false' | { mkdir -p /etc/postgresql-common/createcluster.d 2>/dev/null || $root mkdir -p /etc/postgresql-common/createcluster.d
    $root tee /etc/postgresql-common/createcluster.d/pg_standin.conf >/dev/null; }
$root apt-get update -q
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive $root apt-get install -q -y --no-install-recommends $missing
