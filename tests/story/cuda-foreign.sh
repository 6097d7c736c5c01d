#!/bin/sh
# Another CUDA toolkit in the folder of ours is refused before anything is fetched, and named; cuda.replace moves it aside.
. "${0%/*}/lib.sh"

# another DRIVER: a whole toolkit that we did not install
another()
{
	mkdir -p "$toolkit/bin" "$toolkit/lib64"
	printf '{"cuda": {"version": "12.4.20240222"}, "cuda_nvcc": {"version": "12.4.99"}, "nvidia_driver": {"version": "%s"}}\n' \
		"$1" > "$toolkit/version.json"
	echo "the owner's compiler" > "$toolkit/bin/nvcc"
	: > "$toolkit/bin/cuda-uninstaller"
	echo "the owner's library" > "$toolkit/lib64/libcudnn.so"
}

# in_the_way WORDS: refused, with nothing fetched and nothing touched
in_the_way()
{
	expect_exit 1
	expect_result refused
	expect_error cuda-foreign
	expect error.step preflight
	expect error.who operator
	expect_words error.message "/usr/local/cuda-12.4 is in the way of CUDA 12.4.1: $1"
	expect_words error.hint '"cuda": {"replace": true}'
	expect_gate_closed
	touched_nothing "$begun"
	expect_count 0 http .run
	disk_unchanged "$D/before"
}

story_from restarted single
begun=$(mark)
toolkit=$T/root/usr/local/cuda-12.4
say "== the toolkit before ours"
another 550.54.14
"$TWIN" up "$T"
disk_snapshot > "$D/before"
agent_again
in_the_way "version.json names cuda 12.4.20240222, cuda_nvcc 12.4.99, nvidia_driver 550.54.14; cuda.driver is 550.54.15"
all_is_well
answers 1 plan --json
has "$D/out" "/usr/local/cuda-12.4 is in the way of CUDA 12.4.1"
has "$D/out" '"cuda-foreign"'
has "$D/err" '"cuda": {"replace": true}'
expect_count 2 commands '"-qf"'

say "== of a package"
printf '{"/usr/local/cuda-12.4/bin/nvcc": "cuda-nvcc-12-4"}' > "$T/state/owners.json"
printf '{"cuda-nvcc-12-4": "12.4.99-1.x86_64"}' > "$T/state/packages.json"
agent_again
in_the_way "version.json names cuda"
expect_words error.message "it belongs to the package cuda-nvcc-12-4-12.4.99-1"
expect_words error.hint "yum remove cuda-nvcc-12-4-12.4.99-1"
rm "$T/state/owners.json"

say "== half a toolkit of which nothing says that it is ours, and one with a garbled version.json"
another 550.54.15
rm "$toolkit/bin/cuda-uninstaller"
disk_snapshot > "$D/before"
agent_again
in_the_way "it has no bin/cuda-uninstaller"
another 550.54.15
echo '{"nvidia_driver": {"version": "550.54.15"}' > "$toolkit/version.json"
disk_snapshot > "$D/before"
# Nor does the record of a run in another folder.
mkdir -p "$T/root/var/lib/gn8v/begun"
echo "/usr/local/cuda-12.8 absent" > "$T/root/var/lib/gn8v/begun/cuda-12.8"
echo "/usr/local/cuda-12.8 absent" > "$T/root/var/lib/gn8v/begun/cuda-12.4"
agent_again
in_the_way "/usr/local/cuda-12.4/version.json: line"
rm -r "$T/root/var/lib/gn8v/begun"

say "== a version.json that cannot be read: that is neither yes nor no"
rm "$toolkit/version.json"
mkdir "$toolkit/version.json"
disk_snapshot > "$D/before"
agent_again
expect_exit 1
expect_error io
expect_words error.message /usr/local/cuda-12.4/version.json
touched_nothing "$begun"
disk_unchanged "$D/before"
rmdir "$toolkit/version.json"

say "== another cuda.version is not in its way"
another 550.54.14
configure '{"cuda": {"version": "12.8.1", "driver": "570.124.06"}}'
answers 0 plan
has "$D/out" "install CUDA 12.8.1"
configure '{"cuda": {"version": "12.4.1", "driver": "550.54.15"}}'

say "== cuda.replace: it is moved aside and kept"
configure '{"cuda": {"replace": true}}'
answers 0 plan
has "$D/out" "install CUDA 12.4.1: what is in /usr/local/cuda-12.4 is moved aside"
cp -a "$toolkit" "$D/kept"
agent_run
expect_ready
all_is_well
said "cuda.replace: /usr/local/cuda-12.4 is now /usr/local/gn8v-replaced-cuda-12.4"
diff -r "$D/kept" "$T/root/usr/local/gn8v-replaced-cuda-12.4" || fail "what was moved aside is not what was there"
[ ! -e "$toolkit/lib64/libcudnn.so" ] || fail "something of it is in the new toolkit"
has "$toolkit/version.json" 550.54.15

say "== a toolkit that comes later is moved beside that"
another 550.54.14
agent_again
expect_ready
has "$T/root/usr/local/gn8v-replaced-cuda-12.4-2/lib64/libcudnn.so" "the owner's library"
diff -r "$D/kept" "$T/root/usr/local/gn8v-replaced-cuda-12.4" || fail "what was moved aside before was changed"
