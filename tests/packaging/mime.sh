#!/bin/sh
# cloud-init/README.md: its script joins gn8v's user-data with parts of one's own, unchanged, gn8v's first, and below 16 KB.
set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

sed -n '/^```python$/,/^```$/{/^```/!p}' "$top/cloud-init/README.md" > "$dir/combine.py"
"$top/cloud-init/make-user-data" --rpm-url https://x.example/gn8v.rpm --version 1.0.0-1 \
	--rpm-sha256 "$(printf '%064d' 1)" --output "$dir/user-data" > "$dir/out" || { cat "$dir/out" && exit 1; }
printf '#cloud-config\npackages: [tmux]\n' > "$dir/own.yaml"
printf '#!/bin/sh\necho own\n' > "$dir/own.sh"
python3 "$dir/combine.py" "$dir/all" "cloud-boothook:$dir/user-data" "cloud-config:$dir/own.yaml" "x-shellscript:$dir/own.sh" ||
	{ echo "FAIL the script on the page does not run" && exit 1; }
python3 - "$dir" <<'END' && echo "ok   three parts, unchanged, in this order"
import email, os, sys
folder = sys.argv[1]
with open(os.path.join(folder, "all"), "rb") as f:
    data = f.read()
parts = [(p.get_content_type(), p.get_payload(decode=True)) for p in email.message_from_bytes(data).walk() if not p.is_multipart()]
wanted = []
for kind, name in (("text/cloud-boothook", "user-data"), ("text/cloud-config", "own.yaml"), ("text/x-shellscript", "own.sh")):
    with open(os.path.join(folder, name), "rb") as f:
        wanted.append((kind, f.read()))
if parts != wanted:
    sys.exit("FAIL the parts are not what was put in: %s" % [(k, len(p)) for k, p in parts])
if not data.startswith(b"Content-Type: multipart/mixed") or len(data) >= 16384:
    sys.exit("FAIL %d bytes that begin %r" % (len(data), data[:40]))
END
