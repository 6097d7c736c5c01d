#!/bin/sh
# The package's user is one that nobody can log in as; what installs and packs its file agrees on where it lies.
set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

ok() {
	[ "$1" -eq 0 ] || { failed=1 && echo "FAIL $2"; }
	[ "$1" -ne 0 ] || echo "ok   $2"
}

file=usr/lib/sysusers.d/gn8v.conf
make -s -C "$top" install DESTDIR="$dir/stage" PREFIX=/usr > /dev/null
[ -s "$dir/stage/$file" ]
ok $? "make install puts it where systemd-sysusers looks"
grep -q -x '%{_prefix}/lib/sysusers.d/gn8v.conf' "$top/packaging/gn8v.spec" && grep -q 'systemd-sysusers gn8v.conf' "$top/packaging/gn8v.spec"
ok $? "the package has it, and makes the user when it is installed"
name=$(sed -n 's/^#define CACHE_USER "\(.*\)"$/\1/p' "$top/agent/cache.h")
grep -q "^u $name - " "$top/packaging/gn8v.sysusers"
ok $? "it is the user that the program looks for: $name"

if ! command -v systemd-sysusers > /dev/null || [ "$(id -u)" -ne 0 ]; then
	echo "SKIP sysusers: no systemd-sysusers here, or not root"
	exit "$failed"
fi
mkdir -p "$dir/root/etc" "$dir/root/usr/lib/sysusers.d"
cp "$dir/stage/$file" "$dir/root/usr/lib/sysusers.d/"
systemd-sysusers --root="$dir/root" gn8v.conf > "$dir/said" 2>&1
ok $? "systemd-sysusers takes it"
IFS=: read -r _ _ uid _ _ _ shell < "$dir/root/etc/passwd"
[ "$uid" -gt 0 ] && [ "$uid" -lt 1000 ] && [ "${shell##*/}" = nologin ]
ok $? "a system user without a shell: $uid, $shell"
exit "$failed"
