#!/bin/sh
# With --root and no bus of its own, or the host's, nothing that needs bus, metadata or restart is done to the host.
. "${0%/*}/lib.sh"

# refuses ADDRESS WORDS…: this command says no, and nothing happened
refuses()
{
	address=$1
	shift
	rc=0
	env -i PATH="$PATH" ${address:+DBUS_SYSTEM_BUS_ADDRESS="$address"} "$program" "$1" --root "$T/root" \
		${2:+"$2"} > "$D/out" 2> "$D/err" || rc=$?
	[ "$rc" != 0 ] || fail "gn8v $* ended well with the bus ${address:-left out}"
	cat "$D/out" "$D/err" > "$D/both"
	has "$D/both" DBUS_SYSTEM_BUS_ADDRESS
	touched_nothing "$begun"
	expect_count "$asked" http '"via": "metadata"'
}

story_begin single
"$TWIN" up "$T"
program=$(check program "$T")
begun=$(mark)
: >> "$T/state/http.jsonl"
asked=$(count http '"via": "metadata"')
disk_snapshot > "$D/before"
for address in '' unix:path=/run/dbus/system_bus_socket unix:path=/var/run/dbus/system_bus_socket \
	tcp:host=127.0.0.1,port=9 "unix:path=$T/state/bus;unix:path=/run/dbus/system_bus_socket"; do
	say "== ${address:-no address}"
	refuses "$address" plan
	refuses "$address" run --restart
	refuses "$address" verify
	refuses "$address" gate --close-unless-success
	expect_gate_closed
done
expect_exit 1
disk_unchanged "$D/before"
agent_run
expect_ready
all_is_well
