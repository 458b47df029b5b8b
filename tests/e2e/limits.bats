#!/usr/bin/env bats
# Limits: what uses up memory, processes, disk, processors, descriptors or time is ended by its limit,
# and the end says which one it was.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/limits

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    # what has to be there at one time: where a start takes longer, it stays longer
    local nap=$((3 * KELP_TEST_SLOW))e-1
    three="sleep $nap & sleep $nap & sleep $nap & wait"
    # takes MIB of memory in each of N processes, and sleeps
    cat >take.py <<END
import ctypes, os, sys, time
mib, n, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
if "hidden" in how:
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
if "named" in how:
    ctypes.CDLL(None).prctl(15, b"a) R 1 1 1 1 1", 0, 0, 0)  # PR_SET_NAME, as if the name ended earlier
block = b"x" * (mib << 20) if "shared" in how else b""
for i in range(n):
    if os.fork() == 0:
        if not block:
            block = b"x" * (mib << 20)
        time.sleep(0.7 * $KELP_TEST_SLOW)
        os._exit(0)
for i in range(n):
    if os.wait()[1] != 0:
        sys.exit(1)
END
}

@test "memory: a hog is ended at once, and it is said why" {
    ends_with 137 memory -m 64m -- python3 -c 'x = []
while True: x.append(bytearray(b"1" * (1 << 20)))'
    [ "$(cat err)" = "kelp: the limit of 64 MiB of memory ended the run" ]
    [ "$(jq -r 'select(.event == "exited") | .signal' events)" = KILL ]
}

@test "memory: all processes count together, what they share once" {
    ends_with 0 exit -m 100m -- python3 take.py 40 1
    ends_with 137 memory -m 100m -- python3 take.py 40 3
    ends_with 0 exit -m 100m -- python3 take.py 40 6 shared
}

@test "memory: nobody hides from it" {
    ends_with 0 exit -m 64m -- python3 take.py 10 2 hidden
    ends_with 137 memory -m 64m -- python3 take.py 40 2 hidden
    ends_with 137 memory -m 64m -- python3 take.py 40 2 named
}

@test "memory: of a process whose first thread has ended, too" {
    cat >headless.c <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t mib;
static pthread_t first;

static void *take(void *arg)
{
        pthread_join(first, NULL);
        char *block = malloc(mib << 20);
        memset(block, 1, mib << 20);
        sleep(1);
        _exit(block[mib] == 0);
}

int main(int argc, char **argv)
{
        pthread_t other;

        mib = (size_t)atoi(argv[argc - 1]);
        first = pthread_self();
        pthread_create(&other, NULL, take, NULL);
        pthread_exit(NULL);
}
END
    cc -O1 -o headless headless.c -lpthread
    ends_with 0 exit -m 60m -- ./headless 20
    ends_with 137 memory -m 60m -- ./headless 150
}

@test "memory: files without content count" {
    local many='import itertools
for i in itertools.count(): open("/tmp/" + "f%d" % i, "w").close()'

    ends_with 137 memory -m 32m -- python3 -c "$many"
    ends_with 0 exit -m 32m -- python3 -c "${many/itertools.count()/range(5000)}"
}

@test "memory: files in memory count, and have no more room" {
    ends_with 137 memory -m 64m -- sh -c 'head -c 60m /dev/zero >/tmp/file; exec python3 take.py 1 20'
    run -0 "$KELP" run -m 64m -- sh -c 'df --output=size -B1 /tmp /dev/shm'
    [ "$(tail -n 2 <<<"$output" | tr -d ' ' | sort -u)" = 67108864 ]
    run -0 "$KELP" run -m 32m -- df --output=size -B1 /dev/shm
    [ "${lines[1]// /}" = 33554432 ]
}

@test "memory: without a limit there is none" {
    ends_with 0 exit -- python3 take.py 100 2
}

@test "processes: no more than so many, threads among them" {
    run -0 "$KELP" run --pids-limit 4 -- sh -c "$three"
    run ! "$KELP" run --pids-limit 3 -- sh -c "$three"
    [[ $output == *"annot fork"* ]]
    run -1 "$KELP" run --pids-limit 3 -- python3 -c 'import threading, time
for i in range(3): threading.Thread(target=time.sleep, args=(1,)).start()'
    [[ $output == *"can't start new thread"* ]]
    # one is enough for what starts nobody
    run -0 "$KELP" run --pids-limit 1 -- echo alone
    [ "$output" = alone ]
}

@test "processes: only those of the sandbox count, and it cannot raise its limit" {
    for _ in 1 2 3 4 5 6; do sleep $((3 * KELP_TEST_SLOW)) & done
    run -0 "$KELP" run --pids-limit 2 -- sh -c 'sleep 0 & wait'
    run ! "$KELP" run --pids-limit 2 -- bash -c 'ulimit -Hu 100 && (: & : & : & wait)'
    run ! "$KELP" run --pids-limit 2 -- python3 -c 'import resource as r; r.setrlimit(r.RLIMIT_NPROC, (100, 100))
import os
for i in range(9): os.fork()'
    wait
}

@test "processes: what does nothing but fork is ended" {
    local start=$EPOCHSECONDS

    ends_with 137 pids --pids-limit 20 -- python3 -c 'import os
while True:
    try: os.fork()
    except OSError: pass'
    [ "$(cat err)" = "kelp: the limit of 20 processes ended the run" ]
    [ $((EPOCHSECONDS - start)) -lt $((30 * KELP_TEST_SLOW)) ]
}

