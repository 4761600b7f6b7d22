#!/usr/bin/env bash
# Runs the kernel tests of the AVX-512 backend on a machine without AVX-512: inside Bochs, which emulates a Skylake-X, under a small
# Linux made for it. Correctness only; the operations take some minutes, attention hours (name the programs that you want).
#
#   apt-get install bochs bochs-term bochsbios vgabios isolinux syslinux-common genisoimage busybox-static cpio
#   apt-get download linux-image-6.1.0-54-cloud-amd64        # any kernel of Debian's cloud flavour
#   node native/build.mjs ctx_cpu_avx512 ctx_tests
#   test/native-ops/emulate_avx512.sh KERNEL.deb [PROGRAM…]  # default: ctx_test_ops
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,9p' "$0"; exit 2; }
kernel=$(realpath "$1")
shift
programs=("${@:-ctx_test_ops}")
build=$(cd "$(dirname "$0")/../../native/build" && pwd)
work=$(mktemp -d)
trap '[ -z "$emulator" ] || kill -- -$emulator 2>/dev/null || true; rm -rf "$work"' EXIT
emulator=

mkdir -p "$work"/root/{bin,lib64,lib/x86_64-linux-gnu,dev,proc,ctx} "$work/iso/isolinux"
cp /bin/busybox "$work/root/bin/"
for name in sh mount echo sleep; do ln -s busybox "$work/root/bin/$name"; done
cp -L /lib64/ld-linux-x86-64.so.2 "$work/root/lib64/"
cp "$build/libctx_cpu_avx512.so" "$work/root/ctx/"
for program in "${programs[@]}"; do cp "$build/$program" "$work/root/ctx/"; done
ldd "$work"/root/ctx/* | awk '/=> \//{print $3}' | sort -u | while read -r library; do cp -L "$library" "$work/root/lib/x86_64-linux-gnu/"; done
cat >"$work/root/init" <<END
#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
cd /ctx
for program in ${programs[*]}; do ./\$program ./libctx_cpu_avx512.so; echo "\$program: status \$?"; done
echo finished
sleep 1000000
END
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/iso/initrd.gz"
dpkg-deb -x "$kernel" "$work/kernel"
cp "$work"/kernel/boot/vmlinuz-* "$work/iso/vmlinuz"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/isolinux/"
# Without xsavec and xsaves: Bochs 2.7 reports sizes for them that Linux refuses, and with them all of AVX.
cat >"$work/iso/isolinux/isolinux.cfg" <<'END'
DEFAULT linux
LABEL linux
 KERNEL /vmlinuz
 APPEND initrd=/initrd.gz console=ttyS0 mitigations=off tsc=reliable no_timer_check loglevel=4 clearcpuid=321,323 nopku
END
genisoimage -quiet -o "$work/boot.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso"
cat >"$work/bochsrc" <<END
cpu: model=corei7_skylake_x, count=1, ips=200000000
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial.txt
display_library: term
log: $work/bochs.log
END
# `script` gives Bochs the terminal that it insists on; `c` leaves its debugger's prompt.
mkfifo "$work/keys"
exec 3<>"$work/keys"
TERM=xterm setsid script -qfc "bochs -q -f $work/bochsrc" "$work/screen.txt" >/dev/null 2>&1 <"$work/keys" &
emulator=$!
sleep 2
echo c >&3
until grep -q '^finished' "$work/serial.txt" 2>/dev/null; do
  kill -0 $emulator 2>/dev/null || { tail -n 20 "$work/bochs.log" "$work/serial.txt"; exit 1; }
  sleep 2
done
sed 's/\r$//' "$work/serial.txt"
! grep -q 'status [^0]' "$work/serial.txt"
