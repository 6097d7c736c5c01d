#!/bin/sh
# Options of config.json reach what they are about: the module's test load, downloads, yum, pip, services, cuBLAS (R22).
. "${0%/*}/lib.sh"

# ran TEXT: a program had this in its argv
ran() { check argv "$T" "$1" > "$D/argv" || fail "no program was run with $1"; }

unit=etc/systemd/system/ollama.service
links=https://mirror.example/pip/attest.html

story_from restarted single --config '{
	"driver": {"skip_module_load": true, "referer": "https://www.nvidia.cn/drivers/"},
	"fetch": {"dir": "/var/tmp/gn8v", "connections": 1},
	"services": {"disable": ["ollama.service"]},
	"attest": {"python": ["python3.11", "python3.11-pip"], "find_links": "'$links'"},
	"cublas": {"install": true}
}'
printf '[Service]\nExecStart=/usr/local/bin/ollama serve\n[Install]\nWantedBy=multi-user.target\n' > "$T/root/$unit"
ln -s "/$unit" "$T/root/etc/systemd/system/multi-user.target.wants/"
agent_run
expect_ready

say "== the driver's installer opens no GPU before nvidia-persistenced is active"
expect_count 0 gpu "installer test load"
ran "--rebuild-initramfs --skip-module-load"

say "== downloads"
expect_count 1 http '"referer": "https://www.nvidia.cn/drivers/"'
expect_count 0 http '"referer": "https://www.nvidia.cn/"'
grep -F '"/usr/bin/bash"' "$T/state/commands.jsonl" | grep -q -F '"cwd": "/var/tmp/gn8v"' || fail "the installers were not run in fetch.dir"
[ ! -e "$T/root/var/cache/gn8v" ] || fail "something was put into the default folder"

say "== the verifier's packages"
ran "install -y python3.11 python3.11-pip"
ran "-f $links"

say "== services: disabled are those of the list, and enabled again"
expect_count 1 bus '"org.freedesktop.systemd1.Manager.DisableUnitFiles"'
[ -L "$T/root/etc/systemd/system/multi-user.target.wants/ollama.service" ] || fail "ollama was not enabled again"
grep -F DisableUnitFiles "$T/state/bus.jsonl" | grep -q ollama.service || fail "ollama was not disabled"
unit_becomes ollama.service active

say "== cuBLAS"
ran "/usr/bin/python3.11 -m pip install nvidia-cublas-cu12==12.4.5.8"
expect steps.cublas.state 'done'
expect notes '[]'
all_is_well

say "== without it the status says what is wrong with CUDA's own; and what the bootstrap left to be said"
mkdir -p "$T/root/var/lib/gn8v/user-data"
echo "localpkg_gpgcheck is on: gn8v.rpm was installed with --setopt=localpkg_gpgcheck=0" > "$T/root/var/lib/gn8v/user-data/note"
rm -r "$T"/root/usr/local/lib/python3.11/site-packages/nvidia_cublas_cu12-*
configure '{"cublas": {"install": false}}'
agent_again
expect_ready
expect_words notes.0 "R22: cuBLAS of CUDA 12.4 has a known fault in CC mode"
expect_words notes.1 "localpkg_gpgcheck is on"
expect steps.cublas.state skipped
