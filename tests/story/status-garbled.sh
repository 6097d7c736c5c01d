#!/bin/sh
# A status.json that is garbled, cut, empty, of another schema or gone is survived, and kept as status.json.bad.
. "${0%/*}/lib.sh"

# loses HOW: the file is spoilt between two boots; then the machine gets ready without another restart
loses()
{
	say "== $1"
	file=$T/root/var/lib/gn8v/status.json
	rm -f "$file.bad"
	case $1 in
	garbled) printf '\377\000{"schema": "x' > "$file" ;;
	cut) head -c 700 "$file" > "$D/cut" && cp "$D/cut" "$file" ;;
	empty) : > "$file" ;;
	another-schema) sed 's/"schema": 1/"schema": 2/' "$file" > "$D/two" && cp "$D/two" "$file" ;;
	folder) rm "$file" && mkdir "$file" ;;
	huge) truncate -s 64M "$file" ;;
	gone) rm "$file" ;;
	esac
	if [ "$1" = gone ] || [ "$1" = folder ]; then :; else cp "$file" "$D/spoilt"; fi
	agent_run
	expect_ready
	case $1 in
	gone) [ ! -e "$file.bad" ] || fail "there was nothing to keep" ;;
	folder) [ -d "$file.bad" ] || fail "the folder was not set aside" ; rmdir "$file.bad" ;;
	*) cmp "$D/spoilt" "$file.bad" || fail "the spoilt file was not kept" ;;
	esac
	status_validates
}

story_from restarted single
loses garbled
expect_boots 2
expect_words events.0.text status.json.bad
for how in cut empty another-schema folder huge gone; do loses $how; done
expect_boots 8
all_is_well

say "== at every boot, and on a fresh machine"
story_begin single --fault status-deleted
agent_run
expect_ready
expect_boots 2
all_is_well
