#!/bin/sh
# An installation of CUDA that was cut off is removed before the next, on the word of its record alone; what NVIDIA's runfile
# does with what is there already, and what its version.json lists, does not matter.
. "${0%/*}/lib.sh"

toolkit=
record=

# toolkit_of VERSION: where it belongs, and our record of a run there
toolkit_of()
{
	toolkit=$T/root/usr/local/cuda-$1
	record=$T/root/var/lib/gn8v/begun/cuda-$1
}

# half_way: a run in which the installer has put something there, and stays there
half_way()
{
	"$TWIN" up "$T"
	holds cuda
	begin again
	until [ -e "$toolkit/bin/nvcc" ] || ! kill -0 "$story_run"; do
		sleep 0.05
	done
	has "$record" "${toolkit#"$T/root"} absent"
}

# cut_off SIGNAL CODE
cut_off()
{
	"$TWIN" signal "$T" "$1"
	finish
	expect_exit "$2"
	goes_on cuda
	expect_gate_closed
	[ -e "$toolkit/bin/nvcc" ] || fail "nothing is left of the installation that was cut off"
	[ ! -e "$toolkit/bin/cuda-uninstaller" ] || fail "the installation was not cut off in the middle"
}

# leave_behind: what must go with it, and what must not
leave_behind()
{
	mkdir -p "$T/root/home/data" "$toolkit/deep/er"
	echo "the owner's" > "$T/root/home/data/file"
	ln -s /home/data "$toolkit/link"
	ln -s ../../../home/data "$toolkit/deep/link"
	: > "$toolkit/deep/er/left"
}

# installed_anew: ready, with nothing of what was left, and all of what is the owner's
installed_anew()
{
	expect_ready
	all_is_well
	[ ! -e "$toolkit/deep" ] || fail "what the installation that was cut off left is still there"
	[ -x "$toolkit/bin/cuda-uninstaller" ] || fail "there is no toolkit"
	has "$T/root/home/data/file" "the owner's"
	[ ! -e "$record" ] || fail "the installation ended, and its record is still there"
	expect steps.cuda.reason "CUDA $1 is installed"
}

say "== killed"
story_from restarted single
toolkit_of 12.4
half_way
cut_off KILL 137
expect steps.cuda.cut_off true
leave_behind
answers 0 plan
has "$D/out" "an installation in /usr/local/cuda-12.4 did not end, and is removed"
agent_again
installed_anew 12.4.1
said "removing /usr/local/cuda-12.4: an installation of ours in it did not end"
expect_count 1 commands '"cuda_12.4.1_550.54.15_linux.run", "--silent", "--toolkit"]'
expect_count 1 commands '"cuda_12.4.1_550.54.15_linux.run", "--silent", "--toolkit", "--override"]'

say "== SIGTERM, and the removal itself was cut off: without version.json, and then without the rest; a runfile that takes what is there for done"
rm -r "$toolkit"
faults cuda-existing=skipped
half_way
cut_off TERM 143
leave_behind
rm "$toolkit/version.json"
rm -r "${toolkit:?}/bin"
agent_again
installed_anew 12.4.1

say "== it ended, and that was not noted: what looks whole is not believed, and is kept, for it may be the owner's"
mkdir -p "${record%/*}"
echo "/usr/local/cuda-12.4 absent" > "$record"
: > "$toolkit/bin/nvcc"
mkdir "$toolkit/deep"
echo "the owner's" > "$toolkit/deep/library"
answers 0 plan
has "$D/out" "an installation in /usr/local/cuda-12.4 did not end, and is moved aside"
agent_again
installed_anew 12.4.1
[ -s "$toolkit/bin/nvcc" ] || fail "the toolkit that was cut off was believed"
has "$T/root/usr/local/gn8v-replaced-cuda-12.4/deep/library" "the owner's"

say "== it ended well with another version.json than expected: it is kept, and is in the way of the next"
rm -r "$toolkit"
configure '{"cuda": {"driver": "550.54.14", "urls": ["https://developer.download.nvidia.com/compute/cuda/12.4.1/local_installers/cuda_12.4.1_550.54.15_linux.run"]}}'
agent_again
expect_failed step-without-effect
expect_words error.message "nvidia_driver 550.54.15; cuda.driver is 550.54.14"
expect_words error.hint "set cuda.driver to it"
has "$record" "/usr/local/cuda-12.4 ended"
echo "the owner's" > "$toolkit/lib64/libcudnn.so"
configure '{"cuda": {"replace": true}}'
agent_again
expect_result refused
expect_error cuda-foreign
expect_words error.message "gn8v installed it from cuda.urls"
has "$toolkit/lib64/libcudnn.so" "the owner's"
configure '{"cuda": {"driver": "550.54.15", "replace": false}}'
agent_again
expect_ready

say "== a full disk, and the status is lost: what is left goes; a runfile that refuses a toolkit even with --override"
rm -r "$toolkit"
faults -cuda-existing cuda-existing=refused cuda-no-driver-entry cuda-no-space
agent_again
expect_failed cuda-install-failed
expect error.step cuda
said "No space left on device"
[ -e "$toolkit/bin/nvcc" ] || fail "nothing was installed before the disk was full"
faults -cuda-no-space
leave_behind
rm "$T/root/var/lib/gn8v/status.json"
agent_again
installed_anew 12.4.1

say "== it failed before anything was there: what comes there later is not ours"
rm -r "$toolkit"
faults cuda-hangs
configure '{"steps": {"cuda": {"timeout_s": 1}}}'
agent_again
expect_failed cuda-install-timeout
[ ! -e "$record" ] || fail "the record of a run that left nothing is still there"
mkdir "$toolkit"
agent_again
expect_result refused
expect_error cuda-foreign
