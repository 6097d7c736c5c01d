#!/bin/sh
# The unit files are the guide's to the letter, systemd finds no fault with them, and none needs more than systemd 239.
set -u

here=$(cd "$(dirname "$0")" && pwd)
units=$here/../../systemd
cloud=$here/../../cloud-init
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
failed=0

ok() {
	[ "$1" -eq 0 ] || { failed=1 && echo "FAIL $2"; }
	[ "$1" -ne 0 ] || echo "ok   $2"
}

# fill SERVICES FILE: the template, as the agent fills it.
fill() {
	sed "s/@GPU_SERVICES@/$1/" "$units/$2"
}

# The texts of R10, copied by hand from the guide.
cat > "$top/single" <<'END'
[Unit]
Description=NVIDIA Persistence Daemon
Wants=syslog.target
Before=cloudmonitor.service

[Service]
Type=forking
ExecStart=/usr/bin/nvidia-persistenced --user root
ExecStartPost=/usr/bin/nvidia-smi conf-compute -srs 1
ExecStopPost=/bin/rm -rf /var/run/nvidia-persistenced

[Install]
WantedBy=multi-user.target
END
cat > "$top/multi" <<'END'
[Unit]
Description=NVIDIA Persistence Daemon
Wants=syslog.target
Before=cloudmonitor.service
After=nvidia-fabricmanager.service

[Service]
Type=forking
ExecStart=/usr/bin/nvidia-persistenced --user root --uvm-persistence-mode --verbose
ExecStartPost=/usr/bin/nvidia-smi conf-compute -srs 1
ExecStopPost=/bin/rm -rf /var/run/nvidia-persistenced
TimeoutStartSec=900
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
END

guide_texts() {
	for shape in single multi; do
		fill cloudmonitor.service "persistenced-$shape.service" | cmp -s - "$top/$shape"
		ok $? "R10 $shape: the guide's text, byte for byte"
	done
}

# Directives that systemd 239 knows, and that the units use.
known='Description Documentation DefaultDependencies Requires Wants After Before Conflicts PartOf StartLimitIntervalSec AssertPathExists
ConditionPathExists Type RemainAfterExit ExecStart ExecStartPost ExecStopPost NotifyAccess KillMode TimeoutStartSec
TimeoutStopSec StateDirectory PrivateTmp SuccessExitStatus StandardOutput StandardError SyslogIdentifier WantedBy'

# newer FILE...: the directives in it that are not among these, and the values that came after systemd 239.
newer() {
	sed -n 's/^[[:space:]]*\([A-Za-z0-9]*\)[[:space:]]*=.*/\1/p' "$@" | sort -u | while read -r word; do
		case " $(echo "$known" | tr '\n' ' ') " in
		*" $word "*) ;;
		*) echo "$word" ;;
		esac
	done
	grep -hsE '^[[:space:]]*(Type[[:space:]]*=[[:space:]]*(exec|notify-reload)|Standard.*=[[:space:]]*(append|truncate):)' "$@"
}

# Directives that came after systemd 239, and the version that each came with. An older systemd only warns of them, and
# runs the unit as if they were not there.
since='SuccessActionExitStatus=240 LogRateLimitIntervalSec=240 LogRateLimitBurst=240 RestrictSUIDSGID=242 ProtectHostname=242
ConditionMemory=242 ExecCondition=243 TimeoutAbortSec=243 OOMPolicy=243 ProtectKernelLogs=244 ProtectClock=245 LogNamespace=245
ConditionEnvironment=246 ConditionPathIsEncrypted=246 ProtectProc=247 ProcSubset=247 LoadCredential=247 SetCredential=247
NoExecPaths=248 ExecPaths=248 ConditionCPUFeature=248 ConditionFirmware=249 ConditionOSRelease=249 OnSuccess=249 Upholds=249
PropagatesStopTo=249 ExitType=250 RestrictFileSystems=250 ConditionCredential=252
AssertMemory=242 AssertEnvironment=246 AssertPathIsEncrypted=246 AssertCPUFeature=248 AssertFirmware=249 AssertOSRelease=249
AssertCredential=252'

