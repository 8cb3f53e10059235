#!/bin/sh
# Stands in for Python with pip and for CMake, which builds what lies in the folder that FAKE_PROGRAMS names. Fails as FAKE_PIP says.
if [ -n "$FAKE_PIP" ]; then
    echo "$FAKE_PIP" >&2
    exit 1
fi
case "$*" in
"--build "*) cp "$FAKE_PROGRAMS"/* "$2/bin" ;;
*GGML_BLAS=ON*)
    echo "no BLAS here" >&2
    exit 1
    ;;
*" -B "*) while [ "$1" != -B ]; do shift; done && mkdir -p "$2/bin" ;;
esac
