#!/usr/bin/env bash
# Somebody else's ISO 8583 on both sides of the switch: a terminal and a bank
# written with pyiso8583 (PyPI), which share no code with Pointsman.
#
#   tests/third_party/run.sh
#
# Needs python3 with venv; installs pyiso8583 into target/third-party.
set -euo pipefail
cd "$(dirname "$0")/../.."

target="${CARGO_TARGET_DIR:-target}"
venv="$target/third-party"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check 'pyiso8583>=4,<5'
cargo build --quiet --package pointsman
exec "$venv/bin/python" tests/third_party/purchases.py "$target/debug/pointsman"
