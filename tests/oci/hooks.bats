#!/usr/bin/env bats
# Hooks: what they get, how long they may take, and what becomes of the container when they fail.
# tests/oci/lifecycle.bats has their order and their namespaces.

# shellcheck disable=SC2016 # the scripts in quotes are for the shells of hooks
# shellcheck disable=SC2154,SC2317 # bats sets stderr and calls functions

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/bundle

kinds="prestart createRuntime createContainer startContainer poststart poststop"

setup() {
    b=$BATS_TEST_TMPDIR/b
    cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
    oci_end
    [ ! -e pids ] || xargs kill -KILL <pids 2>/dev/null || true
}

# hooks KIND SCRIPT [FIELDS]: a filter that adds a hook of the shell; the one of the container is in its root.
hooks() {
    jq -nr --arg kind "$1" --arg script "$2" --arg more "${3:-}" '
        ".hooks[\($kind | tojson)] += [{path: \(if $kind == "startContainer" then "/bin/sh" else "/bin/bash" end | tojson),
            args: [\"sh\", \"-c\", \($script | tojson)]} + {\($more)}]"'
}

# create, start, and delete where it was made: prints what that says.
live() {
    if oci create -b "$b" one 3>&-; then
        oci start one 3>&- || true
        oci delete --force one 3>&-
    fi
}

left_nothing() {
    [ "$(oci list -q)" = "" ] && [ "$(ls -A "$(oci_root)")" = "" ]
}

@test "a hook has the environment that it was given, and nothing else" {
    for kind in $kinds; do
        bundle_make "$b" "$(bundle_args true)" "$(hooks "$kind" \
            'while IFS= read -r -d "" line; do echo "$line"; done </proc/self/environ >"$OUT"' 'env: ["OUT=/tmp/out", "A=b c"]')"
        case $kind in
        startContainer)
            # what executes its last command without a fork has another environment by then
            bundle_edit "$b" '.hooks.startContainer[0].args[2] =
                "tr \"\\\\0\" \"\\\\n\" </proc/self/environ >/home/out; true"'
            OUT=$b/rootfs/home/out
            ;;
        *)
            bundle_edit "$b" ".hooks[\"$kind\"][0].env[0] = \"OUT=$PWD/out\""
            OUT=$PWD/out
            ;;
        esac
        live
        [ "$(grep -v '^$' "$OUT" | grep -vE '^(PWD|SHLVL|_)=' | cut -d= -f1 | sort)" = $'A\nOUT' ] || {
            echo "$kind:"
            cat "$OUT"
            return 1
        }
        grep -qx 'A=b c' "$OUT"
        rm "$OUT"
    done
}

@test "a hook has three descriptors, and what it prints is nobody's" {
    for kind in $kinds; do
        bundle_make "$b" "$(bundle_args echo mine)"
        if [ "$kind" = startContainer ]; then
            bundle_edit "$b" "$(hooks "$kind" 'ls /proc/self/fd >/home/fds; echo "$$ $(readlink /proc/self/fd/1)"; echo loud >&2')"
        else
            bundle_edit "$b" "$(hooks "$kind" "ls /proc/self/fd >$PWD/fds; echo said; echo loud >&2")"
        fi
        exec 5</dev/null
        run -0 --separate-stderr oci run -b "$b" --preserve-fds 3 one
        exec 5<&-
        [ "$output" = mine ]
        [ "$stderr" = "" ]
        [ "$kind" != startContainer ] || mv "$b/rootfs/home/fds" fds
        # ls has the one of the directory as well
        [ "$(wc -l <fds)" = 4 ] || {
            echo "$kind: $(cat fds)"
            return 1
        }
        rm fds
    done
}

@test "a hook that does not read its input is no error, however long that is" {
    bundle_make "$b" "$(bundle_args echo "done")"
    python3 -c 'import json, sys
config = json.load(open(sys.argv[1]))
config["annotations"] = {"n%d" % i: "x" * 1000 for i in range(int(sys.argv[2]))}
json.dump(config, open(sys.argv[1], "w"))' "$b/config.json" 1500
    for kind in $kinds; do
        bundle_edit "$b" "$(hooks "$kind" 'exec <&-; exit 0')"
        bundle_edit "$b" "$(hooks "$kind" 'exit 0')"
    done
    run -0 --separate-stderr oci run -b "$b" one
    [ "$output$stderr" = "done" ]
    bundle_edit "$b" '.hooks = {}'
    bundle_edit "$b" "$(hooks createRuntime "cat >$PWD/state")"
    oci run -b "$b" one
    jq -e '(.annotations | length == 1500) and (.status | startswith("creat")) and .pid > 0' state
}

@test "a hook that fails says why, and nothing is left" {
    for kind in prestart createRuntime createContainer startContainer; do
        bundle_make "$b" "$(bundle_args sh -c 'echo ran >/home/ran')" \
            "$(hooks "$kind" 'echo first; echo "no such luck" >&2; exit 3')" \
            "$(hooks "$kind" "echo second >$PWD/second")" "$(hooks poststop "echo stopped >>$PWD/stopped")"
        run --separate-stderr live
        [ "$stderr" = "kelp-oci: hook ${kind}[0] '$(jq -r ".hooks.${kind}[0].path" "$b/config.json")': exited with status 3: no such luck" ] || {
            echo "$kind: $stderr"
            return 1
        }
        [ ! -e second ]
        [ ! -e "$b/rootfs/home/ran" ]
        left_nothing
    done
}

