#!/bin/sh
# cloud-init/README.md says which tool wants which, and the sign of what was encoded twice; its script joins gn8v's user-data
# with parts of one's own, unchanged, gn8v's first, and below 16 KB.
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
python3 - "$dir" <<'END' || exit 1
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
echo "ok   three parts, unchanged, in this order"

# The row of each tool has what it is to be given.
page=$top/cloud-init/README.md
failed=0
while IFS='|' read -r tool given; do
	awk -F ' [|] ' -v tool="$tool" -v given="$given" '/^## / { inside = $0 == "## Which tool wants which" }
		inside && index($1, tool) && index($2, given) == 1 { found = 1 } END { exit !found }' "$page" ||
		{ echo "FAIL the page does not give $tool: $given" && failed=1; }
done << 'END'
aliyun ecs RunInstances --UserData|`build/user-data.b64`
ECS console|the text; or the Base64 with
`alicloud_instance`|either
`alicloud_ess_scaling_configuration`|`filebase64("build/user-data")`
`ALIYUN::ECS::Instance`|the text
`ALIYUN::ECS::LaunchTemplate`|not said: look at it from an instance
cloud-init's own seeds|the text
END
[ "$failed" -eq 1 ] || echo "ok   which tool wants which"

# The sign that the page names is that of our own user-data, and the page says where to look for it and how to mend it.
sign=$(base64 -w0 "$dir/user-data" | head -c 8)
awk '/^## / { inside = /encoded twice/ } inside' "$page" > "$dir/twice"
for words in "\`$sign\` is the Base64 of \`#cloud\`" "grep -i 'unhandled' /var/log/cloud-init.log" "/latest/user-data | head -n 1" \
	"${sign}[[:alnum:]]*…  *# encoded twice" "$(head -n 1 "$dir/user-data")  *# right" "404 - Not Found  *# none was given" \
	"aliyun ecs DescribeUserData" "aliyun ecs ModifyInstanceAttribute --InstanceId I --UserData"; do
	grep -q -e "$words" "$dir/twice" || { echo "FAIL the page does not say: $words" && failed=1; }
done
[ "$failed" -eq 1 ] || echo "ok   the sign of what was encoded twice, or not at all"
exit "$failed"
