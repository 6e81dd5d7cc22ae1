#!/usr/bin/env bash
# Installs covey (the release preset, which is what people run) into a scratch prefix, builds a
# user's project against it outside of this tree, runs that and asks it something.
#   package_test.sh <tree> <example source>
set -euo pipefail

tree=$(cd "$1" && pwd)
example=$(realpath "$2")
scratch=$(mktemp -d)
server=
cleanup() {
    [[ -z $server ]] || kill -KILL "$server" 2>/dev/null || true
    rm -rf "$scratch"
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*"
    [[ ! -f $scratch/out ]] || cat "$scratch/out" "$scratch/err"
    exit 1
}

# ---- install -------------------------------------------------------------------------------------
cd "$tree"
[[ -f build/release/build.ninja ]] || cmake --preset release
cmake --build --preset release --target covey
cmake --install build/release --component development --prefix "$scratch/prefix" >/dev/null

# What is installed stands by itself: nothing in it points back, asks for a sanitizer, or needs a
# library that is ours alone.
! grep -rIl "$tree" "$scratch/prefix" || fail "an installed text names the source tree"
! grep -rIl -e fsanitize -e msgpack -e CLI11 "$scratch/prefix/lib"*/ --include=*.cmake ||
    fail "the package leaks how it was built"

# ---- build ---------------------------------------------------------------------------------------
cp -r "$(dirname "${BASH_SOURCE[0]}")/consumer" "$scratch/consumer"
cp "$example" "$scratch/consumer/hello.cpp"
cd "$scratch"
cmake -S consumer -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$scratch/prefix"
cmake --build build

# ---- run -----------------------------------------------------------------------------------------
build/hello --listen 127.0.0.1:0 --workers 2 >out 2>err </dev/null &
server=$!
address=
for ((tries = 0; tries < 300; tries++)); do
    address=$(sed -n 's/.*: ready on \(127\.0\.0\.1:[0-9]*\) (workers 2, pid [0-9]*)$/\1/p' out)
    [[ -z $address ]] || break
    kill -0 "$server" 2>/dev/null || fail "it ended before it was ready"
    sleep 0.1
done
[[ -n $address ]] || fail "it is not ready after 30 s"

answer=$(curl --fail --silent --show-error --max-time 10 "http://$address/") || fail "no answer"
[[ -n $answer ]] || fail "an empty answer"
echo "answer: $answer"

kill -TERM "$server"
status=0
wait "$server" || status=$?
server=
((status == 0)) || fail "asked to stop, it exits with $status"
