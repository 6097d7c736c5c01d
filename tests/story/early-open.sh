#!/bin/sh
# The log of opens catches a client that comes before nvidia-persistenced is active, and a step that was moved there.
. "${0%/*}/lib.sh"

caught() { ! check opens "$T" || fail "an open before nvidia-persistenced was active went unnoticed"; }

# make_says PATTERN: the one command with this in it that make would run for the program
make_says()
{
	[ -s "$D/make" ] || env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -n -B -C "$top" "$build/gn8v" > "$D/make" ||
		fail "make does not say how the program is built"
	grep -F -e "$1" "$D/make" || fail "make does not say: $1"
}

# compiled FILE SED: the program's object with the source changed so
compiled()
{
	sed -e "$2" "$top/agent/$1.c" > "$D/$1.c"
	! cmp -s "$top/agent/$1.c" "$D/$1.c" || fail "agent/$1.c is not what this story changes"
	make_says " -c -o $build/agent/$1.o " | sed "s, -c -o [^ ]* [^ ]*\$, -c -o $D/$1.o $D/$1.c," > "$D/command"
	(cd "$top" && sh "$D/command") || fail "agent/$1.c cannot be compiled"
}

# linked NAME FILE…: the program with these objects in the place of its own
linked()
{
	make_says " -o $build/gn8v " > "$D/command"
	sed -i "s, -o [^ ]* , -o $D/$1 ," "$D/command"
	made=$1
	shift
	for object; do
		sed -i "s, $build/agent/$object\.o , $D/$object.o ," "$D/command"
	done
	(cd "$top" && sh "$D/command") || fail "$made cannot be linked"
}

# again_with PROGRAM HAPPENS…: the machine's next boot with it; nvidia-persistenced is not done before that happens
again_with()
{
	holds persistenced
	GN8V_BIN=$D/$1 "$TWIN" boot "$T" --keep > "$D/out" 2>&1 &
	booting=$!
	shift
	"$@"
	goes_on persistenced
	wait "$booting"
	expect_result failed
}

say "== a foreign client"
story_from ready single
"$TWIN" up "$T" || fail "the machine does not start"
no_early_gpu_open
holds persistenced
"$TWIN" up "$T" || fail "the machine does not start"
"$TWIN" exec "$T" -- /usr/bin/nvidia-smi -q > "$D/early" 2>&1
caught

say "== an agent with cc-mode in the wrong place: it refuses by itself, and without that guard the log catches it"
program=$(check program "$T")
build=$(cd "${program%/*}" && pwd)
top=${build%/*}
build=${build##*/}
compiled steps '/id = "cc-mode"/,/},/s/NEEDS(STEP_DEVICES)/NEEDS(STEP_RESTART)/'
compiled gpu 's/^int gpu_guard(.*/&\n{\n\t(void)e;\n\treturn 0;\n}\n\nint gpu_guard_that_was(struct err *e);\nint gpu_guard_that_was(struct err *e)/'
linked moved steps
linked unguarded steps gpu
story_from ready single
again_with moved becomes steps.cc-mode.state=failed
expect_step cc-mode persistenced-failed
no_early_gpu_open
again_with unguarded happens gpu $(($(count gpu "nvidia-smi conf") + 1)) "nvidia-smi conf"
caught
