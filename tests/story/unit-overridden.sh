#!/bin/sh
# Another nvidia-persistenced.service, or a drop-in that changes what it runs, is refused by its path, before anything is fetched.
. "${0%/*}/lib.sh"

etc=etc/systemd/system
unit=/$etc/nvidia-persistenced.service

# lies PATH: what comes on standard input, on the disk of a machine that is down
lies()
{
	mkdir -p "$T/root/${1%/*}"
	cat > "$T/root/$1"
}

# refused_for PATH TEXT
refused_for()
{
	expect_exit 1
	expect_result refused
	expect_error persistenced-unit-overridden
	expect error.step preflight
	expect_words error.message "$1"
	expect_words error.message "$2"
	expect_words error.hint "mv $1 "
	expect_gate_closed
	touched_nothing "$before"
	expect_count 0 http .run
	answers 1 plan
	has "$D/out" "$1"
}

say "== a unit of that name in /etc, by an earlier script"
story_from restarted single
before=$(mark)
lies $unit <<'END'
[Unit]
Description=NVIDIA Persistence Daemon (by an earlier script)
[Service]
Type=forking
ExecStart=/usr/bin/nvidia-persistenced --user nvidia-persistenced --verbose
[Install]
WantedBy=multi-user.target
END
agent_boot
refused_for $unit "in the place of /usr/lib/systemd/system/nvidia-persistenced.service"
"$TWIN" down "$T"
rm "$T/root$unit"

say "== a drop-in that starts it otherwise"
lies $unit.d/override.conf <<'END'
[Service]
ExecStart=
ExecStart=/usr/bin/nvidia-persistenced --user nvidia --no-persistence-mode
ExecStartPost=
END
agent_boot
refused_for $unit.d/override.conf "sets ExecStart="
"$TWIN" down "$T"
rm "$T/root$unit.d/override.conf"

# by LINES WORDS: of a drop-in, in a boot of its own
by()
{
	printf '%b' "$1" | lies $unit.d/override.conf
	agent_boot
	refused_for $unit.d/override.conf "$2"
	"$TWIN" down "$T"
	rm "$T/root$unit.d/override.conf"
}

say "== one that cuts its start short, starts it again and again, or has it wait for what waits for it"
by '[Service]\nTimeoutStartSec=3\n' "cut off after 3 s"
by '[Service]\nRestart=always\n' "sets Restart="
by '[Unit]\nAfter=multi-user.target\n' "after multi-user.target, which waits for it"

say "== one that changes nothing of that is named"
lies $unit.d/99-owner.conf <<'END'
[Unit]
StartLimitIntervalSec=600
[Service]
TimeoutStartSec=5000
Restart=no
END
agent_boot
expect_ready
expect_words steps.persistenced-unit.reason "$unit.d/99-owner.conf"
said_note=$(status notes.1) || fail "no note tells of the drop-in"
[ "$said_note" = "drop-ins of nvidia-persistenced.service that are not gn8v's: $unit.d/99-owner.conf" ] || fail "the note says: $said_note"
all_is_well

say "== there since systemd read its files: found when gn8v has it read them, before the driver is installed"
story_from restarted single
lies /usr/lib/systemd/system/nvidia-persistenced.service < "$T/root/usr/share/gn8v/units/persistenced-single.service"
"$TWIN" up "$T"
busctl --address="unix:path=$T/state/bus" call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
	org.freedesktop.systemd1.Manager LoadUnit s nvidia-persistenced.service > /dev/null || fail "it cannot be asked"
mkdir -p "$T/root/run/systemd/system/nvidia-persistenced.service.d"
printf '[Service]\nType=simple\n' > "$T/root/run/systemd/system/nvidia-persistenced.service.d/late.conf"
agent_again
expect_exit 1
expect_error persistenced-unit-overridden
expect_words error.message "/run/systemd/system/nvidia-persistenced.service.d/late.conf"
! was_run nvidia-installer || fail "the driver was installed"
