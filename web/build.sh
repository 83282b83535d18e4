#!/usr/bin/env bash
# Builds the pages into dist/ (or the folder named): the same bytes from the same sources, anywhere.
# Needs Go for esbuild and Node for the packages; `go build` needs neither, as dist/ is committed.
set -euo pipefail
cd "$(dirname "$0")"
out="${1:-dist}"

[ -d node_modules/preact ] || npm ci --no-audit --no-fund >&2

common=(--bundle --format=esm --minify --target=es2022 --legal-comments=none --charset=utf8 --log-level=warning)
mkdir -p "$out"
go tool esbuild sdk/src/index.ts "${common[@]}" --outfile="$out/sdk.js"
go tool esbuild sdk/src/transfer/index.ts "${common[@]}" --outfile="$out/transfer.js"
rm -f "$out"/part-*.js
go tool esbuild app=app/src/main.tsx "${common[@]}" --splitting --chunk-names=part-[name]-[hash] --jsx=automatic --jsx-import-source=preact \
  --define:process.env.NODE_ENV='"production"' --outdir="$out"
go tool esbuild transfer-disk=app/src/transfer/opfsworker.ts transfer-sw=app/src/transfer/serviceworker.ts "${common[@]}" --outdir="$out"
go tool esbuild app/src/app.css --bundle --minify --target=es2022 --log-level=warning --outfile="$out/app.css"
cp app/index.html app/favicon.svg app/icon-192.png app/icon-512.png app/app.webmanifest "$out/"
