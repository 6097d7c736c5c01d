#!/bin/sh
# User-data installs gn8v once, survives a cut at every command, and leaves an administrator's work alone.
# It runs as it is, in a private root made of this machine's /usr and a few folders of its own, with fakes of curl,
# yum, rpm and systemctl in /usr/local/bin.
set -u

here=$(cd "$(dirname "$0")" && pwd)
make_user_data=$here/../../cloud-init/make-user-data
fakes=$here/fakes
top=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null; rm -rf "$top"' EXIT
failed=0

if ! unshare -rm true 2>/dev/null; then
	echo "SKIP user-data: this machine gives ordinary users no namespaces (unshare -rm)"
	exit 0
fi

ok() {
	[ "$1" -eq 0 ] || { failed=1 && echo "FAIL $2"; }
	[ "$1" -ne 0 ] || echo "ok   $2"
}

# machine NAME: a fresh one; its disk is the folder $m.
machine() {
	m=$top/$1
	mkdir -p "$m/etc/systemd/system" "$m/var/lib/rpm" "$m/usr-local/bin" "$m/root" "$m/fake/www" "$m/fake/log" "$m/tmp"
	cp "$fakes"/* "$m/usr-local/bin/"
	for tool in cat cp mv mkdir rm sync sha256sum sleep; do
		cp "$fakes/counted" "$m/usr-local/bin/$tool"
	done
	rm "$m/usr-local/bin/counted"
	ln -s "$(readlink -f "$(command -v awk)")" "$m/usr-local/bin/awk"
	echo whole > "$m/var/lib/rpm/Packages"
	: > "$m/var/lib/rpm/.rpm.lock"
	echo "1700000000 base" > "$m/fake/packages"
	mkdir "$m/fake/proc" && : > "$m/fake/proc/locks"
	echo "71.25 108.50" > "$m/fake/proc/uptime"
	for v in 1 2; do
		echo "package 0.$v.0-1" > "$m/fake/www/gn8v-$v.rpm"
	done
}

digest() {
	sha256sum < "$m/fake/www/gn8v-$1.rpm" | cut -c1-64
}

# user_data V [OPTION...]: gives the machine user-data that names version V.
user_data() {
	v=$1
	shift
	"$make_user_data" --rpm-url "https://host/gn8v-$v.rpm" --rpm-sha256 "$(digest "$v")" --version "0.$v.0-1" \
		--output "$m/user-data" "$@" > /dev/null || exit 1
	sed 1d "$m/user-data" > "$m/fake/hook" # cloud-init takes the first line away
}

# at COMMAND LINE: what others do at the machine's next COMMAND, once.
at() {
	printf '%s\n' "rm -f /fake/at_$1" "$2" > "$m/fake/at_$1"
}

# locked DEVICE MAJOR:MINOR: somebody holds a lock on that device's file with the number that rpm's lock has, which is on DEVICE.
locked() {
	echo "$1" > "$m/fake/device"
	echo "1: POSIX  ADVISORY  WRITE 4711 $2:$(stat -c %i "$m/var/lib/rpm/.rpm.lock") 0 EOF" > "$m/fake/proc/locks"
}

# boot [CUT]: one boot of the machine; the power goes at the CUT-th command.
boot() {
	echo 0 > "$m/fake/count"
	echo "${1:-0}" > "$m/fake/cut"
	: > "$m/fake/log/commands"
	rm -f "$m/fake/started"
	unshare -rm "$here/boot" "$m" > "$m/fake/log/output" 2>&1
}

ran() {
	grep -q "$1" "$m/fake/log/commands"
}

disk() {
	(cd "$m" && find etc var usr-local/libexec fake/installed fake/enabled -type f ! -name '*.tmp' \
		-exec sha256sum {} + | sort -k2)
}

first_boot_installs_and_starts() {
	machine first
	echo '{"a": "1"}' > "$m/config"
	user_data 1 --config "$m/config"
	boot
	ok $? "first boot: the hook and the bootstrap end well"
	[ "$(cat "$m/fake/installed")" = 0.1.0-1 ]
	ok $? "first boot: yum installed the package"
	ran '^yum install -y --setopt=localpkg_gpgcheck=0 ./gn8v.rpm$' && [ ! -e "$m/var/lib/gn8v/user-data/note" ]
	ok $? "first boot: by yum install -y ./gn8v.rpm, excused from a signature of its own, which nobody asks for"
	cmp -s "$m/config" "$m/etc/gn8v/config.json"
	ok $? "first boot: the config is in place"
	grep -qx gn8v-agent.service "$m/fake/enabled" && ran '^systemctl start --no-block gn8v-agent.service$'
	ok $? "first boot: the agent is enabled and started without waiting"
	grep '^systemctl .*start' "$m/fake/log/commands" | grep -vq -e --no-block
	ok $((!$?)) "first boot: nothing is started with waiting"
	awk '$1 == "mv" { from = $3; to = $4; if (last != "sync" && last != "sync " from) bad = 1; sub("/[^/]*$", "", to); want = "sync " to; next }
		want != "" { if ($0 != want) bad = 1; want = "" } { last = $0 } END { exit bad }' "$m/fake/log/commands"
	ok $? "first boot: every file is synced, moved, and its folder synced"
	[ -z "$(find "$m/etc" "$m/var" "$m/usr-local/libexec" -name '*.tmp' -o -name '*.part' -o -name '*.rpm')" ]
	ok $? "first boot: nothing is left over"
}

second_boot_does_nothing() {
	before=$(disk)
	rm -r "$m/fake/www"
	boot
	ok $? "second boot: ends well without a network"
	[ "$before" = "$(disk)" ] && ! ran '^curl\|^yum\|^mv\|^systemctl'
	ok $? "second boot: nothing is fetched, installed, written or started"
}

administrator_keeps_edits() {
	echo '{"a": "mine"}' > "$m/etc/gn8v/config.json"
	boot
	grep -q mine "$m/etc/gn8v/config.json"
	ok $? "config: an administrator's edit stays"
	echo '{"a": "2"}' > "$m/config"
	mkdir -p "$m/fake/www" && echo "package 0.1.0-1" > "$m/fake/www/gn8v-1.rpm"
	user_data 1 --config "$m/config"
	boot
	cmp -s "$m/config" "$m/etc/gn8v/config.json" && ! ran '^yum'
	ok $? "config: another config in user-data is written, and nothing else is done"
	: > "$m/fake/enabled"
	boot
	[ ! -s "$m/fake/enabled" ]
	ok $? "config: an agent that was disabled stays so"
}

masked_agent_stays_so() {
	machine masked
	echo gn8v-agent.service > "$m/fake/masked"
	user_data 1
	echo 3 > "$m/fake/sleeps_left"
	boot
	[ $? -eq 1 ] && [ "$(cat "$m/fake/sleeps_left")" -eq 3 ] && [ "$(cat "$m/fake/installed")" = 0.1.0-1 ] &&
		! grep -qx gn8v-agent.service "$m/fake/started" && [ "$(grep -c 'systemctl unmask gn8v-agent' "$m/fake/log/output")" -eq 1 ]
	ok $? "masked: the package is installed, the agent is not started, and what to type is said once"
	rm "$m/fake/masked"
	boot && ! ran '^yum' && grep -qx gn8v-agent.service "$m/fake/enabled" &&
		ran '^systemctl start --no-block gn8v-agent.service$'
	ok $? "masked: once it no longer is, it is enabled and started"
}

upgrade_installs() {
	machine upgrade
	user_data 1
	boot
	user_data 2
	boot
	[ "$(cat "$m/fake/installed")" = 0.2.0-1 ] && ran '^systemctl restart --no-block gn8v-agent.service$'
	ok $? "upgrade: another version is installed and its agent takes over"
	[ ! -e "$m/etc/gn8v/config.json" ]
	ok $? "upgrade: without a config none is written"
	user_data 1
	boot
	[ "$(cat "$m/fake/installed")" = 0.1.0-1 ] && ran '^yum downgrade'
	ok $? "upgrade: an older version is installed when user-data names it"
	rm "$m/fake/installed"
	boot
	[ "$(cat "$m/fake/installed")" = 0.1.0-1 ]
	ok $? "upgrade: a package that is gone comes back"
	printf '%s\n' "package 0.1.0-1" rebuilt > "$m/fake/www/gn8v-1.rpm"
	user_data 1
	boot
	ran '^yum reinstall' && ran '^systemctl restart --no-block gn8v-agent.service$'
	ok $? "upgrade: other bytes under the same version are installed over them"
}

# hardened NAME: an image that wants packages on the disk to be signed.
hardened() {
	machine "$1"
	mkdir -p "$m/etc/dnf"
	printf '%s\n' '[main]' gpgcheck=1 "localpkg_gpgcheck = $2" > "$m/etc/dnf/dnf.conf"
	echo 5 > "$m/fake/sleeps_left"
}

local_packages_must_be_signed() {
	for on in 1 True; do
		hardened "signed-$on" "$on"
		user_data 1
		boot
		[ "$(cat "$m/fake/installed")" = 0.1.0-1 ] && grep -q '^localpkg_gpgcheck is on: gn8v.rpm' "$m/fake/log/output" &&
			grep -q 'installed with --setopt=localpkg_gpgcheck=0' "$m/var/lib/gn8v/user-data/note"
		ok $? "hardened: localpkg_gpgcheck = $on: installed, said in the journal, and left for the agent to say"
	done
	sed -i 's/True/0/' "$m/etc/dnf/dnf.conf"
	user_data 2
	boot
	[ "$(cat "$m/fake/installed")" = 0.2.0-1 ] && [ ! -e "$m/var/lib/gn8v/user-data/note" ]
	ok $? "hardened: no longer: the next version leaves no note"
}

silent_rpm_installs_nothing() {
	machine silent
	user_data 1
	echo rpm-silent > "$m/fake/faults"
	echo 3 > "$m/fake/sleeps_left"
	boot
	! ran '^yum' && grep -q 'rpm --rebuilddb' "$m/fake/log/output"
	ok $? "silent: while rpm does not say what is installed, nothing is, and what to type is said"
}

wrong_digest_never_installs() {
	machine digest
	user_data 1
	echo "something else" > "$m/fake/www/gn8v-1.rpm"
	echo 4 > "$m/fake/sleeps_left"
	boot
	ran '^sleep 2$' && ran '^sleep 16$' && ! ran '^yum' && [ ! -e "$m/fake/installed" ]
	ok $? "digest: a wrong one is retried with back-off and never installed"
	grep -q 'is not the package that user-data names' "$m/fake/log/output"
	ok $? "digest: and it is said"
	echo "package 0.1.0-1" > "$m/fake/www/gn8v-1.rpm"
	rm "$m/fake/sleeps_left"
	boot
	[ "$(cat "$m/fake/installed")" = 0.1.0-1 ]
	ok $? "digest: the right bytes are then installed"
}

network_faults_are_survived() {
	machine faults
	user_data 1 --rpm-url "https://other/gn8v-1.rpm"
	mv "$m/fake/www/gn8v-1.rpm" "$m/fake/aside"
	echo 2 > "$m/fake/sleeps_left"
	boot
	grep -q 'https://host/' "$m/fake/log/commands" && grep -q 'https://other/' "$m/fake/log/commands"
	ok $? "faults: every URL is tried"
	mv "$m/fake/aside" "$m/fake/www/gn8v-1.rpm"
	rm "$m/fake/sleeps_left"
	printf 'partial 5\nyum 1\n' > "$m/fake/faults"
	boot
	[ "$(cat "$m/fake/installed")" = 0.1.0-1 ] && grep -q 'resumed at 5' "$m/fake/log/output"
	ok $? "faults: a cut download is resumed, a failed yum repeated"
	machine broken
	user_data 1
	echo 0.1.0-1 > "$m/fake/installed"
	echo "S.5....T.    /usr/bin/gn8v" > "$m/fake/amiss.gn8v"
	boot
	ran '^yum reinstall' && [ ! -e "$m/fake/amiss.gn8v" ]
	ok $? "faults: a package whose files are broken is installed again"
	machine hardened
	user_data 1
	echo 0.1.0-1 > "$m/fake/installed"
	printf '%s\n' ".M...UGT.    /usr/bin/gn8v" "missing   d /usr/share/doc/gn8v" > "$m/fake/amiss.gn8v"
	boot
	! ran '^yum' && [ "$(cut -d ' ' -f 1 "$m/var/lib/gn8v/user-data/applied")" = 0.1.0-1 ]
	ok $? "faults: one whose modes were hardened and whose documentation was removed is not"
}

# gave_up LEAST MOST: the bootstrap ended once, and said after how many minutes and what to type.
gave_up() {
	[ "$(grep -c '^gave up after ' "$m/fake/log/output")" -eq 1 ] || return
	minutes=$(sed -n 's/^gave up after \([0-9]*\) minutes, .*systemctl restart gn8v-bootstrap.service$/\1/p' "$m/fake/log/output")
	[ "${minutes:-0}" -ge "$1" ] && [ "$minutes" -le "$2" ]
}

# passed: minutes by the machine's uptime, since it was 71 s
passed() {
	echo $((($(cut -d . -f 1 "$m/fake/proc/uptime") - 71) / 60))
}

slept() {
	awk '$1 == "sleep" { sum += $2 } END { print sum + 0 }' "$m/fake/log/commands"
}

# What is away for minutes is waited for; after an hour there is one clear end, and the next boot begins anew.
patience_ends() {
	machine patience
	user_data 1
	mv "$m/fake/www/gn8v-1.rpm" "$m/fake/aside"
	boot
	[ $? -eq 1 ] && gave_up 60 60 && [ "$(slept)" -ge 3600 ] && [ "$(slept)" -lt 3660 ] &&
		grep -q '^trying again in 60 s, for [0-9]* more minutes at most$' "$m/fake/log/output"
	ok $? "patience: a server that is away is asked for an hour, and then it is said what to type"
	mv "$m/fake/aside" "$m/fake/www/gn8v-1.rpm"
	echo stall > "$m/fake/faults"
	echo "71.25 108.50" > "$m/fake/proc/uptime"
	boot
	[ $? -eq 1 ] && gave_up 60 62 && [ "$(passed)" -ge 60 ] && [ "$(passed)" -le 63 ]
	ok $? "patience: what each try at a server that stalls takes is a part of that hour"
	echo 'hang yum install' > "$m/fake/faults"
	echo "71.25 108.50" > "$m/fake/proc/uptime"
	boot
	[ $? -eq 1 ] && gave_up 60 61 && [ "$(passed)" -ge 90 ] && [ "$(passed)" -le 92 ]
	ok $? "patience: and so is what a yum that hangs takes, from the first failure on"
	: > "$m/fake/faults"
	boot && [ "$(cat "$m/fake/installed")" = 0.1.0-1 ]
	ok $? "patience: the next boot begins anew"
}

# Where the kernel does not say how long it has run, the pauses are counted: it neither gives up at once nor goes on for ever.
patience_without_uptime() {
	for said in '' 'garbled 1' '-5.00 1'; do
		machine "patience-$said"
		user_data 1
		rm -r "$m/fake/www" "$m/fake/proc/uptime"
		[ -z "$said" ] || echo "$said" > "$m/fake/proc/uptime"
		echo 100 > "$m/fake/sleeps_left" # of about 63
		boot
		[ $? -eq 1 ] && gave_up 60 60 && [ "$(slept)" -ge 3600 ] && [ "$(slept)" -lt 3660 ] &&
			! grep -i 'uptime\|arithmetic\|illegal' "$m/fake/log/output"
		ok $? "patience: an uptime of \"$said\": an hour of pauses"
	done
}

# A power cut in a transaction of the agent: its copy of the package database is not the bootstrap's, and comes back late.
agent_puts_the_database_back() {
	machine agents
	user_data 1
	boot
	before=$(disk)
	cp -a "$m" "$top/agents-first"
	rm -r "$m/fake/www"
	echo 0.3.0-1 > "$m/fake/installed"
	sed -i '/gn8v-agent/d' "$m/fake/enabled"
	theirs=$(disk)
	echo malformed > "$m/var/lib/rpm/Packages"
	echo 5 > "$m/fake/sleeps_left"
	at sleep 'echo whole > /var/lib/rpm/Packages'
	boot && ran '^sleep' && [ "$theirs" = "$(disk)" ]
	ok $? "agent's cut: the database comes back, and what an administrator did stays, without a network"
	m=$top/agents-first
	echo malformed > "$m/var/lib/rpm/Packages"
	rm "$m/var/lib/gn8v/user-data/applied"
	at curl 'echo whole > /var/lib/rpm/Packages'
	boot && [ "$before" = "$(disk)" ] && ran '^curl' && ! ran '^yum' && ran '^systemctl start --no-block gn8v-agent.service$'
	ok $? "agent's cut: when it comes back during the download, what is there is not installed again"
}

hung_tools_meet_their_limits() {
	machine hangs
	user_data 1
	boot
	before=$(disk)
	rm -r "$m/fake/www"
	printf 'hang rpm %s deaf\n' -q -qa -V > "$m/fake/faults"
	at sleep ': > /fake/faults'
	echo 5 > "$m/fake/sleeps_left"
	boot && grep -qx gn8v-bootstrap.service "$m/fake/started" && [ "$before" = "$(disk)" ] && ! ran '^yum'
	ok $? "limits: where rpm hangs, the hook goes on and the bootstrap looks again"
	machine hangs-late
	user_data 1
	echo 0.1.0-1 > "$m/fake/installed"
	echo "S.5....T.  c /etc/gn8v/config.json" > "$m/fake/amiss.gn8v"
	echo 'hang rpm -V' > "$m/fake/faults"
	at yum ': > /fake/faults'
	echo 3 > "$m/fake/sleeps_left"
	boot && ran '^yum reinstall'
	ok $? "limits: an rpm that hangs before it has said all has not found a package whole"
	for how in '' ' deaf'; do
		machine "hangs-yum$how"
		user_data 1
		echo "hang yum install$how" > "$m/fake/faults"
		at sleep ': > /fake/faults'
		echo 3 > "$m/fake/sleeps_left"
		boot && grep -q 'is put back as it was before' "$m/fake/log/output" && [ "$(cat "$m/fake/installed")" = 0.1.0-1 ]
		ok $? "limits: a$how yum that its limit ends never happened, and is run again"
	done
}

# After all others.
nothing_ran_without_a_limit() {
	unlimited=$(cat "$top"/*/fake/log/unlimited 2> /dev/null | sort | uniq -c)
	[ -z "$unlimited" ]
	ok $? "limits: every call of rpm and yum has one${unlimited:+; not }$unlimited"
}

