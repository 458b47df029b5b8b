#!/usr/bin/env bats
# What runs jobs of a CI: the custom executor for GitLab Runner, played by a runner as GitLab
# documents one, and ci-job.

# shellcheck disable=SC2016,SC2030,SC2031 # scripts for shells inside; each test is a subshell

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/boxes
load ../image/common

setup() {
    boxes_setup
    executor=$KELP_SRC/helpers/gitlab-runner
    export KELP_RUNNER_DIR=$BATS_TEST_TMPDIR/runner XDG_DATA_HOME=$BATS_TEST_TMPDIR/data
    # of the runner's process: for the executor, and for no job
    export RUNNER_SECRET=hush
    run_args=()
    script=$'echo "job $CI_JOB_ID in $PWD"'
    env=(CUSTOM_ENV_CI_JOB_ID=4711 CUSTOM_ENV_CI_PROJECT_ID=42 CUSTOM_ENV_CI_SERVER_HOST=evil.test
        BUILD_FAILURE_EXIT_CODE=21 SYSTEM_FAILURE_EXIT_CODE=22)
}

teardown() {
    boxes_teardown
    remove_owned "$BATS_TEST_TMPDIR/data" "$BATS_TEST_TMPDIR/runner"
}

call() {
    local name=$1

    shift
    env "${env[@]}" TMPDIR="$BATS_TEST_TMPDIR/tmp" "$executor/$name" "$@" 3>&-
}

# The script of a stage as the runner writes it: an outer one whose commands are in a quoted word.
write_stage() {
    local file=$1 quoted

    printf -v quoted %q "export CI_JOB_ID=4711 CI=true GIT_TERMINAL_PROMPT=0
mkdir -p $project
cd $project
$2
"
    printf '#!/usr/bin/env bash\n\nset -eo pipefail\nset +o noclobber\n: | (eval %s)\nexit 0\n' \
        "$quoted" >"$file"
    chmod 700 "$file"
}

# One job.  What the stages print goes to ../log; how it ended is "success", "build" or "system".
play() {
    local config stage stages status=0 result=success dir

    rm -rf "$BATS_TEST_TMPDIR/tmp"
    mkdir -p "$BATS_TEST_TMPDIR/tmp"
    : >../log
    config=$(call config) || return 1
    [ "$(jq -r .builds_dir_is_shared <<<"$config")" = false ]
    project=$(jq -r .builds_dir <<<"$config")/group/app
    cache=$(jq -r .cache_dir <<<"$config")
    call prepare >>../log 2>&1 || result=system
    stages=(prepare_script get_sources restore_cache download_artifacts step_script after_script
        archive_cache upload_artifacts_on_success cleanup_file_variables)
    for stage in "${stages[@]}"; do
        case $result:$stage in
        system:*) break ;;
        build:archive_cache) stage=archive_cache_on_failure ;;
        build:upload_artifacts_on_success) stage=upload_artifacts_on_failure ;;
        success:* | build:after_script | build:cleanup_file_variables) ;;
        *) continue ;;
        esac
        dir=$(mktemp -d "$BATS_TEST_TMPDIR/tmp/scriptXXXX")
        write_stage "$dir/script." "$(stage_text "$stage")"
        status=0
        call run "${run_args[@]}" "$dir/script." "$stage" >>../log 2>&1 || status=$?
        case $status in
        0) ;;
        21) result=build ;;
        22) result=system ;;
        *) result="status $status" ;;
        esac
        echo "$stage: $status" >>../stages
    done
    call cleanup >>../log 2>&1 || result="cleanup failed"
    echo "$result"
}

plays() {
    local result

    result=$(play)
    [ "$result" = "$1" ] || {
        cat ../log
        echo "$result, not $1"
        return 1
    }
}

stage_text() {
    case $1 in
    get_sources) echo 'git init -q . && git config user.name x && echo source >source' ;;
    step_script) echo "$script" ;;
    restore_cache) echo "ls $cache >../cached" ;;
    archive_cache | archive_cache_on_failure) echo "echo $1 >>$cache/kept" ;;
    *) echo "echo stage $1" ;;
    esac
}

@test "gitlab: a job goes through its stages in sandboxes, and leaves nothing" {
    plays success
    cat ../log ../stages
    grep -qx "job 4711 in $KELP_RUNNER_DIR/jobs/4711/builds/group/app" ../log
    grep -q '^Prepared a sandbox of kelp [0-9]' ../log
    [ "$(wc -l <../stages)" = 9 ]
    [ -z "$(ls -A "$KELP_RUNNER_DIR/jobs")" ]
    run -0 "$KELP" ps -aq
    [ -z "$output" ]
    # the next job of the project finds the cache
    [ "$(cat "$KELP_RUNNER_DIR/cache/42/kept")" = archive_cache ]
    script='cat ../cached source'
    plays success
    grep -qx kept ../log
    grep -qx source ../log
}

