#!/bin/sh
# Killed in one step after another, it still ends ready, with the same files as when nothing had happened. LONG=1: in every step.
. "${0%/*}/lib.sh"

# fresh [S]: always the same instance; the restart waits so many seconds for cloud-init
fresh()
{
	set -- single --with ollama --systemd \
		'{"units": {"cloud-final.service": {"state": "activating", "seconds": '"${1:-0.5}"', "then": "inactive"}}}' \
		--delay persistenced=0.1 \
		--set hostname=iZ2ze0 --set machine_id=0123456789abcdef0123456789abcdef \
		--set root_uuid=11111111-2222-3333-4444-555555555555
	story_begin "$@"
}

# settled: the files that the procedure is about
settled()
{
	"$TWIN" snapshot "$T" --content --without /etc/gn8v | grep -E \
		' (/etc|/usr/lib/systemd|/usr/lib/modprobe\.d|/usr/lib/modules|/usr/local/cuda[^ ]*|/boot)/'
}

# killed STEP: in it, or as soon as it is done when it is quick
killed()
{
	[ "$1" != kernel-args ] || holds grubby
	"$TWIN" signal "$T" KILL --past "$1" &
	killer=$!
	if [ "$1" = kernel-args ] || [ "$1" = restart ]; then agent_boot; else agent_again; fi
	hit=0
	wait "$killer" || hit=$?
	[ "$1" != kernel-args ] || goes_on grubby
	# Nothing comes after ready: the signal may be too late.
	if [ "$1" = ready ] && [ "$rc" = 0 ]; then return; fi
	[ "$hit $rc" = "0 137" ] || fail "the agent was not killed in $1: it ended with $rc"
	expect_gate_closed
}

# restarted: into the boot in which the other steps belong
restarted()
{
	if [ "$up" != restart ]; then
		agent_boot
		expect_exit 64
	fi
	"$TWIN" up "$T"
	up=yes
}

# crash STEP…: one instance, killed in each of these
crash()
{
	say "== killed in $*"
	if [ "$1" = restart ]; then fresh 600; else fresh; fi
	up=
	faults attest-hangs # the agent does not end by itself, however late the signal comes
	for step; do
		[ "$step" != ready ] || faults -attest-hangs
		case $step in
		kernel-args | restart) up=$step ;;
		*) [ "$up" = yes ] || restarted ;;
		esac
		killed "$step"
	done
	faults -attest-hangs
	agent_run
	expect_ready
	[ ! -e "$T/root/var/lib/gn8v/hold" ] || fail "services are still held"
	settled > "$D/crashed"
	diff "$D/whole" "$D/crashed" || fail "files differ (< undisturbed, > killed)"
	all_is_well
}

fresh
agent_run
expect_ready
settled > "$D/whole"
[ "$(wc -l < "$D/whole")" -gt 40 ] || fail "the snapshot is too small: $(wc -l < "$D/whole") lines"

crash kernel-args packages hold-services driver persistenced-start attest
[ -n "${LONG:-}" ] || exit 0
crash restart fetch-driver service-order cuda release-services tdx
crash persistenced-unit fetch-cuda verifier devices cc-mode ready
