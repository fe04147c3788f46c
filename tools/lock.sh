#!/usr/bin/env bash
# Compile requirements/*.in into hash-locked *.txt, for every platform and Python 3.11 to 3.13.
# Pins stay as they are where the .in files allow it; `UPGRADE=1 make lock` looks for newer versions.
set -euo pipefail

if [[ "${1:-}" == "--help" ]]; then
    sed -n '2,3s/^# //p' "$0"
    exit 0
fi
cd "$(dirname "$0")/.."

python="${PYTHON:-.venv/bin/python}"
if [[ ! -x "$python" ]]; then
    python="$(command -v python3)"
fi

# uv compiles for all platforms at once. It lives in an environment of its own that goes when this script ends.
workshop="$(mktemp -d)"
trap 'rm -rf "$workshop" requirements/.*.txt.new' EXIT
echo "Installing uv for the moment"
"$python" -m venv "$workshop/venv"
"$workshop/venv/bin/python" -m pip --disable-pip-version-check install --quiet uv

options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
    --custom-compile-command "make lock" --quiet)
if [[ -n "${UPGRADE:-}" ]]; then
    options+=(--upgrade)
fi

# Both are compiled aside and replace the old ones together, so that an interrupted run changes nothing.
compile() { # name, further options
    cp -f "requirements/$1.txt" "$workshop/$1.txt" 2>/dev/null || true
    "$workshop/venv/bin/uv" pip compile "${options[@]}" "${@:2}" "requirements/$1.in" --output-file "$workshop/$1.txt"
}
echo "Compiling requirements/all.txt"
compile all
cp "$workshop/all.txt" requirements/.all.txt.new
echo "Compiling requirements/book.txt"
compile book -c "$workshop/all.txt"
# The comments say where each pin comes from: name the file as it lies in the repository.
sed "s|-c $workshop/all.txt|-c requirements/all.txt|; s|$workshop/||" "$workshop/book.txt" > requirements/.book.txt.new
mv requirements/.all.txt.new requirements/all.txt
mv requirements/.book.txt.new requirements/book.txt
echo "Locked: $(grep -c '==' requirements/all.txt) packages in all.txt, $(grep -c '==' requirements/book.txt) in book.txt"