@test "gitlab: a job that fails is told from a sandbox that does" {
    script='exit 125'
    env+=(BUILD_EXIT_CODE_FILE="$BATS_TEST_TMPDIR/code")
    plays build
    [ "$(cat ../code)" = 125 ]
    [ "$(cat ../stages)" = "prepare_script: 0
get_sources: 0
restore_cache: 0
download_artifacts: 0
step_script: 21
after_script: 0
archive_cache_on_failure: 0
upload_artifacts_on_failure: 0
cleanup_file_variables: 0" ]
    run_args=(--network nosuch)
    plays system
    grep -q "unknown network mode 'nosuch'" ../log
    grep -q "the stage prepare_script did not run in its sandbox" ../log
    [ -z "$(ls -A "$KELP_RUNNER_DIR/jobs")" ]
}

@test "gitlab: the job's script reaches neither the runner, its cache, nor other jobs" {
    mkdir -p "$KELP_RUNNER_DIR/jobs/1/builds" ../home/.ssh
    echo other >"$KELP_RUNNER_DIR/jobs/1/builds/file"
    echo key >../home/.ssh/id
    script="
        ! env | grep hush || exit 31
        ! cat $KELP_RUNNER_DIR/jobs/1/builds/file || exit 32
        ! ls $KELP_RUNNER_DIR/cache || exit 33
        ! cat $BATS_TEST_TMPDIR/home/.ssh/id || exit 34
        ! grep . $KELP_RUNNER_DIR/jobs/4711/status || exit 35
        [ \"\$(tail -n +3 /proc/net/dev | grep -vc lo:)\" = 0 ] || exit 37
        ! echo x >>\"\$0\" || exit 38
        echo ALL-REFUSED"
    HOME=$BATS_TEST_TMPDIR/home
    plays success
    grep -qx ALL-REFUSED ../log
    # the control: without a sandbox each of these would be reached
    [ "$(cat "$KELP_RUNNER_DIR/jobs/1/builds/file" ../home/.ssh/id)" = $'other\nkey' ]
    [ -e "$KELP_RUNNER_DIR/cache/42/kept" ]
}

@test "gitlab: --server is for the runner's own stages, other options for all" {
    local dry=$BATS_TEST_TMPDIR/dry stage

    # a kelp that tells its words in place of running them
    printf '#!/bin/sh\nprintf "%%s " "$@" >"%s"\necho "{\\"event\\":\\"exited\\",\\"code\\":0,}" >&3\n' "$dry" >../fake
    chmod +x ../fake
    mkdir -p "$KELP_RUNNER_DIR/jobs/4711/builds" ../tmp
    touch ../tmp/script
    env+=(KELP="$BATS_TEST_TMPDIR/fake")
    for stage in get_sources restore_cache archive_cache upload_artifacts_on_failure build_script \
        step_script after_script prepare_script nobody_knows; do
        call run --server git.test:443 --allow pypi.test "$BATS_TEST_TMPDIR/tmp/script" "$stage"
        grep -q -e '--allow pypi.test' "$dry"
        case $stage in
        get_sources | restore_cache | archive_cache | upload*) grep -q -e '--allow git.test:443' "$dry" ;;
        *) run -1 grep -q git.test "$dry" ;;
        esac
        case $stage in
        *_cache) grep -q -e "--writable $KELP_RUNNER_DIR/cache/42 " "$dry" ;;
        *) run -1 grep -q -e "$KELP_RUNNER_DIR/cache" "$dry" ;;
        esac
        # nothing that the job may say opens anything
        run -1 grep -q evil.test "$dry"
    done
}

@test "gitlab: words of the job that are none are refused" {
    for word in CUSTOM_ENV_CI_JOB_ID=../../x CUSTOM_ENV_CI_JOB_ID= CUSTOM_ENV_CI_PROJECT_ID='1 2' \
        CUSTOM_ENV_CI_JOB_IMAGE=/etc CUSTOM_ENV_CI_JOB_IMAGE=./x CUSTOM_ENV_CI_JOB_IMAGE=--dry-run \
        CUSTOM_ENV_CI_JOB_IMAGE='a b' CUSTOM_ENV_CI_JOB_IMAGE='a$(id)' KELP_RUNNER_DIR='/a"b' KELP_RUNNER_DIR=x; do
        for name in config prepare cleanup; do
            status=0
            (env+=("$word") && call "$name") >../out 2>&1 || status=$?
            [ "$status" = 22 ] || {
                echo "$word: $name ended with $status"
                cat ../out
                false
            }
            [ "$(wc -l <../out)" = 1 ]
        done
    done
    [ ! -e "$KELP_RUNNER_DIR" ]
    # names that registries have
    for name in alpine alpine:3.19 registry.test:5000/a/b@sha256:"$(printf '%064d' 1)" ghcr.io/a/b:1; do
        (env+=(CUSTOM_ENV_CI_JOB_IMAGE="$name") && call config) | jq -e .builds_dir
    done
}

