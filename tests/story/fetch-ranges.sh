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
say "== 416"
fetches ranges-416=cuda
say "== lying ranges: the digest tells"
fetched ranges-lie=cuda
no_misuse
