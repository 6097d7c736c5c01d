#!/bin/sh
# A mirror that is down gives way to the next; each host gets its own headers, and all downloads together have a deadline.
. "${0%/*}/lib.sh"

# requests HOST: for the driver, of which there must be some
requests()
{
	grep -F "\"host\": \"$1\"" "$T/state/http.jsonl" | grep -F NVIDIA-Linux > "$D/requests"
	[ -s "$D/requests" ] || fail "$1 was not asked for the driver"
}

mirror='https://mirror.example/nvidia/NVIDIA-Linux-x86_64-{version}.run'
site='https://cn.download.nvidia.cn/tesla/{version}/NVIDIA-Linux-x86_64-{version}.run'
story_from restarted single --fault 'download-404={"file": "NVIDIA", "times": 1}' --config '{
	"driver": {"urls": ["'"$mirror"'", "'"$site"'"]},
	"fetch": {"headers": ["mirror.example X-Pass: open", "elsewhere.example X-Other: x"]}
}'
agent_run
expect_ready
requests mirror.example
has "$D/requests" '"x-pass": "open"'
! grep -i referer "$D/requests" || fail "the mirror was told where we come from"
requests cn.download.nvidia.cn
has "$D/requests" '"referer": "https://www.nvidia.cn/"'
! grep -i x-pass "$D/requests" || fail "a header for the mirror went to another host"
expect_count 0 http x-other
said "this source is given up: https://mirror.example/"

say "== the deadline of all downloads together"
story_from restarted single --delay download=60 --config '{"fetch": {"total_deadline_s": 3}}'
agent_run
expect_failed download-failed
expect_words error.message "fetch.total_deadline_s (3 s) is over"
expect_step fetch-driver download-failed
expect_step fetch-cuda download-failed
"$TWIN" log "$T" events > "$D/events"
! grep -F "tried again" "$D/events" || fail "a download was begun again when the time of all was over"
