#!/bin/sh
# The two commands of the README: bring the index up to date, then serve it.
set -eu
photos="${STITCH_PHOTOS:-/photos}"
gallery="${STITCH_GALLERY:-/gallery}"

status=0
# STITCH_INDEX_OPTIONS: words for the first command, e.g. --exclude raw; they are split at blanks
# shellcheck disable=SC2086
stitch index "$photos" --gallery "$gallery" --quiet ${STITCH_INDEX_OPTIONS:-} || status=$?
case "$status" in
    0) ;;
    7) ;; # done, but some files were skipped; each was reported
    3 | 5)
        # no images there, or the index was refused: a disk may be away. What is indexed is served.
        [ -s "$gallery/gallery.sqlite" ] || exit "$status"
        echo "The index was not brought up to date (see above); serving the gallery as it was." >&2
        ;;
    *) exit "$status" ;;
esac
# inside the container every address is its own; who may come in is decided where the port is published
exec stitch serve "$gallery" --host "${STITCH_HOST:-0.0.0.0}" --port "${STITCH_PORT:-8000}" "$@"
