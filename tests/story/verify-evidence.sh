#!/bin/sh
# gn8v verify says of real evidence what its index says, and --dump what its dumps say; skipped where there is none.
set -u
here=$(cd "${0%/*}" && pwd)
evidence=${GN8V_EVIDENCE:-$here/../../../shared/evidence}
program=${GN8V_BIN:-$here/../../build/gn8v}

if [ ! -f "$evidence/README.md" ]; then
	echo "skipped: there is no evidence in $evidence (GN8V_EVIDENCE=DIR)"
	exit 77
fi
exec python3 -B "$here/evidence.py" "$program" "$evidence"
