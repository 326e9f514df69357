#!/bin/sh
# run.sh BUILD_DIR SECONDS JOBS: builds the fuzzers and lets each search; new inputs go to a corpus below BUILD_DIR.
set -eu
here=$(dirname "$0") build=$1 seconds=$2 jobs=$3
for source in "$here"/*_fuzz.cpp; do
    name=$(basename "$source" .cpp) corpus=$(basename "$source" _fuzz.cpp)
    cmake --build "$build" -j "$jobs" --target "$name"
    mkdir -p "$build/corpus/$corpus"
    echo "$name: $seconds s"
    "$build/test/fuzz/$name" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="$build/$name-" "$build/corpus/$corpus" "$here/corpus/$corpus"
done
