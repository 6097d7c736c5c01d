#!/bin/sh
# Cut off while packages were installed: those whose files are damaged are installed anew, the others and what was edited stay.
. "${0%/*}/lib.sh"

reinstall='"/usr/bin/yum", "reinstall", "-y"'

# in_transaction: the process that is
in_transaction() { sed -n 's/^in a transaction of \([0-9]*\).*/\1/p' "$T/root/var/lib/rpm/Packages"; }

say "== killed in the transaction of yum; all that was installed is whole"
story_from restarted single --fault yum-hangs
"$TWIN" up "$T"
begin again
comes "in a transaction" "$T/root/var/lib/rpm/Packages"
"$TWIN" signal "$T" KILL
finish
[ "$rc" = 137 ] || fail "the agent was not killed: it ended with $rc"
expect steps.packages.cut_off true
faults -yum-hangs
: > "$T/root/var/lib/rpm/Packages-wal"
mkdir "$T/root/var/lib/rpm/backup"
echo "the owner's" > "$T/root/var/lib/rpm/backup/__db.001"
agent_again
expect_ready
[ ! -e "$T/root/var/lib/rpm/Packages-wal" ] || fail "what the transaction that was cut off had written is still there"
has "$T/root/var/lib/rpm/backup/__db.001" "the owner's"
[ -z "$(ls -A "$T/root/var/lib/gn8v/rpm-kept")" ] || fail "the copy of the database is still there"
said "an installation was cut off: the package database is put back as it was before"
expect steps.packages.cut_off false
expect_count 0 commands "$reinstall"

say "== yum alone is killed in its transaction, as when memory runs out: that never happened, and yum is run again"
story_from restarted single --fault yum-hangs
"$TWIN" up "$T"
begin again
comes "in a transaction" "$T/root/var/lib/rpm/Packages"
faults -yum-hangs
kill -KILL "$(in_transaction)" || fail "nobody is in a transaction"
finish
expect_ready
expect steps.packages.attempts 0
expect_count 2 commands '"/usr/bin/yum", "install", "-y", "openssl3"'
[ -z "$(ls -A "$T/root/var/lib/gn8v/rpm-kept")" ] || fail "the copy of the database is still there"
expect_count 0 commands "$reinstall"

say "== cut off, and all is whole but what people edit"
echo "# ours" > "$T/root/etc/pki/tls/openssl3.cnf"
touch "$T/root/usr/bin/make"
forgotten packages verifier
agent_again
expect_ready
expect_count 1 commands '"/usr/bin/rpm", "-V", "--nodeps", "--noscripts", "openssl3"'
expect_count 1 commands '"/usr/bin/rpm", "-V", "--nodeps", "--noscripts", "python3.11"'
expect_count 0 commands "$reinstall"

say "== cut off, and files are empty, missing and wrong"
: > "$T/root/usr/bin/gcc"
: > "$T/root/usr/bin/python3.11"
rm "$T/root/usr/bin/make"
ln -sfn nowhere "$T/root/usr/lib/modules/5.10.134-18.al8.x86_64/build"
forgotten packages verifier
agent_again
expect_ready
for name in gcc make kernel-devel-5.10.134-18.al8.x86_64 python3.11; do
	expect_count 1 commands "$reinstall, \"$name\"]"
done
expect_count 4 commands "$reinstall"
said "gcc is damaged: its installation was cut off; it is installed anew"
has "$T/root/etc/pki/tls/openssl3.cnf" ours
[ -s "$T/root/usr/bin/gcc" ] || fail "gcc is still empty"

say "== no repository has it any more: not believed, however often it is tried"
: > "$T/root/usr/bin/gcc"
forgotten packages
faults yum-gone=gcc
configure '{"steps": {"packages": {"attempts": 2}}}'
agent_again
expect_failed package-install-failed
expect_words error.message "gcc is damaged"
expect_words error.hint "by hand: /usr/bin/yum reinstall -y gcc"
expect steps.packages.cut_off true
expect_count 6 commands "$reinstall"
faults -yum-gone
heals
expect_count 7 commands "$reinstall"
say "== a step that was not cut off does not look"
expect_count 2 commands '"/usr/bin/rpm", "-V", "--nodeps", "--noscripts", "python3.11"'

say "== killed before its transaction, and somebody installs something: the database keeps it, in the next boot too"
rm "$T/root/usr/bin/gcc"
forgotten packages
echo '{"yum": 600}' > "$T/state/delays.json"
begin again
happens commands 8 "$reinstall"
"$TWIN" signal "$T" KILL
finish
[ "$rc" = 137 ] || fail "the agent was not killed: it ended with $rc"
echo '{}' > "$T/state/delays.json"
"$T/root/usr/bin/yum" install -y tar > "$T/yum.log" || fail "yum does not work: $(cat "$T/yum.log")"
agent_boot
expect_ready
said "an installation was cut off, and packages were installed since: the package database stays as it is"
[ -z "$(ls -A "$T/root/var/lib/gn8v/rpm-kept")" ] || fail "the copy of the database is still there"

say "== somebody else is in a transaction: the agent waits, then goes on"
rm "$T/root/usr/bin/gcc"
forgotten packages
mkfifo "$T/done"
python3 -c '
import fcntl, sys
lock = open(sys.argv[1], "r+b")
fcntl.lockf(lock, fcntl.LOCK_EX)
print(flush=True)
open(sys.argv[2]).read()
' "$T/root/var/lib/rpm/.rpm.lock" "$T/done" > "$T/locked" &
until [ -s "$T/locked" ]; do
	sleep 0.05
done
begin again
comes "another program is installing packages: waiting for it" "$T/state/agent.log"
expect_count 9 commands "$reinstall"
: > "$T/done"
finish
expect_ready
expect_count 10 commands "$reinstall"
expect_boots 3
