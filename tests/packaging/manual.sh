#!/bin/sh
# The manual page and the completion name every command and option of the program.
set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
gn8v=${GN8V_BIN:-$top/build/gn8v}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

# named FILE WHAT: each line of standard input is in FILE as a word of its own
named() {
	lines=0
	while read -r word; do
		lines=$((lines + 1))
		awk -v word="$word" '
			function part(c) { return c ~ /[A-Za-z0-9_-]/ }
			{
				line = " " $0 " "
				while (at = index(line, word)) {
					if (!part(substr(line, at - 1, 1)) && !part(substr(line, at + length(word), 1)))
						found = 1
					line = substr(line, at + length(word))
				}
			}
			END { exit !found }' "$1" || { failed=1 && echo "FAIL $2 \"$word\" is not in ${1##*/}"; }
	done
	[ "$lines" -gt 0 ] || { failed=1 && echo "FAIL no $2 was found in the program"; }
	echo "ok   ${1##*/}: $lines times $2"
}

# What is explained is in bold. \- is how roff writes a hyphen that can be copied.
sed -n 's/\\-/-/g; s/^\.B[RI]* //p' "$top/packaging/gn8v.8" > "$dir/gn8v.8"
cp "$top/packaging/gn8v.bash-completion" "$dir/completion"

# Its sections of steps, keys and error codes may lag behind: they are to be printed from the tables.
"$gn8v" --help > "$dir/help"
sed -n '/^Commands:/,/^Options:/s/^  \([a-z-]*\) .*/\1/p' "$dir/help" > "$dir/commands"
sed -n 's/^  \(--[a-z-]*\) .*/\1/p' "$dir/help" > "$dir/options"
named "$dir/gn8v.8" "a command" < "$dir/commands"
named "$dir/gn8v.8" "an option" < "$dir/options"
named "$dir/completion" "a command" < "$dir/commands"
named "$dir/completion" "an option" < "$dir/options"

if command -v man > /dev/null && man --warnings -l "$top/packaging/gn8v.8" 2> "$dir/said" > "$dir/page"; then
	[ ! -s "$dir/said" ] || { failed=1 && sed 's/^/FAIL /' "$dir/said"; }
	grep -q 'EXIT STATUS' "$dir/page" || { failed=1 && echo "FAIL the page cannot be shown"; }
else
	echo "SKIP manual: no man here that checks the page"
fi
exit "$failed"
