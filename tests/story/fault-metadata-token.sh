#!/bin/sh
# The token step of the metadata service is refused and a plain GET works: ready, and the status says how the type was read.
. "${0%/*}/lib.sh"

story_from restarted single --fault 'metadata-no-token={"status": 405}'
"$TWIN" set "$T" hardened=false
agent_boot
expect_ready
expect instance_type ecs.gn8v-tee.4xlarge
expect instance_type_from metadata-without-token
expect_words notes "gave no token"
expect_count 1 http '"status": 405'
status_validates

say "== hardened: neither way, and both are told; cloud-init's copy is not there, and what the status remembers counts"
"$TWIN" set "$T" hardened=true
agent_again
expect_ready
expect instance_type_from status
expect_words notes "status 405"
expect_words notes "status 403"

say "== no fallback without a status: waited for, and nothing is touched"
story_from restarted single --fault metadata-no-token --config '{"metadata": {"deadline_s": 1}}'
rm "$T/root/var/lib/gn8v/status.json"
"$TWIN" up "$T"
begun=$(mark)
agent_again
expect_failed metadata-unreachable
expect_words error.message "status 404"
touched_nothing "$begun"