# too_new FILE...: the directives in it that are among these, with their versions.
too_new() {
	for pair in $since; do
		! grep -qsE "^[[:space:]]*${pair%=*}[[:space:]]*=" "$@" || echo "${pair%=*} (${pair#*=})"
	done
	# With Type=oneshot systemd 239 refuses a unit for it; 244 does not.
	for file; do
		! { grep -qsE '^[[:space:]]*Type[[:space:]]*=[[:space:]]*oneshot' "$file" &&
			grep -sE '^[[:space:]]*Restart[[:space:]]*=' "$file" | grep -qv '=[[:space:]]*no$'; } || echo "Restart with Type=oneshot (244)"
	done
}

old_enough() {
	new=$(newer "$units"/* "$cloud/gn8v-bootstrap.service")
	[ -z "$new" ]
	ok $? "every directive and value is in systemd 239${new:+; not }$new"
	printf 'Type=exec\n ExecCondition = /bin/true\nRestart=on-failure\n' > "$top/planted"
	[ "$(newer "$top/planted" | tr '\n' ' ')" = 'ExecCondition Restart Type=exec ' ]
	ok $? "newer ones would have been found"
	new=$(too_new "$units"/* "$cloud/gn8v-bootstrap.service")
	[ -z "$new" ]
	ok $? "no directive is known to be newer than systemd 239${new:+; }$new"
	for pair in $since; do
		printf '[Unit]\n %s = yes\n' "${pair%=*}" > "$top/planted"
		[ "$(too_new "$top/planted")" = "${pair%=*} (${pair#*=})" ] || ok 1 "${pair%=*}, planted, is found"
	done
	printf 'Type = oneshot\n Restart = on-failure\n' > "$top/planted"
	[ "$(too_new "$top/planted")" = "Restart with Type=oneshot (244)" ]
	ok $? "each of these, planted, is found"
}

# systemd-analyze can warn and still end well, so that its words count.
verified() {
	if ! command -v systemd-analyze >/dev/null; then
		ok 1 "systemd-analyze looks at the units: packaging/deps installs it, with systemd"
		return
	fi
	root=$top/root
	lib=$root/usr/lib/systemd/system
	etc=$root/etc/systemd/system
	mkdir -p "$lib" "$etc/ollama.service.d" "$root/usr/bin" "$root/bin" "$etc/nvidia-persistenced.service.d"
	for tool in usr/bin/gn8v usr/bin/nvidia-smi usr/bin/nvidia-persistenced usr/bin/ollama bin/rm bin/sh; do
		printf '#!/bin/sh\n' > "$root/$tool" && chmod +x "$root/$tool"
	done
	cp "$units/gn8v-agent.service" "$units/gn8v-ready.target" "$lib"
	cp "$cloud/gn8v-bootstrap.service" "$etc"
	for name in sysinit basic network-online multi-user shutdown syslog; do
		printf '[Unit]\nDescription=%s\n' "$name" > "$lib/$name.target"
	done
	printf '[Service]\nExecStart=/usr/bin/ollama serve\n' > "$etc/ollama.service"
	cp "$units/10-gn8v-hold.conf" "$units/50-gn8v-order.conf" "$units/60-gn8v-gate.conf" "$etc/ollama.service.d"
	cp "$units/50-gn8v-timeout.conf" "$etc/nvidia-persistenced.service.d"
	for shape in single multi; do
		fill 'cloudmonitor.service nvidia-cdi-refresh.service ollama.service' "persistenced-$shape.service" \
			> "$lib/nvidia-persistenced.service"
		words=$(systemd-analyze --root="$root" --man=no verify gn8v-agent.service gn8v-ready.target \
			gn8v-bootstrap.service nvidia-persistenced.service ollama.service 2>&1 | grep -v 'syslog.target.*obsolete')
		[ -z "$words" ]
		ok $? "systemd-analyze finds no fault, $shape${words:+: }$words"
	done
	systemctl --root="$root" enable gn8v-agent.service >/dev/null 2>&1 &&
		[ -L "$etc/multi-user.target.wants/gn8v-agent.service" ]
	ok $? "the agent is wanted by multi-user.target"
	systemctl --root="$root" enable gn8v-ready.target 2>&1 | grep -q 'no installation config'
	ok $? "nothing can enable the gate"
}

guide_texts
old_enough
verified
exit "$failed"
