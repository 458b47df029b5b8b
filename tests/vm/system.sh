# shellcheck shell=bash
# shellcheck disable=SC2154 # $cache, $scratch, $fresh and $top are tests/vm/run's
# The system of the virtual machines: made by mmdebstrap as a normal user, packed into a disk without
# a mount.  kelp is built in it, so that it fits its libraries wherever this runs.

# What this machine needs for it, as in packages.sh.
vm_needs() {
    cat <<'LIST'
mmdebstrap mmdebstrap
qemu-system-x86_64 qemu-system-x86
mke2fs e2fsprogs
newuidmap uidmap
unshare util-linux
bwrap bubblewrap
git git
LIST
}

# What tests/run needs and no suite that runs in the machine does: the compilers of other languages,
# registries, shells, what checks the source.
vm_left_out='python3-dbus|python3-gi|golang-go|default-jdk-headless|nodejs|npm|docker-registry|apache2-utils|mmdebstrap|clang|clang-format|clang-tidy|cppcheck|shellcheck|bash-completion|zsh|fish|containerd|slurmctld|slurmd|slurm-client|munge'

vm_packages() {
    {
        printf '%s\n' systemd systemd-sysv dbus dbus-user-session libpam-systemd udev kmod sudo procps \
            apparmor \
            initramfs-tools linux-image-cloud-amd64 libisal-dev libcap2-bin
        test_needs | cut -d' ' -f2 | grep -vxE "$vm_left_out"
    } | sort -u
}

# Sets $vm_mirror and $vm_security: as the caller says, or as apt of this machine is set up.
vm_mirrors() {
    local targets

    targets=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null)
    vm_mirror=${KELP_VM_MIRROR:-$(awk '/ Debian Debian$/ { print $1; exit }' <<<"$targets")}
    vm_security=${KELP_VM_SECURITY:-$(awk '/ Debian Debian-Security$/ { print $1; exit }' <<<"$targets")}
}

# One release with two kernels: its own, and that of the next one, built for it.
vm_release=bookworm

vm_sources() {
    vm_mirrors
    [ -n "$vm_mirror" ] || {
        echo "no mirror of Debian is known; KELP_VM_MIRROR names one" >&2
        return 1
    }
    echo "deb $vm_mirror $vm_release main"
    [ -z "$vm_security" ] || echo "deb $vm_security $vm_release-security main"
    echo "deb $vm_mirror $vm_release-backports main"
}

# What makes the system what it is, beside its packages; $1 is its root.
vm_customize() {
    cat <<'SCRIPT'
set -e
chroot "$1" apt-get install -y -t "$2-backports" linux-image-cloud-amd64
chroot "$1" useradd --create-home --shell /bin/bash kelp
echo 'kelp ALL=(ALL) NOPASSWD: ALL' >"$1/etc/sudoers.d/kelp"
echo kelp-vm >"$1/etc/hostname"
echo '127.0.0.1 localhost kelp-vm' >"$1/etc/hosts"
# no server answers there; a machine that has none would be a special case
echo 'nameserver 127.0.0.1' >"$1/etc/resolv.conf"
rm -rf "$1"/etc/systemd/system/timers.target.wants
cat >"$1/etc/systemd/system/kelp-vm.service" <<'UNIT'
[Unit]
Description=What the machine was started for
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'tar -xpf /dev/vdb -C /home/kelp && exec bash /home/kelp/src/tests/vm/guest.sh'
ExecStopPost=/bin/systemctl --no-block poweroff

[Install]
WantedBy=graphical.target
UNIT
chroot "$1" systemctl enable kelp-vm.service
chroot "$1" systemctl set-default graphical.target
SCRIPT
}

# Runs a command as root of a user namespace in which subordinate ids stand for all others.
as_fake_root() {
    unshare --user --map-auto --map-root-user -- "$@"
}

vm_bootstrap() {
    local sources

    sources=$(vm_sources) || return 1
    vm_customize >"$scratch/customize"
    chmod 755 "$scratch" "$scratch/customize"
    mmdebstrap --mode=unshare --variant=minbase --include="$(vm_packages | paste -sd,)" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook="sh '$scratch/customize' \"\$1\" $vm_release" \
        "$vm_release" "$cache/system.tar" - <<<"$sources"
}

# The root as a tree, for the build, and as a disk with room for what the tests write.
vm_unpack() {
    # shellcheck disable=SC2016 # for the inner shell
    as_fake_root sh -euc '
        rm -rf "$1/root"
        mkdir -m 755 "$1/root"
        tar -xpf "$1/system.tar" -C "$1/root" --exclude="./dev/*"
        cp "$1"/root/boot/vmlinuz-* "$1"/root/boot/initrd.img-* "$1/"
        PATH=$PATH:/usr/sbin:/sbin
        truncate -s 8G "$1/system.ext4"
        mke2fs -q -F -t ext4 -d "$1/root" "$1/system.ext4"' sh "$cache"
}

vm_recipe() {
    vm_packages
    vm_sources
    declare -f vm_customize vm_bootstrap vm_unpack
}

vm_system() {
    local recipe

    recipe=$(vm_recipe | sha256sum) || return 1
    [ -n "$fresh" ] || [ "$(cat "$cache/recipe" 2>/dev/null)" != "$recipe" ] || return 0
    rm -f "$cache/recipe" "$cache"/vmlinuz-* "$cache"/initrd.img-*
    { vm_bootstrap && vm_unpack; } >"$cache/system.log" 2>&1 </dev/null || return 1
    rm -f "$cache/system.tar"
    echo "$recipe" >"$cache/recipe"
}

vm_kernels() {
    local image

    for image in "$cache"/vmlinuz-*; do
        echo "${image#*/vmlinuz-}"
    done | sort -V
}

# In the system, at the path that it has in the machine.  The build directory is kept.
vm_build() {
    mkdir -p "$scratch/home" "$cache/build" || return 1
    (
        dir=$scratch/home
        mkdir -p "$dir/src" && tree_files "$top" | tar -C "$top" --null -T - -cf - | tar -C "$dir/src" -xf -
    ) || return 1
    bwrap --unshare-all --die-with-parent --ro-bind "$cache/root" / --dev /dev --proc /proc --tmpfs /tmp \
        --tmpfs /home --ro-bind "$scratch/home/src" /home/kelp/src --bind "$cache/build" /home/kelp/build \
        --clearenv --setenv PATH /usr/bin:/bin --setenv HOME /tmp --setenv LANG C.UTF-8 \
        sh -euc 'cd /home/kelp; [ -f build/build.ninja ] || meson setup build src; exec ninja -C build' \
        >"$cache/build.log" 2>&1 </dev/null
}

# Source and build are a disk that is a tar file; what only a linker reads stays here.
vm_pack() {
    tar -cf "$scratch/home.tar" --owner=kelp:1000 --group=kelp:1000 --exclude='build/*.[ao]' -C "$scratch/home" . \
        -C "$cache" build
}
