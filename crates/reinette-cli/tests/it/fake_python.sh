#!/bin/sh
# Stands in for Python with pip: "builds" what lies in the folder that FAKE_PROGRAMS names, or fails as FAKE_PIP says.
if [ -n "$FAKE_PIP" ]; then
    echo "$FAKE_PIP" >&2
    exit 1
fi
for argument in "$@"; do
    case "$argument" in build-dir=*) build="${argument#build-dir=}" ;; esac
done
mkdir -p "$build/bin" && cp "$FAKE_PROGRAMS"/* "$build/bin"