in_the_middle_of_yum() {
	machine "$1"
	user_data 1
	echo 'cut_yum' > "$m/fake/faults"
	echo 20 > "$m/fake/sleeps_left"
	mkdir "$m/var/lib/rpm/of the owner" && echo old > "$m/var/lib/rpm/of the owner/Packages"
	boot
	[ -d "$m/var/lib/gn8v/user-data/rpmdb" ] && grep -qx malformed "$m/var/lib/rpm/Packages"
	ok $? "$1: the power goes in the middle of yum"
	: > "$m/fake/faults"
}

database_of_others_is_left_alone() {
	in_the_middle_of_yum others
	echo theirs > "$m/var/lib/rpm/Packages-wal"
	boot
	grep -q 'is put back as it was before' "$m/fake/log/output" && [ ! -e "$m/var/lib/rpm/Packages-wal" ] &&
		[ -e "$m/var/lib/rpm/.rpm.lock" ]
	ok $? "others: nobody installed anything since: the package database is put back"
	grep -qx old "$m/var/lib/rpm/of the owner/Packages"
	ok $? "others: a folder beside the package database is its owner's"
	in_the_middle_of_yum others-since
	printf '%s\n' whole theirs > "$m/var/lib/rpm/Packages"
	echo "4711 theirs" >> "$m/fake/packages"
	mkdir "$m/var/lib/rpm.gn8v" # of a boot in which it was being put back
	boot
	grep -q 'packages were installed since: the package database stays as it is' "$m/fake/log/output" &&
		grep -qx theirs "$m/fake/kept_by_yum" && [ ! -d "$m/var/lib/gn8v/user-data/rpmdb" ]
	ok $? "others: somebody did: it stays as it is"
	[ ! -e "$m/var/lib/rpm.gn8v" ]
	ok $? "others: and nothing is left beside it"
	machine needed
	user_data 1
	echo cut_needed > "$m/fake/faults"
	boot
	: > "$m/fake/faults"
	boot
	grep -q 'is put back as it was before' "$m/fake/log/output" && [ "$(cat "$m/fake/installed")" = 0.1.0-1 ]
	ok $? "others: what gn8v needs and was cut off is nobody else's: the package database is put back"
	machine killed
	user_data 1
	echo kill_yum > "$m/fake/faults"
	echo 3 > "$m/fake/sleeps_left"
	boot
	grep -q 'is put back as it was before' "$m/fake/log/output" && [ "$(cat "$m/fake/installed" 2>/dev/null)" = 0.1.0-1 ]
	ok $? "others: a yum that is killed never happened, and is run again"
	machine others-now
	user_data 1
	locked $((8 << 8 | 3)) 08:03
	echo 3 > "$m/fake/sleeps_left"
	boot
	grep -q 'another program is installing packages: waiting for it' "$m/fake/log/output" && ! ran '^yum'
	ok $? "others: while somebody is in a transaction, it waits"
	: > "$m/fake/proc/locks"
	rm "$m/fake/sleeps_left"
	boot
	[ "$(cat "$m/fake/installed")" = 0.1.0-1 ]
	ok $? "others: then it installs"
	in_the_middle_of_yum others-hold
	locked $((8 << 8 | 3)) 08:03
	echo 3 > "$m/fake/sleeps_left"
	boot
	grep -q 'waiting for it' "$m/fake/log/output" && [ -e "$m/var/lib/gn8v/user-data/rpmdb/Packages" ] &&
		grep -qx malformed "$m/var/lib/rpm/Packages" && ! ran '^curl\|^yum'
	ok $? "others: while somebody is in a transaction, no copy is put back or dropped"
	echo 3 > "$m/fake/sleeps_left"
	cp -a "$m" "$top/held"
	at sleep ': > /fake/proc/locks'
	boot
	grep -q 'is put back as it was before' "$m/fake/log/output" && [ "$(cat "$m/fake/installed")" = 0.1.0-1 ]
	ok $? "others: that transaction brought nothing: then it is put back"
	m=$top/held
	locked $((8 << 8 | 3)) 08:03
	at sleep ': > /fake/proc/locks
		printf "%s\\n" whole theirs > /var/lib/rpm/Packages
		echo "4711 theirs" >> /fake/packages'
	boot
	grep -q 'packages were installed since' "$m/fake/log/output" && grep -qx theirs "$m/fake/kept_by_yum"
	ok $? "others: it did: then the database stays as it is"
}

