#!/bin/sh
# Builds the agent for the engines' architectures, compressed, beside this
# script, where package bin embeds it. The same sources and the same Go give
# the same bytes.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
for arch in amd64 arm64; do
	temp=$(mktemp "$here/.agent-$arch.XXXXXX")
	trap 'rm -f "$temp" "$temp.gz"' EXIT
	CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOAMD64=v1 GOARM64=v8.0 GOFLAGS= \
		"${GO:-go}" build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' -o "$temp" ./cmd/envy-agent
	gzip -n -9 <"$temp" >"$temp.gz"
	chmod 0644 "$temp.gz"
	mv "$temp.gz" "$here/agent-linux-$arch.gz"
	rm -f "$temp"
done
