#!/bin/sh
# No text names an option of nvidia-smi conf-compute that driver 550 does not have: it has no -q, 580 does (its words are in
# tests/fixtures/real/nvidia-smi).
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
known=' -f -mgm -d -e -grs -srs '
failed=0
lines=0

grep -rhoE 'conf-compute[" ,]+-[a-z]+' "$top/agent" "$top/lib" "$top/systemd" "$top/cloud-init" "$top/packaging" "$top/README.md" |
	sed 's/.*-/-/' | sort | uniq -c > "${TMPDIR:-/tmp}/hints.$$"
while read -r times option; do
	lines=$((lines + times))
	case $known in
	*" $option "*) echo "ok   nvidia-smi conf-compute $option, $times times" ;;
	*) failed=1 && echo "FAIL nvidia-smi conf-compute $option: driver 550 does not have it" ;;
	esac
done < "${TMPDIR:-/tmp}/hints.$$"
rm -f "${TMPDIR:-/tmp}/hints.$$"
[ "$lines" -gt 5 ] || { failed=1 && echo "FAIL no hint was found"; }
exit "$failed"
