#!/bin/sh
# A mirror that redirects to http, has an expired certificate, another file, or goes away half way gives way to the next.
. "${0%/*}/lib.sh"
# shellcheck source=tests/story/fetching
. "$story_home/fetching"

from() { grep -F "\"host\": \"$1\"" "$T/state/http.jsonl" | grep -F "$large" | grep -q "\"first\": [0-9]" || fail "nothing came from $1"; }

fetching_begin
say "== redirect to http"
fetches 'redirect-http={"file": "cuda", "host": "mirror.example"}'
from mirror2.example
say "== expired certificate"
fetches 'tls-expired=mirror.example'
from mirror2.example
say "== gone half way: the next continues"
fetches 'download-cut={"file": "cuda", "host": "mirror.example"}'
from mirror.example
from mirror2.example
say "== another file"
fetched 'download-corrupt={"file": "cuda", "host": "mirror.example"}'
from mirror2.example
no_misuse
