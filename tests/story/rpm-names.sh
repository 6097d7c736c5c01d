#!/bin/sh
# From driver 580 on NVIDIA's packages have other names and releases: the README's example works, and so do names that are configured.
. "${0%/*}/lib.sh"

# digest FILE: SHA-256 of a file that the simulated internet has
digest()
{
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["files"][sys.argv[2]]["sha256"])' \
		"${TWIN_BUILD:-$story_home/../../build/twin-assets}/assets.json" "$1" || fail "there is no $1"
}

# has_package NAME EVR, no_package NAME: in RPM's database
has_package() { has "$T/state/packages.json" "\"$1\": \"$2\""; }
no_package() { ! grep -F "\"$1\"" "$T/state/packages.json" || fail "$1 is installed"; }

run=NVIDIA-Linux-x86_64-580.65.06.run
fm=nvidia-fabricmanager-580.65.06-1.x86_64.rpm
nscq=libnvidia-nscq-580.65.06-1.el8.x86_64.rpm
driver='"driver": {"version": "580.65.06", "sha256": "'$(digest $run)'"}' || exit 1

say "== the README's example: of two releases that there may be, the one that there is"
story_from restarted multi --config "{$driver}"
agent_run
expect_ready
has_package nvidia-fabricmanager 580.65.06-1.x86_64
has_package libnvidia-nscq 580.65.06-1.el8.x86_64
no_package nvidia-fabric-manager
expect_count 1 http "/$fm"
expect_count 1 http "/$nscq"
said "libnvidia-nscq-580.65.06-1.x86_64.rpm"
expect_count 1 commands "\"-ivh\", \"$fm\""
expect steps.fabricmanager.reason "Fabric Manager 580.65.06 is installed"
all_is_well

say "== another package than the one that is configured"
story_from ready multi --config "{$driver"', "steps": {"fetch-fabricmanager": {"attempts": 1}}, "fabricmanager": {
	"package": "nvidia-fabric-manager", "urls": ["https://mirror.example/'$fm'"]}}'
agent_boot
expect_step fetch-fabricmanager rpm-wrong-version
expect_words steps.fetch-fabricmanager.error.message \
	"$fm contains package nvidia-fabricmanager-580.65.06-1.x86_64, and nvidia-fabric-manager-580.65.06-1.x86_64 was asked for"
no_package nvidia-fabricmanager

say "== names, places and digests that are configured: the packages of 570 give way to those of 580"
keys=$(count http D42D0685)
configure '{"fabricmanager": {"package": "nvidia-fabricmanager", "sha256": "'"$(digest $fm)"'"}, "nscq": {"package": "libnvidia-nscq",
	"sha256": "'"$(digest $nscq)"'", "urls": ["https://mirror.example/{package}-{version}-{release}.x86_64.rpm"]}}'
agent_again
expect_ready
expect_count "$keys" http D42D0685
expect_count 1 commands "\"-Uvh\", \"--oldpackage\", \"--replacepkgs\", \"$fm\""
has_package nvidia-fabricmanager 580.65.06-1.x86_64
has_package libnvidia-nscq 580.65.06-1.el8.x86_64
no_package nvidia-fabric-manager
no_package libnvidia-nscq-570
all_is_well