@test "what enters later is limited with the others" {
    local supervisor

    "$KELP" run --name limited -m 64m --pids-limit 4 --status-fd 4 -- sleep 100 4>events &
    supervisor=$!
    until "$KELP" exec limited true 2>/dev/null; do sleep 0.1; done
    run ! "$KELP" exec limited sh -c 'sleep 5 & sleep 5 & sleep 5 & sleep 5 & wait'
    [[ $output == *"annot fork"* ]]
    # what was there before may count for a moment, and refuse it a process
    while kill -0 "$supervisor" 2>/dev/null; do
        run ! "$KELP" exec limited python3 take.py 100 1
    done
    wait
    [ "$(jq -r 'select(.event == "exited") | .reason' events)" = memory ]
}

@test "into a sandbox that stands at its limit nothing enters, and it goes on" {
    "$KELP" run --name full --pids-limit 4 -- \
        sh -c 'sleep 100 & sleep 100 & sleep 100 & echo full; wait' >out 2>&1 3>&- &
    # what ends before has not filled it, and says so there
    until grep -q . out; do sleep 0.1; done
    [ "$(cat out)" = full ]
    run -125 "$KELP" exec full touch entered
    [[ $output == "kelp: cannot start the command: Resource temporarily unavailable"* ]]
    [[ $output == *"the sandbox may have 4 processes at a time"* ]]
    [ ! -e entered ]
    run -0 "$KELP" inspect full
    [ "$(jq -r '.[].state' <<<"$output")" = running ]
    "$KELP" stop -t 0 full
    wait
}

@test "a disk filler, a writer of large files, a burner and a hog of descriptors" {
    run -1 "$KELP" run --tmpfs /mnt:size=1m -- sh -c 'head -c 2m /dev/zero >/mnt/file'
    [[ $output == *"No space left on device"* ]]
    run -153 "$KELP" run --ulimit fsize=1000 -- sh -c 'ulimit -c 0; exec head -c 2000 /dev/zero >file'
    [ "$(stat -c %s file)" = 1000 ]
    run -152 "$KELP" run --ulimit cpu=1:2 -- sh -c 'while :; do :; done'
    run -1 "$KELP" run --ulimit nofile=20 -- python3 -c 'x = [open("/dev/null") for i in range(30)]'
    [[ $output == *"Too many open files"* ]]
}

@test "six hogs, each ended by its limit, and the machine answers meanwhile" {
    latency hogs
    cat latency
    [ "$(cat latency)" -lt $((2000 * KELP_TEST_SLOW)) ]
}

@test "what ignores SIGTERM is ended by the time limit all the same" {
    ends_with 124 timeout --timeout 200ms -- sh -c 'trap "" TERM; while :; do sleep 0.1; done'
    [ "$(cat err)" = "kelp: the time limit ended the run" ]
    # as what comes first is the reason, also when it then takes more memory than it may
    ends_with 124 timeout -m 64m --timeout 1s -- sh -c 'trap "" TERM; sleep 1.5; python3 take.py 100 1'
}

@test "limits of policies are the same, and a project's own only tighten" {
    mkdir project
    printf '[limits]\nmemory = 64m\nprocesses = 3\n' >mine.policy
    ends_with 137 memory --policy ./mine.policy -- python3 take.py 90 1
    run ! "$KELP" run --policy ./mine.policy -- sh -c "$three"
    # an option comes later
    ends_with 0 exit --policy ./mine.policy -m 1g -- python3 take.py 90 1
    for line in 'memory = 65m' 'memory = unlimited' 'processes = 4' 'processes = -1'; do
        printf '[limits]\n%s\n' "$line" >project/.kelp.policy
        run -125 sh -c 'cd project && exec "$KELP" run --policy ../mine.policy -- true'
        [[ $output == *"would loosen"* ]]
    done
    printf '[limits]\nmemory = 32m\nprocesses = 2\n' >project/.kelp.policy
    run -0 sh -c 'cd project && exec "$KELP" run --policy ../mine.policy --dry-run -- true'
    [[ $output == *"memory        32m, "* ]]
    [[ $output == *"processes     2, "* ]]
}

@test "--dry-run says who enforces a limit" {
    run -0 "$KELP" run -m 1g --pids-limit 100 --dry-run -- true
    grep -qx 'memory        1g, by .*' <<<"$output"
    grep -qx 'processes     100, by .*' <<<"$output"
    run -0 "$KELP" run --dry-run -- true
    run ! grep -E '^(memory|processes|processors) ' <<<"$output"
}

@test "a limit that nothing here enforces is refused, or said with best effort" {
    # as where there is no cgroup at all; root's state in /tmp is not for who is root in a namespace alone
    mkdir -m 0700 run
    without() { XDG_RUNTIME_DIR=$PWD/run unshare -Urm sh -c 'mount -t tmpfs none /sys/fs/cgroup 2>/dev/null; exec "$@"' sh "$@"; }
    run -125 without "$KELP" run --cpus 1 -- touch made
    [[ ${lines[0]} == "kelp: a limit on processors needs a cgroup"* ]]
    [[ ${lines[1]} == "hint: "*"--limits best-effort"* ]]
    run -125 without "$KELP" run --cpus 1 --dry-run -- true
    [ ! -e made ]
    run -0 without "$KELP" run --cpus 1 --limits best-effort -- touch made
    [ "$output" = "kelp: nothing here enforces the limit on processors, ignoring" ]
    [ -e made ]
    run -0 without "$KELP" run --cpus 1.5 --limits best-effort --dry-run -- true
    [[ $output == *"processors    1.500, enforced by nothing here"* ]]
}
