#!/bin/sh
# A metadata service that is down, slow, or answers rubbish: waited for, or refused to guess; nothing is touched meanwhile.
. "${0%/*}/lib.sh"

story_begin single --config '{"metadata": {"deadline_s": 5}}' --fault metadata-down
agent_run
expect_failed metadata-unreachable
touched_nothing

say "== rubbish instead of the instance type"
faults -metadata-down metadata-garbage=instance-type
agent_again
expect_failed metadata-unreachable
expect_words error.message instance-type
touched_nothing
expect_boots 1

say "== down twice, then slow, and the token ends early once"
configure '{"metadata": {"deadline_s": 60}}'
faults -metadata-garbage 'metadata-down={"times": 2}' metadata-401-once \
	'metadata-slow={"seconds": 0.2, "times": 1}'
agent_run
expect_ready
expect_count 1 http '"status": 401'
all_is_well
