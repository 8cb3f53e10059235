#!/bin/sh
# Stands in for Python with pip in tests: notes how it is called and where, and answers with the files that lie beside it.
folder=$(dirname "$0")
{ echo "$*"; ls; cat requirements.txt; } >>"$folder/calls"
case " $* " in
*" --report "*)
    exec cat "$folder/report.json"
    ;;
*" download "*)
    if [ -e "$folder/hangs" ]; then exec sleep 120; fi
    if [ -e "$folder/floods" ]; then exec yes flood; fi
    while [ "$1" != --dest ]; do shift; done
    mkdir -p "$2"
    cp "$folder"/*.whl "$2" 2>/dev/null || { echo "ERROR: no matching distribution" >&2; exit 1; }
    ;;
esac
