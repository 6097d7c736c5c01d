#!/bin/sh
# The proxy is used by downloads, yum and pip, but never for the metadata service; no_proxy names what goes directly.
. "${0%/*}/lib.sh"

# in_environment PROGRAM NAME=VALUE: every run of it that fetches something had this
in_environment()
{
	grep -F "$1" "$T/state/commands.jsonl" | grep -E '"(install|pip)"' > "$D/runs"
	[ -s "$D/runs" ] || fail "$1 was not run"
	! grep -v -F "\"${2%%=*}\": \"${2#*=}\"" "$D/runs" || fail "$1 was run without $2"
}

story_from restarted single --config '{"proxy": {"http": "http://proxy.example:3128", "no_proxy": "localhost,.internal"}}'
"$TWIN" up "$T"
https=$(check port "$T" https)
proxy=http://127.0.0.1:$(check port "$T" proxy)
configure "{\"driver\": {\"urls\": [\"https://localhost:$https/NVIDIA-Linux-x86_64-550.144.03.run\"]}}"
agent_again
expect_ready
for program in /usr/bin/yum pip; do
	in_environment $program http_proxy=http://proxy.example:3128
	in_environment $program "https_proxy=$proxy"
	in_environment $program no_proxy=localhost,.internal
done

say "== downloads"
grep -F '/NVIDIA-Linux' "$T/state/http.jsonl" > "$D/driver"
! grep -v -F '"via": "direct"' "$D/driver" || fail "a host in no_proxy was reached through the proxy"
grep -F '/cuda_12' "$T/state/http.jsonl" > "$D/cuda"
! grep -v -F '"via": "proxy"' "$D/cuda" || fail "a download went past the proxy"

say "== the metadata service"
grep -F '/latest/' "$T/state/http.jsonl" > "$D/metadata"
! grep -v -F '"via": "metadata"' "$D/metadata" || fail "the metadata service was asked through the proxy"
! grep -i -E '"(x-forwarded-for|proxy-connection)":' "$D/metadata" || fail "the metadata service was asked through a proxy"

say "== nobody sees it in a command line"
! check argv "$T" proxy.example || fail "the proxy's address is in a command line"
! check argv "$T" "$proxy" || fail "the proxy's address is in a command line"
all_is_well

say "== the environment says what the file leaves out"
story_begin single
"$TWIN" up "$T"
# planned URL: the plan with this in http_proxy and https_proxy
planned()
{
	http_proxy=$1 https_proxy=$1 DBUS_SYSTEM_BUS_ADDRESS="unix:path=$T/state/bus" \
		"$(check program "$T")" plan --json --root "$T/root" > "$D/out" 2> "$D/err"
}
planned http://environment.example:3128 || fail "no plan: $(cat "$D/err")"
has "$D/out" '"http": "http://environment.example:3128"'
has "$D/out" "\"https\": \"http://127.0.0.1:$(check port "$T" proxy)\""
! planned environment.example:3128 || fail "a proxy that is no URL is taken"
has "$D/err" "environment: http_proxy: expected a URL"
