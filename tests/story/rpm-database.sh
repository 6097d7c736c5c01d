#!/bin/sh
# A package database that rpm cannot read is said before anything is fetched, with what mends it: silence is no answer.
. "${0%/*}/lib.sh"

# so_far: requests for files, and installations
so_far() { say "$(count http '.run"') $(count http '.rpm"') $(count commands '"install"') $(count commands '"-ivh"')"; }

# told: by the run that has just ended, and by plan
told()
{
	expect_failed rpm-database
	expect error.step preflight
	expect error.who operator
	expect_words error.hint "rpm --rebuilddb"
	answers 1 plan
	has "$D/err" "rpm --rebuilddb"
	[ "$(so_far)" = "$before" ] || fail "something was fetched or installed: $(so_far), not $before"
}

say "== rpm ends well and says nothing"
story_from restarted single --fault rpm-silent
before=$(so_far) begun=$(mark)
agent_run
told
expect_words error.message "did not say whether openssl3 is installed"
touched_nothing "$begun"

say "== rpm cannot open its database"
faults -rpm-silent rpm-db-broken
agent_again
told
expect_words error.message "DB_RUNRECOVERY"

say "== and says of each package that it is not installed"
faults rpm-db-broken=answers
agent_again
told
expect_words error.message "BDB0113"
faults -rpm-db-broken
heals

say "== on a machine that was ready: not taken for a machine without Fabric Manager"
story_from ready multi --fault rpm-db-broken=answers
before=$(so_far)
agent_boot
told
faults -rpm-db-broken
heals
