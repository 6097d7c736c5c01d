#!/bin/sh
# A /boot with a history: a saved_entry that is gone, forty old entries, one without its kernel, initramfs images that nobody
# boots. What counts is made ready, the rest is named, and the machine restarts once.
. "${0%/*}/lib.sh"

story_begin multi
boot=$T/root/boot
entry=$(ls "$boot"/loader/entries/*-5.10.134-18.al8.x86_64.conf)
id=${entry##*/}
id=${id%%-*}

# old RELEASE: an older kernel's entry
old() { sed "s/5.10.134-18.al8.x86_64/$1/g" "$entry" > "$boot/loader/entries/$id-$1.conf"; }

for n in $(seq 1 40); do
	release=5.10.134-1$((n / 10)).$n.al8.x86_64
	old "$release"
	echo kernel > "$boot/vmlinuz-$release"
done
old 5.10.134-9.al8.x86_64
echo image > "$boot/initramfs-5.10.134-16.1.al8.x86_64.img"
touch -d 2024-05-01 "$boot/initramfs-5.10.134-16.1.al8.x86_64.img"
sed -i 's/^saved_entry=.*/saved_entry=gone-5.10.134-20.al8.x86_64/' "$boot/grub2/grubenv"
[ -z "$("$T/root/usr/sbin/grubby" --default-index < /dev/null)" ] || fail "grubby names an entry that is gone"

agent_run
expect_ready
expect_boots 2
expect_words steps.kernel-args.reason "not counted, for its kernel is gone: /boot/vmlinuz-5.10.134-9.al8.x86_64"
expect_words steps.initramfs.reason "not counted, for its kernel has no modules: initramfs-5.10.134-16.1.al8.x86_64.img"
[ "$(grep -l "swiotlb=4194304,any" "$boot"/loader/entries/*.conf | wc -l)" = 43 ] || fail "not every entry has it"
all_is_well

say "== a grubby that ends well and changes nothing: said at once, and no restart"
story_begin single
boot=$T/root/boot
"$TWIN" up "$T"
mv "$T/root/usr/sbin/grubby" "$T/root/usr/sbin/grubby.real"
cat > "$T/root/usr/sbin/grubby" <<'END'
#!/bin/sh
case "$*" in *--update-kernel=ALL*) exit 0 ;; esac
exec "$0.real" "$@"
END
chmod 755 "$T/root/usr/sbin/grubby"
agent_again
expect_failed step-without-effect
expect error.step kernel-args
expect_count 0 bus Reboot
mv "$T/root/usr/sbin/grubby.real" "$T/root/usr/sbin/grubby"

say "== a default entry whose kernel is gone: no restart into it"
mv "$boot/vmlinuz-5.10.134-18.al8.x86_64" "$D/"
agent_again
expect_failed boot-default-gone
expect error.step restart
expect_count 0 bus Reboot
mv "$D/vmlinuz-5.10.134-18.al8.x86_64" "$boot/"
agent_again
expect_exit 64

say "== no saved_entry, and a newer kernel whose entry lacks the argument comes before that restart: mended, and no restart for ever"
sed -i '/^saved_entry=/d' "$boot/grub2/grubenv"
entry=$(ls "$boot"/loader/entries/*-5.10.134-18.al8.x86_64.conf)
id=${entry##*/}
id=${id%%-*}
old 5.10.134-19.1.al8.x86_64
sed -i 's/ swiotlb=[^ ]*//' "$boot/loader/entries/$id-5.10.134-19.1.al8.x86_64.conf"
echo kernel > "$boot/vmlinuz-5.10.134-19.1.al8.x86_64"
echo image > "$boot/initramfs-5.10.134-19.1.al8.x86_64.img"
cp -r "$T/root/usr/lib/modules/5.10.134-18.al8.x86_64" "$T/root/usr/lib/modules/5.10.134-19.1.al8.x86_64"
agent_run
expect_failed restart-no-effect
expect_boots 2
has "$boot/loader/entries/$id-5.10.134-19.1.al8.x86_64.conf" swiotlb=4194304,any
