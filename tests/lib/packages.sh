# shellcheck shell=bash
# What the tests need: "COMMAND-OR-FILE PACKAGE", one a line.  A name with a slash is a file, one
# that begins with "pc:" a pkg-config module, anything else a command.

test_needs() {
    cat <<'LIST'
gcc gcc
meson meson
ninja ninja-build
pkg-config pkg-config
/usr/include/stdio.h libc6-dev
pc:libcap libcap-dev
pc:libseccomp libseccomp-dev
pc:libarchive libarchive-dev
pc:jansson libjansson-dev
pc:libcrypto libssl-dev
pc:zlib zlib1g-dev
pc:liblzma liblzma-dev
pc:libzstd libzstd-dev
pc:inih libinih-dev
pc:libcurl libcurl4-openssl-dev
pc:libcares libc-ares-dev
pc:libsystemd libsystemd-dev
dbus-daemon dbus-daemon
/usr/lib/python3/dist-packages/dbus/__init__.py python3-dbus
/usr/lib/python3/dist-packages/gi/__init__.py python3-gi
pc:cmocka libcmocka-dev
scdoc scdoc
git git
bats bats
bwrap bubblewrap
strace strace
tmux tmux
script bsdutils
slirp4netns slirp4netns
newuidmap uidmap
ip iproute2
ps procps
systemd-analyze systemd
/usr/share/bash-completion/bash_completion bash-completion
zsh zsh
fish fish
jq jq
python3 python3
node nodejs
npm npm
busybox busybox-static
setpriv util-linux
setfattr attr
keyctl keyutils
xz xz-utils
zstd zstd
skopeo skopeo
docker-registry docker-registry
htpasswd apache2-utils
openssl openssl
wget wget
go golang-go
javac default-jdk-headless
ssh openssh-client
dropbear dropbear-bin
curl curl
readelf binutils
umoci umoci
buildah buildah
podman podman
conmon conmon
catatonit catatonit
containerd containerd
slurmctld slurmctld
slurmd slurmd
srun slurm-client
munged munge
mmdebstrap mmdebstrap
vim.tiny vim-tiny
less less
clang clang
clang-format clang-format
clang-tidy clang-tidy
cppcheck cppcheck
shellcheck shellcheck
LIST
}

# What makes kelp faster, and is not packaged for every machine.
test_wants() {
    cat <<'LIST'
pc:libisal libisal-dev
LIST
}

# Prints the packages of a list on stdin whose command, file or module is not here.
test_missing_packages() {
    local what package

    while read -r what package; do
        case $what in
        pc:*) pkg-config --exists "${what#pc:}" 2>/dev/null || echo "$package" ;;
        /*) [ -e "$what" ] || echo "$package" ;;
        *) PATH=$PATH:/usr/sbin:/sbin command -v "$what" >/dev/null || echo "$package" ;;
        esac
    done
}

# Prints those packages on stdin that apt has.
test_packages_in_apt() {
    local package

    while read -r package; do
        ! apt-cache show "$package" 2>/dev/null | grep . >/dev/null || echo "$package"
    done
}

test_apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"
}

# Installs what of a list on stdin is missing when started by root; else names it and fails.
test_install_missing() {
    local missing log

    missing=$(test_missing_packages | sort -u | tr '\n' ' ')
    if [ -n "$missing" ]; then
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
            echo "tests/run: missing packages: $missing" >&2
            echo "hint: apt-get install -y --no-install-recommends $missing" >&2
            return 1
        fi
        log=$(mktemp)
        echo "tests/run: installing $missing" >&2
        # shellcheck disable=SC2086 # a list of package names
        if ! { apt-get update -qq && test_apt_install $missing; } >"$log" 2>&1 </dev/null; then
            cat "$log" >&2
            rm -f "$log"
            echo "tests/run: apt-get failed" >&2
            return 1
        fi
        rm -f "$log"
    fi
}

# What apt has and cannot install is gone without, and said.
test_install_wanted() {
    local wanted

    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    wanted=$(test_wants | test_missing_packages | test_packages_in_apt | tr '\n' ' ')
    [ -n "$wanted" ] || return 0
    echo "tests/run: installing $wanted" >&2
    # shellcheck disable=SC2086 # a list of package names
    test_apt_install $wanted >/dev/null 2>&1 </dev/null || echo "tests/run: going on without $wanted" >&2
}
