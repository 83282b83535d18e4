#!/usr/bin/env bash
# Types, tests, and whether the committed dist/ is what the sources make.
set -euo pipefail
cd "$(dirname "$0")"
[ -d node_modules/vitest ] || npm ci --no-audit --no-fund >&2

node_modules/.bin/tsc --noEmit -p .
node_modules/.bin/vitest run

fresh="$(mktemp -d)"
trap 'rm -rf "$fresh"' EXIT
./build.sh "$fresh"
if ! diff -rq dist "$fresh"; then
  echo "web/dist differs from its sources: run web/build.sh and commit dist/" >&2
  exit 1
fi
