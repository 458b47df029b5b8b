#!/usr/bin/env bash
# In the virtual machine, as root, when it has booted: runs the jobs as the user in a session of its own.
set -u

udevadm settle
exec >/dev/virtio-ports/kelp.report 2>&1

home=/home/kelp
uid=$(id -u kelp)
echo "booted in $(cut -d' ' -f1 /proc/uptime) s: $(uname -r), $(nproc) processors"

# what a workstation has loaded once somebody used it
modprobe -a tun overlay
chown kelp: "$home"
loginctl enable-linger kelp
systemctl start "user@$uid.service"

# as_user COMMAND...: in a unit of the user's own systemd, with a cgroup that is delegated to it
as_user() {
    runuser -u kelp -- env -i HOME=$home USER=kelp LOGNAME=kelp SHELL=/bin/bash LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR="/run/user/$uid" \
        KELP_TEST_VM=1 KELP_TEST_SLOW="$(cat $home/slow)" KELP_TEST_JOB_SECONDS=7200 CI=true \
        systemd-run --user --quiet --wait --pipe --collect --property=Delegate=yes \
        --property=WorkingDirectory=$home/src --setenv=KELP_TEST_VM --setenv=KELP_TEST_SLOW \
        --setenv=KELP_TEST_JOB_SECONDS \
        --setenv=CI --setenv=HOME --setenv=PATH --setenv=LANG --setenv=TERM -- "$@" </dev/null | cat
}

# some WIDTH JOB...: runs them, so many at a time
some() {
    local width=$1
    shift

    [ $# = 0 ] || {
        parts=$((parts + 1))
        as_user bash tests/run --built $home/build -j "$width" "${@/#/=}" | tee -a /tmp/report
    }
}

# This one changes the machine: it runs alone, and puts back what it changes.
parts=0
mapfile -t others < <(grep -vx vm/refusals $home/jobs)
mapfile -t alone < <(grep -x vm/refusals $home/jobs)
some 1 "${alone[@]}"
some "$(nproc)" "${others[@]}"
# a program that ends by a fault may do so beside what a test looks at
dmesg | grep -E ' traps: | segfault at ' | grep 'kelp'
# a part without a total is no end
awk -v parts="$parts" '
    /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { n++; p += $1; f += $3; s += $5 }
    END {
        printf "%d passed, %d failed, %d skipped\n", p, f, s
        if (n && n == parts) print "kelp-vm: done"
    }' /tmp/report
