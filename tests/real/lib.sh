# What the stories of this folder use: those of tests/story, on machines with NVIDIA's verifiers.
# shellcheck shell=sh disable=SC2034
. "${0%/*}/../story/lib.sh"
story_home=$story_home/../story
TWIN_REAL_PYTHON=${REAL:?}/venv/bin/python
TWIN_REAL_SMI=$REAL/nvidia-smi
export TWIN_REAL_PYTHON TWIN_REAL_SMI

ready_state() { [ "$(check device "$T" ready_state)" = "$1" ] || fail "the ready state is not $1"; }

# real_clock +9000d|"": how far the verifiers' clock is wrong
real_clock() { printf '%s\n' "$1" > "$T/state/real-clock"; }
