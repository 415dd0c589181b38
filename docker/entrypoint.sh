#!/bin/sh
# The two commands of the README: bring the index up to date, then serve it.
set -eu
photos="${STITCH_PHOTOS:-/photos}"
gallery="${STITCH_GALLERY:-/gallery}"

# 7: done, but some files were skipped; each was reported
stitch index "$photos" --gallery "$gallery" --quiet || [ "$?" -eq 7 ]
# inside the container every address is its own; who may come in is decided where the port is published
exec stitch serve "$gallery" --host "${STITCH_HOST:-0.0.0.0}" --port "${STITCH_PORT:-8000}" "$@"
