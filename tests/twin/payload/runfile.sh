#!/bin/sh
# A self-extracting installer as makeself writes them: this text, then an archive. The archive here is only padding;
# what it would install is done by the twin's fake installer, which is found by the folder that this file lies below.
version='@VERSION@'
installer='@INSTALLER@'
label='@LABEL@'
lines='@LINES@'
sum='@SUM@'

fail()
{
	echo "$1" >&2
	exit 1
}

# The caller's PATH may hold nothing but the twin's programs, and it is handed on as it is.
printf 'Verifying archive integrity... '
found=$(PATH=/usr/bin:/bin; tail -n "+$lines" "$0" | cksum)
[ "$found" = "$sum" ] || fail "Error in check sums: $found is different from $sum"
echo OK
[ "$1" != --check ] || exit 0

climb()
{
	while [ -n "$1" ]; do
		if [ -d "$1/root" ] && [ -d "$1/state" ]; then
			echo "$1"
			return
		fi
		set -- "${1%/*}"
	done
}

case $0 in
/*) twin=$(climb "${0%/*}") ;;
*/*) twin=$(climb "$PWD/${0%/*}") ;;
esac
[ -n "$twin" ] || twin=$(climb "$PWD")
# When a whole machine is the twin's disk, the rest of the twin lies in it.
[ -n "$twin" ] || twin=$(climb /twin)
[ -n "$twin" ] || fail "$0: neither this file nor the current folder is part of a twin"
echo "Uncompressing $label........"
TWIN_DIR=$twin
export TWIN_DIR
exec "$twin/state/fakes/$installer" "$version" "$@"
exit
