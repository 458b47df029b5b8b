#!/bin/sh
# Run inside a sandbox: tries what `kelp policy why` was asked about.
#
#   try.sh <LIST     each line "ACCESS PATH"; prints "ACCESS yes|no PATH"
#
# What is made on the way is removed again, lest a later line finds it.

try_read() {
    if [ -d "$1" ]; then ls -A "$1"; else timeout 2 head -c 1 "$1"; fi
}

# The first directory above $1 that is not there yet; nothing when all are.
first_absent() {
    at=$(dirname "$1")
    absent=
    while [ ! -e "$at" ]; do
        absent=$at
        at=$(dirname "$at")
    done
    echo "$absent"
}

# Where a symlink leads, also if that is not there; busybox has no -m.
target() {
    readlink -m "$1" 2>/dev/null || readlink -f "$1" || echo "$1"
}

try_write() {
    if [ -d "$1" ]; then
        : >"$1/try.$$" && rm "$1/try.$$"
    elif [ -e "$1" ]; then
        : >>"$1"
    else
        file=$(target "$1")
        made=$(first_absent "$file")
        mkdir -p "$(dirname "$file")" && : >"$file" && rm "$file" && { [ -z "$made" ] || rm -r "$made"; }
    fi
}

try_execute() {
    if [ -d "$1" ]; then
        cd "$1"
    else
        timeout 2 "$(target "$1")" </dev/null
        [ $? -lt 126 ]
    fi
}

while read -r access path; do
    case $access in
    r) (try_read "$path") >/dev/null 2>&1 && answer=yes || answer=no ;;
    w) (try_write "$path") >/dev/null 2>&1 && answer=yes || answer=no ;;
    x) (try_execute "$path") >/dev/null 2>&1 && answer=yes || answer=no ;;
    esac
    echo "$access $answer $path"
done
