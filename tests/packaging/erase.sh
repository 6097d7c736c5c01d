#!/bin/sh
# Removing the package leaves no drop-in and no hold behind which a service would wait for ever; an update leaves them.
set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
failed=0

ok() {
	[ "$1" -eq 0 ] || { failed=1 && echo "FAIL $2"; }
	[ "$1" -ne 0 ] || echo "ok   $2"
}

# The scriptlet as it is, but for the folder that its paths begin in.
sed -n '/^%preun/,/^%/{/^%/d;p}' "$here/../../packaging/gn8v.spec" | sed "s,/etc/systemd,$top/etc,g; s,/var/lib,$top/lib,g" > "$top/preun"
mkdir -p "$top/bin" "$top/lib/gn8v/rpm-kept" "$top/etc/system/a.service.d" "$top/etc/system/b.service.d"
printf '#!/bin/sh\necho "$*" >> "%s"\n' "$top/said" > "$top/bin/systemctl"
chmod +x "$top/bin/systemctl"
touch "$top/etc/system/a.service.d/10-gn8v-hold.conf" "$top/etc/system/a.service.d/60-gn8v-gate.conf" \
	"$top/etc/system/b.service.d/50-gn8v-order.conf" "$top/etc/system/b.service.d/owner.conf"
printf 'a.service enabled active\nb.service static active\n' > "$top/lib/gn8v/hold"

preun() {
	PATH=$top/bin:$PATH sh -e "$top/preun" "$1"
}

preun 1 && [ -e "$top/lib/gn8v/hold" ] && [ -e "$top/etc/system/a.service.d/60-gn8v-gate.conf" ] && [ ! -e "$top/said" ]
ok $? "an update changes nothing"
preun 0
ok $? "the last erase ends well"
[ ! -e "$top/etc/system/a.service.d" ] && [ ! -e "$top/lib/gn8v/hold" ] && [ -e "$top/etc/system/b.service.d/owner.conf" ] &&
	[ ! -e "$top/etc/system/b.service.d/50-gn8v-order.conf" ]
ok $? "no drop-in of gn8v and no hold is left, and the owner's stay"
grep -q 'enable a.service' "$top/said" && ! grep -q 'enable b.service' "$top/said"
ok $? "what was enabled before the hold is enabled again"
[ ! -e "$top/lib/gn8v/rpm-kept" ]
ok $? "no package database is left that could be put back"
preun 0
ok $? "it ends well where there is nothing to remove"
exit "$failed"
