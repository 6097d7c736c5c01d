#!/bin/sh
# nvidia-cdi-refresh.path sleeps while the installer writes modules.dep, and wakes up afterwards; without the hold it would not.
. "${0%/*}/lib.sh"

# says_before N UNIT STATE: what the status tells of how it was
says_before()
{
	expect "services.$1.unit" "$2"
	expect "services.$1.enabled_before" "$3"
}

# provoked: a run, in which modules.dep is written once more, while persistenced is starting
provoked()
{
	holds persistenced
	begin run
	happens gpu 1 "registered"
	unit_becomes nvidia-cdi-refresh.service inactive failed # before, its .path would not notice
	"$TWIN" exec "$T" -- /usr/sbin/depmod -a
}

story_begin single --with nvidia-cdi-refresh
provoked
goes_on persistenced
finish
expect_ready
unit_is nvidia-cdi-refresh.path active
no_early_gpu_open
says_before 0 cloudmonitor.service enabled
says_before 1 nvidia-cdi-refresh.service enabled
says_before 2 ollama.service not-installed
says_before 3 nvidia-cdi-refresh.path enabled

say "== it is awake"
unit_becomes nvidia-cdi-refresh.service inactive
ran=$(count commands '"/usr/bin/nvidia-ctk"')
"$TWIN" exec "$T" -- /usr/sbin/depmod -a
happens commands $((ran + 1)) '"/usr/bin/nvidia-ctk"'
unit_becomes nvidia-cdi-refresh.service inactive
all_is_well

say "== without the hold"
story_begin single --with nvidia-cdi-refresh \
	--config '{"services": {"hold": ["cloudmonitor.service"], "gpu": ["cloudmonitor.service"]}}'
provoked
happens gpu 1 '"nvidia-ctk cdi generate'
goes_on persistenced
finish
! check opens "$T" || fail "nothing opened the GPU early: the hold would not be needed"
