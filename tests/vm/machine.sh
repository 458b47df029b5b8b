# shellcheck shell=bash
# shellcheck disable=SC2154 # $cache and $scratch are tests/vm/run's
# One virtual machine: it boots, says what it has to say on a port of its own, and powers off.  Its
# monitor takes "stop" and "cont", between which no time passes in it.

vm_memory=4G

# vm_run VERSION ACCELERATOR: the report is on stdout, the console in a file.
vm_run() {
    local version=$1 accel=$2 cpu=max append

    if [ "$accel" = tcg ]; then
        # it runs each processor in a thread of its own only when told
        accel=tcg,thread=multi
        # after cmpxchg16b, qemu 7.2 has something else for flags, of which Linux 6.12 crashes
        cpu=max,-cx16
    fi
    # nobody logs in, and what comes in is trusted
    append="root=/dev/vda rw console=ttyS0 panic=-1 quiet mitigations=off"
    append+=" systemd.mask=serial-getty@ttyS0.service"
    TMPDIR=$scratch timeout --foreground -k 10 "${KELP_VM_SECONDS:-7200}" \
        qemu-system-x86_64 -nodefaults -no-reboot -display none -nic none \
        -m "$vm_memory" -smp "$(nproc)" -accel "$accel" -cpu "$cpu" \
        -kernel "$cache/vmlinuz-$version" -initrd "$cache/initrd.img-$version" -append "$append" \
        -drive "file=$cache/system.ext4,format=raw,if=virtio,snapshot=on" \
        -drive "file=$scratch/home.tar,format=raw,if=virtio,readonly=on" \
        -serial "file:$scratch/console" -device virtio-rng-pci -device virtio-serial-pci \
        -monitor "unix:$scratch/monitor,server=on,wait=off" \
        -chardev file,id=report,path=/dev/stdout \
        -device virtserialport,chardev=report,name=kelp.report </dev/null
}

# Prints what to run machines with.  KVM may be there and not work, as inside of some machines that are
# virtual themselves: the kernel has to speak within a minute.
vm_accel() {
    local version=$1

    if [ ! -w /dev/kvm ]; then
        echo "no KVM for this user: emulating" >&2
        echo tcg
        return
    fi
    {
        timeout -k 5 60 qemu-system-x86_64 -nodefaults -no-reboot -display none -nic none -m 512M \
            -accel kvm -cpu max -kernel "$cache/vmlinuz-$version" -append "console=ttyS0 panic=-1" \
            -serial "file:$scratch/kvm"
    } </dev/null >"$scratch/kvm.log" 2>&1
    # without a root it panics, and so ends
    if grep -qs 'Kernel panic' "$scratch/kvm"; then
        echo kvm
    else
        echo "KVM is there and does not work: emulating" >&2
        echo tcg
    fi
}
