#!/bin/sh
# Several connections fetch what one is too slow for; a server without ranges, or with strange ones, gives the right file all the same.
. "${0%/*}/lib.sh"
# shellcheck source=tests/story/fetching
. "$story_home/fetching"

fetching_begin
say "== several connections"
fetches
at_once 3
say "== no ranges"
fetches no-ranges=cuda
say "== ranges that are only promised"
fetches 'no-ranges={"file": "cuda", "says": "bytes"}'
say "== 416"
fetches ranges-416=cuda
say "== other ranges than asked for"
fetches ranges-shifted=cuda
say "== lying ranges: the digest tells"
fetched ranges-lie=cuda
say "== no more than two connections"
fetches 'too-many={"file": "cuda", "limit": 2}'
no_misuse