# busy DEVICE MAJOR:MINOR: whether a lock of that device is rpm's, on DEVICE.
busy() {
	locked "$1" "$2"
	rm -f "$m/fake/installed"
	echo 2 > "$m/fake/sleeps_left"
	! boot && grep -q 'waiting for it' "$m/fake/log/output"
}

locks_are_told_apart() {
	machine locks
	user_data 1
	busy $((0x103 << 8 | 0x34 | 0x12 << 20)) 103:1234
	ok $? "locks: a device with large numbers is found"
	busy 45 00:31
	ok $? "locks: where a file system has no device, by the file's number alone"
	! busy $((0xfd << 8 | 1)) fd:00 && [ "$(cat "$m/fake/installed")" = 0.1.0-1 ]
	ok $? "locks: a file of another device that has the same number is not rpm's lock"
	db=$top/lock
	mkdir "$db" && : > "$db/.rpm.lock"
	sed -n '/^is_busy() {/,/^}/p' "$here/../../cloud-init/bootstrap.in" > "$top/is_busy"
	echo 'db=$1; is_busy' >> "$top/is_busy"
	! sh "$top/is_busy" "$db" && flock "$db/.rpm.lock" sh "$top/is_busy" "$db"
	ok $? "locks: as this kernel writes them"
}

