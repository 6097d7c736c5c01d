#!/bin/sh
# Where /tmp is mounted noexec or is small, installers unpack in a folder of ours; where there is none, it is refused early.
. "${0%/*}/lib.sh"

folder=/var/cache/gn8v/.gn8v-unpack
record=/var/lib/gn8v/begun/unpack
unpacks_there()
{
	answers 0 plan
	has "$D/out" "installers unpack in $folder: $1"
	agent_again
	expect_ready
	# Of the .run file, and of the installer that it starts.
	expect_count 2 commands "\"--tmpdir\", \"$folder\"]"
	expect_count 2 commands "\"--silent\", \"--toolkit\", \"--tmpdir=$folder\"]"
	said "it unpacks in $folder: $1"
	[ ! -e "$T/root$folder" ] || fail "$folder is still there"
	[ ! -e "$T/root$record" ] || fail "the record of $folder is still there"
	no_misuse
}

say "== nowhere can a program be run"
story_from restarted single --fault tmp-noexec=var
begun=$(mark)
agent_boot
expect_exit 1
expect_result refused
expect_error tmp-noexec
expect_words error.message "/tmp is mounted noexec; /var/cache/gn8v and /var/lib/gn8v"
touched_nothing "$begun"
answers 1 plan
has "$D/err" "mount -o remount,exec /tmp"

say "== /tmp alone is mounted noexec"
"$TWIN" down "$T"
faults -tmp-noexec tmp-noexec
"$TWIN" up "$T"
mkdir -p "$T/root$folder" # nobody says that we made it
: > "$T/root$folder/photo"
agent_again
expect_failed io
expect_words error.message "$folder is there, and is not ours"
[ -e "$T/root$folder/photo" ] || fail "a folder of the owner's was removed"
rm -r "$T/root$folder"
mkdir -p "$T/root$folder/selfgz99/left" "$T/root${record%/*}" # of a run that was cut off
: > "$T/root$folder/selfgz99/left/file"
echo "$folder" > "$T/root$record"
unpacks_there "/tmp is mounted noexec"
all_is_well

say "== /tmp is a small file system"
story_from restarted single --fault tmp-small=1m --config '{"disk": {"free_min_gib": 1}}'
"$TWIN" up "$T"
unpacks_there "/tmp has 0.0 GiB free"
all_is_well
