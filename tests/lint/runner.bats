#!/usr/bin/env bats
# The runner counts right: what it prints is what a build machine believes.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/trace

setup() {
    # shellcheck source=tests/lib/jobs.sh
    . "$KELP_SRC/tests/lib/jobs.sh"
}

count() {
    tap_count "$1" /dev/stdin
}

@test "passed, failed and skipped" {
    run count '' <<<$'1..4\nok 1 a\nnot ok 2 b\n# why\nok 3 c # skip the machine lacks x\nok 4 d'
    [ "$output" = "2 1 1" ]
}

@test "in CI a skip without a feature that the machine lacks has failed" {
    run count true <<<$'1..2\nok 1 a # skip no time\nok 2 b # skip the machine lacks x'
    [ "$output" = "0 1 1" ]
}

@test "a test that was planned and never ran has failed" {
    run count '' <<<$'1..5\nok 1 a\nok 2 b'
    [ "$output" = "2 3 0" ]
}

@test "a file without a plan has failed" {
    run count '' <<<$'bash: syntax error'
    [ "$output" = "0 1 0" ]
    run count '' <<<$'ok 1 a'
    [ "$output" = "1 1 0" ]
}

@test "the sum of all files" {
    logs=$BATS_TEST_TMPDIR
    echo 3 1 0 >"$logs/a.count"
    echo 4 0 2 >"$logs/b.count"
    [ "$(jobs_total)" = "7 passed, 1 failed, 2 skipped" ]
}

@test "what the tests need is listed once" {
    # shellcheck source=tests/lib/packages.sh
    . "$KELP_SRC/tests/lib/packages.sh"
    run bash -c 'sort | uniq -d' <<<"$(test_needs)"$'\n'"$(test_wants)"
    [ "$output" = "" ]
    [ "$(test_needs | wc -l)" -gt 40 ]
}

@test "a call that a trace shows in two lines is one again, where it began" {
    cd "$BATS_TEST_TMPDIR" || return 1
    cat >trace <<'END'
1 execve("/bin/a", ["a"], 0x7 <unfinished ...>
2 flock(3, LOCK_SH)                      = 0
2 read(3,  <unfinished ...>
1 <... execve resumed>)                  = 0
2 <... read resumed>"x", 1)              = 1
END
    join_trace
    diff - trace <<'END'
1 execve("/bin/a", ["a"], 0x7) = 0
2 flock(3, LOCK_SH) = 0
2 read(3, "x", 1) = 1
END
}

@test "every suite is found, once; those that change a machine in a virtual one alone" {
    cd "$KELP_SRC"
    run ! grep '^vm/' <<<"$(job_list)"
    export KELP_TEST_VM=1
    job_list | sort >"$BATS_TEST_TMPDIR/jobs"
    find tests -name '*.bats' -o -name '*.tap' | sed 's:^tests/::; s:\.[a-z]*$::' | sort >"$BATS_TEST_TMPDIR/files"
    echo unit >>"$BATS_TEST_TMPDIR/files"
    grep -qx vm/refusals "$BATS_TEST_TMPDIR/files"
    diff <(sort "$BATS_TEST_TMPDIR/files") "$BATS_TEST_TMPDIR/jobs"
}

@test "every suite goes through the virtual machine, or is left out for a reason" {
    cd "$KELP_SRC"
    export KELP_TEST_VM=1
    diff <(job_list | sort) <(sed -nE 's/^(run|not) +([^ ]+).*/\2/p' tests/vm/suites | sort)
    run ! grep -vE '^(#.*|run [^ ]+|not [^ ]+ +[^ ].*|)$' tests/vm/suites
}

@test "a job is picked by a part of its name, or by the whole of it" {
    cd "$KELP_SRC"
    [ "$(job_select "=e2e/exec")" = e2e/exec ]
    [ "$(job_select e2e/launch)" = $'e2e/launch-order\ne2e/launch' ]
    [ "$(job_select "=e2e/laun")" = "" ]
    [ "$(job_select | sort)" = "$(job_list | sort)" ]
}

@test "in a trace a path from anywhere, or a process without walls, is seen" {
    cd "$BATS_TEST_TMPDIR" || return 1
    local walled=$'7 capset({}, {effective=1<<CAP_DAC_READ_SEARCH, permitted=1<<CAP_DAC_READ_SEARCH}) = 0
7 landlock_restrict_self(4, 0) = 0
7 seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=9}) = 0
7 openat(5, "upper", O_RDONLY) = 6'

    echo "$walled" >trace
    [ "$(find_tree_reader)" = 7 ]
    stays_in_open_directories 7 '"upper"'
    run ! stays_in_open_directories 8
    for call in 'openat(AT_FDCWD, "x", O_RDONLY) = 7' 'newfstatat(5, "/x", {}) = 0'; do
        printf '%s\n7 %s\n' "$walled" "$call" >trace
        run ! stays_in_open_directories 7
    done
    printf '7 openat(5, "upper", O_RDONLY) = 6\n%s\n' "$walled" >trace
    stays_in_open_directories 7
    run ! stays_in_open_directories 7 '"upper"'
    grep -v landlock <<<"$walled" >trace
    run ! find_tree_reader
    grep -v capset <<<"$walled" >trace
    run ! find_tree_reader
}
