#!/bin/sh
# A self-extracting installer: this text, then an archive. The archive here is only padding; what it would install is done by
# the twin's fake installer, which is found by the folder that this file lies below.
#
# Plays the heads of NVIDIA-Linux-x86_64-570.148.08.run (makeself 1.6.0-nv2) and cuda_12.8.1_570.124.06_linux.run, and of 550.144.03
# and 12.4.1.
# Source: NVIDIA/makeself.sh, which is public, for the driver's: the temporary folder is TMPDIR or /tmp, or what follows --tmpdir as
# a word of its own (--tmpdir=DIR goes to the installer alone); a file in it is tried to be run before anything else. CUDA's head is
# not public: --tmpdir=DIR is that of the CUDA Installation Guide, and that TMPDIR counts is taken from reports of users.
# Simplified: nothing is unpacked, so that no space is needed; the rest of their options is handed on.
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

# temporary FOLDER-OF-THE-TWIN: where it unpacks
temporary()
{
	folder=${TMPDIR:-/tmp}
	last=
	for word; do
		case $installer,$word in
		cuda-installer,--tmpdir=*) folder=${word#*=} ;;
		esac
		[ "$installer,$last" != nvidia-installer,--tmpdir ] || folder=$word
		last=$word
	done
	case $folder in
	"$twin"/*) echo "$folder" ;;
	*) echo "$twin/root$folder" ;;
	esac
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
tmp=$(temporary "$@")
PATH=/usr/bin:/bin mkdir -p "$tmp" || fail "Unable to create temp directory $tmp"
try=$(PATH=/usr/bin:/bin mktemp "$tmp/makeself.XXXXXXXX" 2> /dev/null) || fail "Unable to create temporary file in $tmp"
PATH=/usr/bin:/bin chmod +x "$try"
"$try" > /dev/null 2>&1 || {
	PATH=/usr/bin:/bin rm "$try"
	echo "ERROR: Temporary directory ${tmp#"$twin/root"} is not executable - use the  --tmpdir option to specify a different one."
	exit 1
}
PATH=/usr/bin:/bin rm "$try"
work=$tmp/selfgz$$
PATH=/usr/bin:/bin mkdir -p "$work" || fail "Unable to create the target directory '$work'."
echo "Uncompressing $label........"
TWIN_DIR=$twin
export TWIN_DIR
"$twin/state/fakes/$installer" "$version" "$@"
result=$?
PATH=/usr/bin:/bin rm -rf "$work"
exit $result