@test "a hook that cannot be executed, or is killed" {
    for kind in prestart createRuntime createContainer startContainer; do
        bundle_make "$b" ".hooks = {$kind: [{path: \"/nonexistent/hook\"}]}"
        run --separate-stderr live
        [[ $stderr == "kelp-oci: hook ${kind}[0] '/nonexistent/hook': cannot be executed: No such file or directory" ]]
        left_nothing
        bundle_make "$b" "$(hooks "$kind" 'kill -SEGV $$')"
        run --separate-stderr live
        [[ $stderr == "kelp-oci: hook ${kind}[0] "*": was ended by signal 11" ]]
        left_nothing
    done
}

# Whether none of the processes in "pids" runs: a zombie may be there until somebody reaps it.
all_gone() {
    local pid

    while read -r pid; do
        ! grep -qs '^State:.[RSDT]' "/proc/$pid/status" || return 1
    done <pids
}

@test "a timeout ends a hook and all that it has started" {
    for kind in prestart createRuntime createContainer poststart poststop; do
        rm -f pids
        # pids of a container's namespace are not those that this test sees
        bundle_make "$b" "$(bundle_args sleep 1000)" "$(hooks "$kind" "
            sleep 1001 & setsid sleep 1002 & (sleep 1003 & exec sleep 1004) & set -m; sleep 1005 & exec sleep 1006" 'timeout: 1')" \
            ".hooks[\"$kind\"][0].args[2] |= gsub(\"sleep 10\"; \"sleep $$\")"
        SECONDS=0
        run --separate-stderr live
        [[ $stderr == *"hook ${kind}[0] '/bin/bash': was killed at its timeout of 1 s"* ]] || {
            echo "$kind: $stderr"
            return 1
        }
        [ "$SECONDS" -lt $((20 * KELP_TEST_SLOW)) ]
        nobody() { ! pgrep -f "^sleep $$0" >/dev/null; }
        wait_for nobody
        left_nothing
    done
}

@test "a timeout ends a hook inside, too" {
    bundle_make "$b" "$(bundle_args true)" "$(hooks startContainer 'sleep 1001 & exec sleep 1002' 'timeout: 1')"
    run --separate-stderr live
    [ "$stderr" = "kelp-oci: hook startContainer[0] '/bin/sh': was killed at its timeout of 1 s" ]
    left_nothing
}

@test "what a hook leaves behind is not waited for" {
    bundle_make "$b" "$(bundle_args true)"
    for kind in prestart createRuntime poststart poststop; do
        bundle_edit "$b" "$(hooks "$kind" "sleep 100 & echo \$! >>$PWD/pids")"
    done
    SECONDS=0
    live
    [ "$SECONDS" -lt $((50 * KELP_TEST_SLOW)) ]
    [ "$(wc -l <pids)" = 4 ]
    while read -r pid; do
        kill -0 "$pid"
    done <pids
}

@test "poststop: one that fails is said, and the others and the removal go on" {
    bundle_make "$b" "$(bundle_args true)" "$(hooks poststop 'exit 4')" \
        "$(hooks poststop "cat >$PWD/state")" '.hooks.poststop += [{path: "/nonexistent"}]'
    oci create -b "$b" one
    oci start one
    wait_for has_status one stopped
    run -0 --separate-stderr oci --log log --log-format json delete one
    [ "$(jq -r '.level + ": " + .msg' log)" = "warning: hook poststop[0] '/bin/bash': exited with status 4, ignoring
warning: hook poststop[2] '/nonexistent': cannot be executed: No such file or directory, ignoring" ]
    jq -e '.id == "one" and .status == "stopped"' state
    left_nothing
}

@test "poststop: also of a container that was only created, or is deleted by force" {
    bundle_make "$b" "$(bundle_args sleep 1000)" "$(hooks poststop "echo stopped >>$PWD/stopped")"
    oci create -b "$b" one
    oci delete one
    [ "$(cat stopped)" = stopped ]
    oci create -b "$b" one
    oci start one
    oci delete --force one
    [ "$(wc -l <stopped)" = 2 ]
    bundle_edit "$b" '.process.args = ["true"]'
    oci run -b "$b" one
    [ "$(wc -l <stopped)" = 3 ]
    # the config that counts is the one of create
    oci create -b "$b" one
    echo damaged >"$b/config.json"
    oci delete one
    [ "$(wc -l <stopped)" = 4 ]
}

@test "a hook may ask for the state of its container" {
    bundle_make "$b" "$(bundle_args true)" "$(hooks createRuntime "$KELP_OCI --root $(oci_root) state one | jq -r .status >$PWD/said")" \
        "$(hooks poststart "$KELP_OCI --root $(oci_root) state one | jq -r .id >>$PWD/said")"
    run -0 live
    [ "$(cat said)" = $'creating\none' ]
}
