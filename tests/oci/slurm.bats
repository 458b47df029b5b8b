#!/usr/bin/env bats
# srun --container with kelp-oci: a cluster of one node, of Debian's slurm-wlm and munge, in namespaces of
# the suite's own, with the oci.conf of kelp-oci-slurm(7).

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/engine

setup_file() {
    world_open -n
    inside bash -euc "$world_rootfs"
    inside env oci_conf="$KELP_SRC/helpers/oci/oci.conf" bash -euc "$world_cluster"
    make_bundle
    start_cluster
}

teardown_file() {
    world_close
}

setup() {
    [ -z "$why_not" ] || skip "$why_not"
}

teardown() {
    [ -n "${BATS_TEST_COMPLETED:-}" ] || inside tail -n 8 slurm/slurmd.log
}

# An address that is not loopback's: without one glibc finds no address of "localhost" for Slurm.  The
# processes of a job are known from /proc, as there is no cgroup to be had; cgroup/v1 is loaded and does
# nothing, while a choice by itself is one that refuses this machine's mounts.
world_cluster='
mount -t tmpfs -o mode=0755 none /run
ip link set lo up
ip addr add 10.7.7.1/32 dev lo
mkdir -p slurm/state slurm/spool
head -c 1024 /dev/urandom >slurm/munge.key
chmod 0400 slurm/munge.key
cat >slurm/slurm.conf <<END
ClusterName=kelp
SlurmctldHost=localhost
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$world/slurm/munge.socket
CredType=cred/munge
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SchedulerType=sched/builtin
ReturnToService=2
KillWait=2
SlurmctldPidFile=$world/slurm/slurmctld.pid
SlurmdPidFile=$world/slurm/slurmd.pid
SlurmdSpoolDir=$world/slurm/spool
StateSaveLocation=$world/slurm/state
SlurmctldLogFile=$world/slurm/slurmctld.log
SlurmdLogFile=$world/slurm/slurmd.log
NodeName=localhost CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
END
echo CgroupPlugin=cgroup/v1 >slurm/cgroup.conf
sed "s:/usr/bin/kelp-oci:$KELP_OCI:; s:/run/user/%U:$XDG_RUNTIME_DIR:" "$oci_conf" >slurm/oci.conf
mkdir bundle
mv root bundle/rootfs'

# What `kelp-oci spec` would write if there were one: no user namespace, as Slurm's user is root of one.
make_bundle() {
    inside sh -c 'cat >bundle/config.json' <<'END'
{
  "ociVersion": "1.0.2",
  "process": {
    "user": { "uid": 0, "gid": 0 }, "args": [ "/bin/sh", "-c", "echo of the bundle" ],
    "env": [ "PATH=/bin", "HOME=/root" ], "cwd": "/", "noNewPrivileges": true,
    "capabilities": { "bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": [] }
  },
  "root": { "path": "rootfs" },
  "hostname": "job",
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": [ "nosuid", "mode=755", "size=65536k" ] },
    { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
      "options": [ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" ] }
  ],
  "linux": {
    "namespaces": [ { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" } ],
    "maskedPaths": [ "/proc/kcore", "/proc/keys" ], "readonlyPaths": [ "/proc/sys" ]
  }
}
END
}

# Leaves in $why_not why this machine's Slurm knows no containers.
start_cluster() {
    export why_not=
    slurm munged --key-file "$world/slurm/munge.key" -S "$world/slurm/munge.socket" --pid-file "$world/slurm/munge.pid" \
        --log-file "$world/slurm/munge.log" --seed-file "$world/slurm/seed" --force >/dev/null 2>&1 3>&- 4>&-
    slurm slurmctld 3>&- 4>&-
    slurm slurmd -N localhost 3>&- 4>&-
    wait_for idle || {
        inside tail -n 8 slurm/slurmd.log
        return 1
    }
    slurm srun --help | grep -q -- --container || why_not="the machine lacks a Slurm that has srun --container"
}

idle() {
    [ "$(slurm sinfo -h -o %T 2>/dev/null)" = idle ]
}

slurm() {
    inside env SLURM_CONF="$world/slurm/slurm.conf" timeout "$((60 * KELP_TEST_SLOW))" "$@"
}

# A job in the container of the bundle.
in_job() {
    slurm srun --quiet --immediate=20 --container="$world/bundle" "$@"
}

@test "srun --container: streams, status, and the container's own root" {
    run -3 --separate-stderr in_job sh -c 'cat; echo wrong >&2; hostname; ls -d /bin/busybox; exit 3' <<<in
    [ "$output" = $'in\njob\n/bin/busybox' ]
    [[ $stderr == *wrong* ]]
    # the job's own environment is what comes in
    run -0 in_job sh -c 'echo $SLURM_JOB_NUM_NODES $$; grep -c . /proc/self/uid_map; grep NoNewPrivs /proc/self/status'
    [ "${lines[2]}" = $'NoNewPrivs:\t1' ]
    [[ ${lines[0]} == "1 "* ]]
}

@test "srun --container: what cannot be executed is told" {
    run in_job /no/such
    [ "$status" != 0 ]
    [[ $output == *"/no/such"*[Nn]"o such file or directory"* ]]
    run slurm srun --quiet --container="$world/no-bundle" true
    [ "$status" != 0 ]
}

@test "srun --container: two steps at once" {
    run -0 slurm bash -c '
        for i in 1 2; do srun --quiet --container="$world/bundle" sh -c "echo $i; sleep 0.3; hostname" & done
        wait -n && wait -n'
    [ "$(sort <<<"$output" | tr "\n" " ")" = "1 2 job job " ]
}

@test "srun --container: on a terminal" {
    run -0 on_terminal "SLURM_CONF=$world/slurm/slurm.conf srun --quiet --pty --container=$world/bundle sh -c 'test -t 0 && echo a terminal'"
    [[ $output == *"a terminal"* ]]
}

@test "srun --container: a job that is cancelled ends, and its container" {
    in_job --job-name long sh -c 'echo begun; exec sleep 4711' >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    wait_for grep -q begun "$BATS_TEST_TMPDIR/out"
    slurm scancel --name long
    wait || true
    wait_for_not inside pgrep -f 'sleep 4711' >/dev/null
    wait_for idle
}

@test "sbatch --container: a script" {
    inside sh -c 'printf "#!/bin/sh\necho \"of \$(hostname)\" >/tmp/result\n" >script; chmod 0755 script'
    slurm sbatch -W --quiet --output "$world/batch.out" --container="$world/bundle" "$world/script"
    run -0 inside cat bundle/rootfs/tmp/result
    [ "$output" = "of job" ]
}

@test "nothing is left of containers that are gone" {
    wait_for idle
    wait_for_not inside sh -c 'ls -A "$XDG_RUNTIME_DIR/kelp-oci-slurm" | grep .'
    run ! inside grep -F "$world/slurm/spool" /proc/mounts
}