cut_anywhere_completes() {
	machine whole
	echo '{"a": "1"}' > "$m/config"
	user_data 1 --config "$m/config"
	boot
	whole=$(disk)
	count=$(cat "$m/fake/count")
	bad='' cut=1
	while [ "$cut" -le "$count" ]; do
		machine "cut-$cut"
		echo '{"a": "1"}' > "$m/config"
		user_data 1 --config "$m/config"
		boot "$cut"
		[ "$(cat "$m/fake/count")" -eq "$cut" ] || bad="$bad $cut(not cut)"
		[ ! -e "$m/etc/gn8v/config.json" ] || cmp -s "$m/config" "$m/etc/gn8v/config.json" || bad="$bad $cut(config)"
		echo 20 > "$m/fake/sleeps_left"
		boot
		[ "$whole" = "$(disk)" ] || bad="$bad $cut"
		rm -rf "$m"
		cut=$((cut + 1))
	done
	[ -z "$bad" ]
	ok $? "cut: at each of $count commands, the next boot ends as an uncut one${bad:+; not after}$bad"
}

# While it is put back too, there is a package database at any time.
cut_while_it_is_put_back() {
	in_the_middle_of_yum back
	cp -a "$m" "$top/start"
	boot
	whole=$(disk)
	bad='' cut=1
	count=$(awk '/^yum/ { print NR; exit }' "$m/fake/log/commands")
	while [ "$cut" -lt "$count" ]; do
		rm -rf "$m" && cp -a "$top/start" "$m"
		boot "$cut"
		[ -s "$m/var/lib/rpm/Packages" ] || bad="$bad $cut(no database)"
		echo 20 > "$m/fake/sleeps_left"
		boot
		[ "$whole" = "$(disk)" ] || bad="$bad $cut"
		cut=$((cut + 1))
	done
	[ -z "$bad" ] && [ "$count" -gt 10 ]
	ok $? "cut: at each of $count commands up to the next yum, there is a package database and it ends well${bad:+; not after}$bad"
}

# beside FUNCTION: it runs at the same time as others, and what it said is said when said_by is told so.
beside() {
	("$1"; exit "$failed") > "$top/said.$1" 2>&1 &
	echo $! > "$top/pid.$1"
}

said_by() {
	wait "$(cat "$top/pid.$1")" || failed=1
	cat "$top/said.$1"
}

beside cut_anywhere_completes
beside cut_while_it_is_put_back
beside patience_without_uptime
first_boot_installs_and_starts
second_boot_does_nothing
administrator_keeps_edits
masked_agent_stays_so
upgrade_installs
local_packages_must_be_signed
silent_rpm_installs_nothing
wrong_digest_never_installs
network_faults_are_survived
patience_ends
said_by patience_without_uptime
agent_puts_the_database_back
hung_tools_meet_their_limits
database_of_others_is_left_alone
locks_are_told_apart
said_by cut_anywhere_completes
said_by cut_while_it_is_put_back
nothing_ran_without_a_limit
exit "$failed"
