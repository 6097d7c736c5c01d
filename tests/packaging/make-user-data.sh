#!/bin/sh
# make-user-data refuses what it cannot use, says why, and warns about secrets.
set -u

here=$(cd "$(dirname "$0")" && pwd)
make_user_data=$here/../../cloud-init/make-user-data
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
failed=0
hex=$(printf x | sha256sum | cut -c1-64)

ok() {
	[ "$1" -eq 0 ] || { failed=1 && echo "FAIL $2"; }
	[ "$1" -ne 0 ] || echo "ok   $2"
}

# make URL HEX VERSION [OPTION...]
make() {
	with_url=$1 with_digest=$2 with_version=$3
	shift 3
	rm -f "$top/user-data" "$top/user-data.b64"
	"$make_user_data" --rpm-url "$with_url" --rpm-sha256 "$with_digest" --version "$with_version" --output "$top/user-data" "$@" \
		> "$top/said" 2>&1
}

# refuses WORDS URL HEX VERSION [OPTION...]: it fails, says WORDS, and writes nothing.
refuses() {
	words=$1
	shift
	! make "$@" && grep -q -e "$words" "$top/said" && [ ! -e "$top/user-data" ] && [ ! -e "$top/user-data.b64" ]
	ok $? "refuses: $words"
}

url=https://host/gn8v.rpm
# shellcheck disable=SC2016 # nothing in a config is expanded
printf '{"proxy": "none", "x": "@VERSION@ & \\\\ $HOME `id`"}\n' > "$top/config"
make "$url" "$hex" 0.1.0-1 --config "$top/config" && grep -qxF "$(cat "$top/config")" "$top/user-data"
ok $? "a config goes in as it is"
[ ! -s "$top/said" ] || ! grep -q warning "$top/said"
ok $? "a harmless config raises no warning"
base64 -d < "$top/user-data.b64" | cmp -s - "$top/user-data"
ok $? "the .b64 file is the same text"
[ "$(wc -l < "$top/user-data.b64")" -eq 0 ]
ok $? "the .b64 file is one line"
[ "$(sed -n 1p "$top/user-data")" = '#cloud-boothook' ] && sh -n "$top/user-data"
ok $? "it is a boothook, and a shell script"
make "$url $url?x=*&y='" "$hex" 0.1.0
ok $((!$?)) "a quote in a URL is refused"
make "http://host:80/a.rpm https://other/*" "$(echo "$hex" | tr a-f A-F)" 0.1.0~rc1 &&
	grep -qx "urls='http://host:80/a.rpm https://other/\*'" "$top/user-data" && grep -q "sha256='$hex'" "$top/user-data"
ok $? "several URLs, a digest in capitals, a version with a tilde"

# shellcheck disable=SC2016 # it is the fake that expands it
mkdir "$top/bin" && printf '#!/bin/sh\necho "${PACKAGE:-gn8v} 0.7.0-2.al8"\n' > "$top/bin/rpm" && chmod +x "$top/bin/rpm"
echo content > "$top/gn8v.rpm"
# from_file [OPTION...]: with the RPM itself
from_file() {
	rm -f "$top/user-data" "$top/user-data.b64"
	PATH=$top/bin:$PATH "$make_user_data" --rpm-url "$url" --rpm "$top/gn8v.rpm" --output "$top/user-data" "$@" > "$top/said" 2>&1
}
from_file && grep -q "sha256='$(sha256sum < "$top/gn8v.rpm" | cut -c1-64)'" "$top/user-data" && grep -q "0\.7\.0-2\.al8" "$top/user-data"
ok $? "digest and version are read from the RPM"
! from_file --version 1 && grep -q "leave --rpm-sha256 and --version out" "$top/said"
ok $? "refuses: a version beside the RPM that has one"
! PACKAGE=bash from_file && grep -q "is the package bash, not gn8v" "$top/said" && [ ! -e "$top/user-data" ]
ok $? "refuses: another package"

refuses "not an http or https URL" ftp://host/x "$hex" 0.1.0
refuses "needs the form" https://user:pw@host/x "$hex" 0.1.0
refuses "needs the form" https://host "$hex" 0.1.0
refuses "rpm-url is missing" "" "$hex" 0.1.0
refuses "not a SHA-256 digest" "$url" "${hex}0" 0.1.0
refuses "not a SHA-256 digest" "$url" "g${hex#?}" 0.1.0
refuses "not VERSION or VERSION-RELEASE" "$url" "$hex" "0.1.0-1-2"
refuses "not VERSION or VERSION-RELEASE" "$url" "$hex" "0.1'; rm"
refuses "cannot read" "$url" "$hex" 0.1.0 --config "$top/none"
printf ' \n' > "$top/empty"
refuses "is empty" "$url" "$hex" 0.1.0 --config "$top/empty"
printf '{\r\n}\r\n' > "$top/crlf"
refuses "carriage return" "$url" "$hex" 0.1.0 --config "$top/crlf"
printf '{\nGN8V_END_OF_CONFIG\n}\n' > "$top/end"
refuses "GN8V_END_OF_CONFIG" "$url" "$hex" 0.1.0 --config "$top/end"
awk 'BEGIN { printf "{\"a\": \""; for (i = 0; i < 12000; i++) printf "x"; print "\"}" }' > "$top/long"
refuses "must stay below 16384: shorten" "$url" "$hex" 0.1.0 --config "$top/long"
awk 'BEGIN { printf "{\"a\": \""; for (i = 0; i < 200000; i++) printf "x"; print "\"}" }' > "$top/longer"
refuses "must stay below 16384" "$url" "$hex" 0.1.0 --config "$top/longer"

printf '{"proxy": {"url": "http://me:pw@proxy:3128"}, "api_token" : "x"}\n' > "$top/secret"
make "$url?OSSAccessKeyId=a&Signature=b" "$hex" 0.1.0 --config "$top/secret" && [ "$(grep -c warning "$top/said")" -eq 3 ]
ok $? "warns about a signed URL, a key that looks like a secret, a password in a URL"
exit "$failed"
