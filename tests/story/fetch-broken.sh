#!/bin/sh
# Downloads that are cut at random bytes, stall, or meet a busy server are continued; a wrong length or a changed file starts over.
. "${0%/*}/lib.sh"
# shellcheck source=tests/story/fetching
. "$story_home/fetching"

fetching_begin '{"stall_s": 1}'
say "== cut at random bytes"
fetches 'download-cut-random={"file": "cuda", "seed": 4, "times": 6}'
say "== stall"
fetches 'download-stall={"file": "cuda", "times": 1}'
say "== 503 with Retry-After"
faults 'download-503={"file": "cuda", "times": 2, "seconds": 2}'
fetches
downloads pause "$T" $large 503 2 || fail "Retry-After was not waited for"
faults -download-503
say "== wrong length: longer"
fetched 'wrong-length={"file": "cuda", "times": 2, "by": 1000}'
say "== wrong length: shorter"
fetched 'wrong-length={"file": "cuda", "host": "mirror.example", "by": -1000}'
say "== changed between two ranges"
fetched 'download-changed={"file": "cuda", "times": 1}'
say "== changed, with the same ETag"
fetched 'download-changed={"file": "cuda", "times": 1, "same": true}'
no_misuse