@test "gitlab: a runner that gives up ends the job, also when it kills" {
    local pid

    script='touch started; sleep 100'
    for signal in TERM KILL; do
        (play >../result) &
        await_file "$KELP_RUNNER_DIR/jobs/4711/builds/group/app/started"
        kelp=$("$KELP" ps --format json | jq -r '.[0].supervisor_pid')
        pid=$(ps -o ppid= -p "$kelp" | tr -d ' ')
        kill "-$signal" "$pid"
        wait $!
        gone "$kelp"
        [ -z "$(ls -A "$KELP_RUNNER_DIR/jobs")" ]
    done
    run -0 "$KELP" ps -aq
    [ -z "$output" ]
}

@test "gitlab: the list of sandboxes is read whole, or nothing is removed" {
    mkdir -p "$KELP_RUNNER_DIR/jobs/4711/builds"
    printf '#!/bin/sh\nexit 3\n' >../fake
    chmod +x ../fake
    env+=(KELP="$BATS_TEST_TMPDIR/fake")
    run -22 call cleanup
    [[ $output == *"cannot list the sandboxes"* ]]
    [ -d "$KELP_RUNNER_DIR/jobs/4711/builds" ]
    # the job's stands first, and much more behind it than a pipe takes
    cat >../fake <<EOF
#!/bin/sh
[ "\$1" = ps ] || exec touch "$BATS_TEST_TMPDIR/killed"
echo "ID NAME"
echo "1 gitlab-4711"
seq -f "%.0f other" 100000
EOF
    run -0 call cleanup
    [ -e "$BATS_TEST_TMPDIR/killed" ]
    [ ! -e "$KELP_RUNNER_DIR/jobs/4711" ]
}

@test "gitlab: a job in an image" {
    make_rootfs ../root
    tar -C ../root -cf - . | "$KELP" import - box
    # the image is there: there is no registry to ask
    printf '#!/bin/sh\n[ "$1" = pull ] || exec "%s" "$@"\n' "$KELP" >../fake
    chmod +x ../fake
    env+=(CUSTOM_ENV_CI_JOB_IMAGE=box KELP="$BATS_TEST_TMPDIR/fake")
    script='[ ! -e /usr/share ] && cat source && busybox id -u && echo made >made && mkdir -m 0 locked'
    plays success
    cat ../log
    grep -qx 0 ../log
    grep -qx source ../log
    [ -z "$(ls -A "$KELP_RUNNER_DIR/jobs")" ]
}

@test "ci-job: the command's status, and 75 where it never ran" {
    job=$KELP_SRC/helpers/ci/ci-job
    run -0 "$job" -- sh -c 'cat && touch made' <<<input
    [ "$output" = input ]
    [ -e made ]
    run -3 "$job" --report ../report -- sh -c 'exit 3'
    [ "$(jq -r .event ../report | tr '\n' ' ')" = "started exited " ]
    run -125 "$job" -- sh -c 'exit 125'
    run -1 "$job" -- sh -c 'exit 75'
    run -75 "$job" --report ../report -- no-such-command
    [ "$(jq -r .event ../report)" = setup-failed ]
    [ "${lines[-1]}" = "ci-job: the command did not run in its sandbox" ]
    run -75 "$job" --network nosuch -- true
    run -75 "$job" true
    run -75 "$job" --
    run -75 "$job" --report
    # a value with that letter is no option
    run -0 "$job" -ieNAMEd=x -- sh -c '[ "$NAMEd" = x ]'
    for option in -d -dit -itd --detach --status-fd --status-fd=5; do
        run -75 "$job" "$option" -- touch ran
        [ "${lines[-1]}" = "ci-job: '$option' is not for a job, whose end and status are waited for here" ]
    done
    [ ! -e ran ]
    run -124 "$job" --timeout 200ms -- sleep 100
}

@test "ci-job: no secrets and no network, in the checkout or an image" {
    job=$KELP_SRC/helpers/ci/ci-job
    run -0 env CI=true AWS_SECRET_ACCESS_KEY=hush "$job" -- sh -c '
        [ "$CI" = true ] && [ -z "$AWS_SECRET_ACCESS_KEY" ] && tail -n +3 /proc/net/dev'
    [[ $output == *lo:* && $output != *$'\n'* ]]
    make_rootfs ../root
    tar -C ../root -cf - . | "$KELP" import - box
    run -0 "$job" --image box -- sh -c 'pwd && busybox touch made'
    [ "$output" = "$PWD" ]
    [ -e made ]
}

@test "ci-job: a signal ends the command" {
    job=$KELP_SRC/helpers/ci/ci-job
    "$job" --report ../report -- sh -c 'touch started; exec sleep 100' 3>&- &
    await_file started
    kill -TERM $!
    status=0
    wait $! || status=$?
    [ "$status" = 143 ]
    [ "$(jq -r 'select(.event == "exited").signal' ../report)" = TERM ]
}
