"""The Debian package, unpacked over a server that has no pg_standin, and what the release's other files say."""

import json
import pathlib
import re
import shutil

from harness import postgres, scratch
from harness.process import run

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r"project\(pg_standin VERSION ([0-9.]+)", (REPOSITORY / "CMakeLists.txt").read_text()).group(1)


def packaged(directory):
    run(["cpack", "--config", REPOSITORY / "build/debug/CPackConfig.cmake", "-B", directory])
    (package,) = directory.glob("*.deb")
    return package


def test_the_package_is_all_that_a_server_needs():
    directory = scratch.scratch()
    package = packaged(directory / "package")
    bindir = postgres.stage_bindir()
    major = re.search(r" (\d+)", run([bindir / "postgres", "--version"])).group(1)
    fields = dict(line.split(": ", 1) for line in run(["dpkg-deb", "-f", package]).splitlines() if re.match(r"[A-Z]", line))
    assert fields["Package"] == f"postgresql-{major}-pg-standin" and fields["Version"] == VERSION
    needs = {re.split(r"[ :]", need)[0] for need in fields["Depends"].split(", ")}
    assert {f"postgresql-{major}", "librdkafka1", "libpq5", "libc6"} <= needs, needs

    root = directory / "stage"
    shutil.copytree(postgres.stage_root(bindir), root, symlinks=True)
    for file in list(root.rglob("pg_standin*")) + list(root.rglob("standin_test*")):
        file.unlink()
    run(["dpkg-deb", "-x", package, root])
    run(["chmod", "-R", "go+rX", directory])
    server = postgres.Cluster("packaged", directory, bindir=(root / "server").resolve(),
                              settings=postgres.SERVICE_SETTINGS).init().start()
    try:
        server.query("CREATE EXTENSION pg_standin")
        assert server.value("SELECT extversion FROM pg_extension WHERE extname = 'pg_standin'") == VERSION
        assert server.value("SELECT count(*) FROM standin.preflight() WHERE check_name = 'supervisor'") == 1
    finally:
        server.stop()


def test_the_release_files_speak_of_this_version():
    meta = json.loads((REPOSITORY / "META.json").read_text())
    provided = meta["provides"]["pg_standin"]
    assert meta["version"] == provided["version"] == VERSION
    assert (REPOSITORY / provided["file"]).exists() and (REPOSITORY / provided["docfile"]).exists()
    assert re.search(r"^## ([0-9.]+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.M).group(1) == VERSION
