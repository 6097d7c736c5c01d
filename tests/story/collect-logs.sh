#!/bin/sh
# gn8v collect-logs saves what is known without changing anything: on a fresh machine, where programs are missing, when ready.
. "${0%/*}/lib.sh"

# collects FILE: the archive is written, nothing is touched, and it lies unpacked in $D/got
collects()
{
	disk_snapshot > "$D/before"
	begun=$(mark)
	answers 0 collect-logs "/root/$1"
	rm -rf "$D/got"
	mkdir "$D/got"
	tar -xzf "$T/root/root/$1" -C "$D/got" || fail "not an archive"
	[ "$(stat -c %a "$T/root/root/$1")" = 600 ] || fail "others may read it"
	mv "$T/root/root/$1" "$D/$1"
	check collected "$T" "$begun" || fail "more than looking"
	disk_unchanged "$D/before"
	no_misuse
	no_early_gpu_open
	got=$D/got/gn8v-logs
	index=$got/fixtures/INDEX.md
}

# says FILE TEXT: an answer in the archive
says()
{
	[ -f "$got/$1" ] || fail "there is no $1: $(grep -F "${1#fixtures/}" "$index")"
	has "$got/$1" "$2"
	grep -q -F "| $1 | R |" "$index" || fail "the index does not name $1"
}

# unanswered FILE TEXT: and the archive says why
unanswered()
{
	[ ! -e "$got/$1" ] || fail "there is $1"
	grep -F "| $1 | - |" "$index" | grep -q -F "$2" || fail "$1: the index does not say \"$2\": $(grep -F "| $1 " "$index")"
}

# programs: those that collect-logs runs beside the others of the twin
programs() { python3 -S -E "$story_home/../twin/fakes/twinlib.py" install "$T" looks; }

say "== on a fresh machine no GPU is asked, and programs that are missing are said"
story_begin single
"$TWIN" up "$T"
mkdir -p "$T/root/root"
: > "$T/state/gpu.jsonl"
collects fresh.tar.gz
[ ! -s "$T/state/gpu.jsonl" ] || fail "a GPU was opened"
unanswered gn8v/status.json "not there: /var/lib/gn8v/status.json"
unanswered fixtures/os-release/uname.txt "no such program: /usr/bin/uname"
unanswered fixtures/nvidia-smi/q.txt "no such program: /usr/bin/nvidia-smi"
unanswered fixtures/installer/nvidia-installer.log "not there: /var/log/nvidia-installer.log"
unanswered 'fixtures/cuda/version.json-*' 'not there: /usr/local/cuda-*/version.json'
says fixtures/os-release/os-release 'ID="alinux"'
says fixtures/grubby/info-ALL.txt "# /usr/sbin/grubby --info=ALL
# exit status 0
# ---
index=0"
says fixtures/metadata/instance-type ecs.gn8v-tee.4xlarge
says fixtures/metadata/macs 00:16:3e:
says fixtures/metadata/token "/latest/api/token: status 200"
says fixtures/metadata/token "/latest/meta-data/instance-id without a token: status 403"
unanswered 'fixtures/kernel/usr-lib-modprobe.d/*' 'not there: /usr/lib/modprobe.d/*'
ls "$got"/fixtures/grubby/entries/*5.10.134* > "$D/entries" || fail "no boot entries"

say "== what is in the way: another file of that name, a name that is no archive, a folder that is not there"
cp "$D/fresh.tar.gz" "$T/root/root/old.tar.gz"
answers 1 collect-logs /root/old.tar.gz
has "$D/err" "is not overwritten"
cmp -s "$D/fresh.tar.gz" "$T/root/root/old.tar.gz" || fail "it was overwritten"
answers 1 collect-logs /nowhere/new.tar.gz
for name in '' /root/new.zip .tar.gz; do
	answers 2 collect-logs ${name:+"$name"}
	has "$D/err" "ends in .tar.gz"
done
answers 2 collect-logs /root/a.tar.gz /root/b.tar.gz
rm "$T/root/root/old.tar.gz"

say "== while nvidia-persistenced is not active, nvidia-smi is there and not run"
story_from ready single
holds persistenced
"$TWIN" up "$T"
mkdir -p "$T/root/root"
unit_becomes nvidia-persistenced.service activating
opened=$(count gpu nvidia-smi)
collects early.tar.gz
[ "$(count gpu nvidia-smi)" = "$opened" ] || fail "a GPU was opened"
unanswered fixtures/nvidia-smi/q.txt "not asked: nvidia-persistenced.service is activating"
says fixtures/cuda/version.json-cuda-12.4 cuda
goes_on persistenced

say "== ready: everything is asked, and nothing secret is in it"
agent_again
expect_ready
programs
mkdir -p "$T/state/answers" "$T/root/var/log"
cat > "$T/state/answers/journalctl" <<'END'
[    9.1] software IO TLB: mapped [mem 0x50000000-0x250000000] (8192MB)
[   10.2] yum: proxy http://carla:s3cr3t-proxy@10.0.0.1:3128 refused, sent Authorization: Basic Y2FybGE6czNjcjN0
[   11.3] GET with X-Key: s3cr3t-header-value; key eyJhbGci; Bearer s3cr3t-bearer
-----BEGIN PRIVATE KEY-----
s3cr3t-key-s3cr3t-key
-----END PRIVATE KEY-----
END
{ yes 'a line of the installer' | head -n 60000 && echo 'password=s3cr3t-log the last line'; } > "$T/root/var/log/nvidia-installer.log"
cat > "$T/state/answers/systemctl" <<'END'
# an answer of systemctl
Environment=HF_TOKEN=hf_s3cr3t "NGC_KEY=s3cr3t with blanks" CUDA_VISIBLE_DEVICES=0
ExecStart=/usr/bin/serve --api-key sk-s3cr3t --port 11434
END
mkdir -p "$T/root/usr/lib/modprobe.d" "$T/root/run/gn8v/verifier"
echo "options nvidia-drm modeset=1" > "$T/root/usr/lib/modprobe.d/image.conf"
echo "a line of the verifier" > "$T/root/run/gn8v/verifier/verifier.log"
configure '{"fetch": {"headers": ["mirror.example X-Key: s3cr3t-header-value"]},
	"driver": {"urls": ["https://mirror.example/x.run?auth_key=1700000000-0-0-s3cr3t"]},
	"proxy": {"http": "http://carla:1s3cr3t/pro,xy@10.0.0.1:3128"}}'
cp "$T/root/var/lib/gn8v/status.json" "$D/status.json"
python3 -S -E - "$T/root/var/lib/gn8v/status.json" <<'END'
import json, sys
status = json.load(open(sys.argv[1]))
status["steps"][0]["reason"] = 'yum said: proxy_password="s3cr3t22hunter" …'
status["steps"][1]["reason"] = 'pip said: {"Authorization": "Basic Y2FybGE6czNjcjN0"}'
json.dump(status, open(sys.argv[1], "w"), ensure_ascii=False)
END
collects ready.tar.gz
cp "$D/status.json" "$T/root/var/lib/gn8v/status.json"
! grep -r -e s3cr3t -e pro,xy "$got" || fail "a secret is in the archive"
! grep -r Y2FybGE "$got" || fail "a secret is in the archive"
says gn8v/config.json "mirror.example X-Key: REMOVED"
says gn8v/config.json "http://REMOVED@10.0.0.1:3128"
says gn8v/journal.txt "software IO TLB"
says gn8v/journal.txt "GET with X-Key: REMOVED; key"
says fixtures/kernel/swiotlb.txt "(8192MB)"
! grep -q yum "$got/fixtures/kernel/swiotlb.txt" || fail "lines that nobody asked for"
says fixtures/installer/nvidia-installer.log "REMOVED the last line"
[ "$(wc -c < "$got/fixtures/installer/nvidia-installer.log")" -le 1048576 ] || fail "a log without an end"
grep -q "its last 1048576 of" "$index" || fail "the index does not say that a log was cut"
says fixtures/nvidia-smi/q.txt "Attached GPUs"
says fixtures/nvidia-smi/conf-compute-f.txt "CC status: ON"
says fixtures/units/cat.txt "an answer of systemctl"
says fixtures/kernel/holders.txt "/usr/sbin/fuser -v"
python3 -m json.tool < "$got/gn8v/status.json" > "$D/status" || fail "status.json is no JSON any more"
has "$D/status" '"result": "ready"'
has "$D/status" 'proxy_password=\"REMOVED\"'
has "$D/status" '{\"Authorization\": \"REMOVED\"}'
says gn8v/config.json "https://mirror.example/x.run?REMOVED"
says fixtures/kernel/usr-lib-modprobe.d/image.conf "modeset=1"
says fixtures/verifier/verifier.log "a line of the verifier"
says fixtures/units/cat.txt 'HF_TOKEN=REMOVED "NGC_KEY=REMOVED" CUDA_VISIBLE_DEVICES=0'
says fixtures/units/cat.txt "--api-key REMOVED --port 11434"
grep -q 'i-2ze' "$got/fixtures/metadata/instance-id" || fail "the instance id was removed"

say "== a configuration that is no JSON is left out whole, and no metadata service is asked; a program that fails is an answer"
rm "$T/root/usr/bin/lscpu"
printf '#!/bin/sh\necho half >&2\nexit 3\n' > "$T/root/usr/bin/lscpu"
chmod +x "$T/root/usr/bin/lscpu"
cp "$T/root/etc/gn8v/config.json" "$D/config.json"
echo '{"proxy": {"http": "http://carla:s3cr3t' > "$T/root/etc/gn8v/config.json"
collects broken.tar.gz
! grep s3cr3t "$index" || fail "what is wrong with it is said with a secret"
unanswered gn8v/config.json "left out"
unanswered gn8v/config-error "config.json"
unanswered fixtures/metadata/instance-id "not asked"
says fixtures/kernel/lscpu.txt "# exit status 3
# ---
half"
cp "$D/config.json" "$T/root/etc/gn8v/config.json"
all_is_well

say "== on eight GPUs"
story_from ready multi
"$TWIN" up "$T"
mkdir -p "$T/root/root"
agent_again
expect_ready
programs
collects multi.tar.gz
says fixtures/nvidia-smi/conf-compute-mgm.txt "Protected PCIe"
says fixtures/nvidia-smi/q.txt "Completed"
says fixtures/kernel/modprobe.d/nvidia-lkca.conf RmEnableProtectedPcie
says fixtures/rpm/installed.txt "exit status"
grep -c '^| fixtures/nvidia-smi/.* | R |' "$index" > "$D/n"
[ "$(cat "$D/n")" = 7 ] || fail "$(cat "$D/n") answers of nvidia-smi, not 7"
all_is_well

say "== what the program says it would do, all of it only looks"
answers 0 collect-logs --list
python3 -B - "$D/out" "$story_home/../twin" <<'END' || fail "not only looking"
import sys
sys.path.insert(0, sys.argv[2])
from looks import only_collects
rows = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
wrong = [r for r in rows if r[1] == "run" and not only_collects(r[2].replace("{file}", "/x.rpm").split(" "))]
asked = [r for r in rows if "nvidia-smi" in r[2].split(" ")[0] and not r[3:]]
for row in wrong + asked:
    print("\t".join(row))
sys.exit(1 if wrong or asked or len(rows) < 60 else 0)
END
