#!/bin/sh
# packaging/abi accepts a package that Alibaba Cloud Linux 3 can run and names what another one lacks.
set -u

here=$(cd "$(dirname "$0")" && pwd)
abi=$here/../../packaging/abi
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
failed=0

ok() {
	[ "$1" -eq 0 ] || { failed=1 && echo "FAIL $2"; }
	[ "$1" -ne 0 ] || echo "ok   $2"
}

# package NAME [REQUIREMENT]: a package with the program $top/NAME in it.
package() {
	cat > "$top/$1.spec" <<-END
		%global debug_package %{nil}
		Name: $1
		Version: 1
		Release: 1
		Summary: A test
		License: none
		${2:+Requires: $2}
		%description
		A test.
		%install
		install -D -m 0755 $top/$1 %{buildroot}/usr/bin/$1
		%files
		/usr/bin/$1
	END
	rpmbuild -bb --quiet --nodeps --target x86_64 --define "_topdir $top/rpm" "$top/$1.spec" > "$top/log" 2>&1 ||
		{ cat "$top/log" && exit 1; }
	rpm=$top/rpm/RPMS/x86_64/$1-1-1.x86_64.rpm
}

judge() {
	"$abi" "$rpm" > "$top/said" 2>&1
}

if [ "$(uname -m)" != x86_64 ]; then
	echo "SKIP abi: only for x86_64"
	exit 0
fi
printf '#!/bin/sh\n' > "$top/script"
package script systemd
judge
ok $? "a shell script is accepted"

package script 'libcurl.so.4(CURL_OPENSSL_4)(64bit)'
! judge && grep -q 'CURL_OPENSSL_4.*not there' "$top/said"
ok $? "a kind of symbol that is not there is refused"
package script 'libsystemd.so.0(LIBSYSTEMD_240)(64bit)'
! judge && grep -q 'LIBSYSTEMD_240.*newer than LIBSYSTEMD_239' "$top/said"
ok $? "a symbol that is too new is refused"
package script 'libc.so.6(GLIBC_2.4)(64bit)'
judge
ok $? "2.4 is older than 2.32"

printf '#include <json-c/json.h>\nint main(void) { return json_object_put(json_object_new_object()); }\n' > "$top/c.c"
if ${CC:-gcc} "$top/c.c" -o "$top/program" -ljson-c 2> "$top/log" && readelf -d "$top/program" | grep -q libjson-c.so.5; then
	package program
	! judge && grep -q 'libjson-c.so.5 .*no such library there' "$top/said"
	ok $? "a library that is not there is refused"
else
	echo "SKIP abi: no json-c here, or the one that is accepted"
fi

echo no > "$top/no.rpm"
"$abi" "$top/no.rpm" 2> "$top/said"
[ $? -eq 3 ] && grep -q 'not an RPM' "$top/said"
ok $? "what is no RPM cannot be judged"
exit "$failed"
