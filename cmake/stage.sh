#!/bin/sh
# stage.sh PG_CONFIG BUILD_DIR: lays a private PostgreSQL tree below BUILD_DIR/stage and installs the extension into it.
# PostgreSQL finds its share and library directories relative to the (resolved) path of the running binary, so the
# binaries are copied and the rest is linked, unless it lies in this checkout, which the servers' user may be unable to read.
# stage/server leads to the binaries.
set -eu
pg_config=$1 build=$2 stage=$2/stage
bin=$("$pg_config" --bindir) lib=$("$pg_config" --pkglibdir) share=$("$pg_config" --sharedir)
case $lib in "$(pwd -P)"/*) take="cp -a" ;; *) take="ln -s" ;; esac
rm -rf "$stage"
mkdir -p "$stage$bin" "$stage$lib" "$stage$share/extension"
cp -a "$bin/." "$stage$bin/"
ln -s ".$bin" "$stage/server"
# Programs from a wheel find their libraries in a folder beside its package.
for libraries in "$bin"/../../../*.libs; do
    [ ! -d "$libraries" ] || cp -a "$libraries" "$stage$bin/../../.."
done
$take "$lib"/* "$stage$lib/"
find "$share" -mindepth 1 -maxdepth 1 ! -name extension -exec $take {} "$stage$share/" \;
$take "$share"/extension/* "$stage$share/extension/"
rm -f "$stage$lib/pg_standin.so" "$stage$share"/extension/pg_standin*
stage=$(realpath "$stage")
DESTDIR=$stage cmake --install "$build" >/dev/null
DESTDIR=$stage cmake --install "$build" --component test >/dev/null
