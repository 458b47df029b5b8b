#!/usr/bin/env bats
# Where policies come from: what is built in, the user's own directory, files, the project.  Who can
# write one decides over the next run, so each is judged, and none can be written from inside.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    work=$BATS_TEST_TMPDIR/work
    XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
    XDG_DATA_HOME=$BATS_TEST_TMPDIR/data
    export XDG_CONFIG_HOME XDG_DATA_HOME
    own=$XDG_CONFIG_HOME/kelp
    mkdir -p "$work/sub" "$own" "$XDG_DATA_HOME"
    chmod 755 "$XDG_CONFIG_HOME" "$own"
    umask 022
    cd "$work"
}

# refused PATTERN ARGS...: `kelp run ARGS` ends with 125, and what it says matches the glob PATTERN.
refused() {
    local pattern=$1

    shift
    run -125 "$KELP" run "$@"
    # shellcheck disable=SC2053 # a pattern is meant
    [[ $output == $pattern ]] || { echo "$output" && return 1; }
}

@test "a policy of the user's own is found by its name, and adds to a built-in one" {
    printf '[environment]\nset = FROM=mine\n' >"$own/mine.policy"
    run -0 "$KELP" run --policy mine -- printenv FROM
    [ "$output" = mine ]
    run -1 "$KELP" run -- printenv FROM
    printf '[environment]\nset = FROM=all\n' >"$own/sandbox.policy"
    run -0 "$KELP" run -- printenv FROM
    [ "$output" = all ]
    run -0 "$KELP" run --policy mine -- printenv FROM
    [ "$output" = mine ]
    refused "kelp: unknown policy 'mime'"$'\n'"hint: did you mean 'mine'" --policy mime -- true
}

@test "several policies add up, and extend others beside them" {
    printf '[environment]\nset = A=1 B=1\n' >"$own/one.policy"
    printf '[policy]\nextends = one ./side.policy\n[environment]\nset = B=2\n' >"$own/two.policy"
    printf '[environment]\nset = C=3\n' >"$own/side.policy"
    run -0 "$KELP" run --policy two -- sh -c 'echo $A $B $C'
    [ "$output" = "1 2 3" ]
    run -0 "$KELP" run --policy two --policy one -- sh -c 'echo $A $B $C'
    [ "$output" = "1 2 3" ]
    printf '[policy]\nextends = two\n' >"$own/side.policy"
    refused "kelp: $own/side.policy:2: policy 'two' extends itself, by way of *" --policy two -- true
}

@test "the files of the machine, where they are, come between" {
    unshare -rm true 2>/dev/null || skip "the machine lacks user namespaces for the test itself"
    mkdir etc
    printf '[environment]\nset = A=etc B=etc\n' >etc/mine.policy
    printf '[environment]\nset = B=own\n' >"$own/mine.policy"
    run -0 unshare -rm sh -c 'mount -t tmpfs tmpfs /etc/kelp 2>/dev/null ||
        { mkdir -p up wd && mount -t overlay -o "lowerdir=/etc,upperdir=up,workdir=wd,userxattr" o /etc &&
          mkdir /etc/kelp; } &&
        cp etc/mine.policy /etc/kelp && exec "$0" run --policy mine -- sh -c "echo \$A \$B"' "$KELP"
    [ "$output" = "etc own" ]
}

@test "a policy that others can write is an error, and so is its directory" {
    printf '[limits]\ntime = 1h\n' >"$own/mine.policy"
    run -0 "$KELP" run --policy mine -- true
    chmod g+w "$own/mine.policy"
    refused "kelp: policy '$own/mine.policy' can be written by others"$'\n'"hint: *chmod go-w*" \
        --policy mine -- true
    chmod 646 "$own/mine.policy"
    refused "kelp: policy '*' can be written by others*" --policy mine -- true
    chmod 644 "$own/mine.policy"
    chmod 777 "$own"
    refused "kelp: directory '$own' can be written by others*" --policy mine -- true
    chmod 755 "$own"
    cp "$own/mine.policy" ./file.policy
    run -0 "$KELP" run --policy ./file.policy -- true
    chmod o+w file.policy
    refused "kelp: option '--policy': policy './file.policy' can be written by others*" \
        --policy ./file.policy -- true
    # it is there, so it counts: never passed over
    chmod 0 "$own/mine.policy"
    refused "kelp: cannot open '$own/mine.policy': Permission denied" --policy mine -- true
}

@test "a project's file tightens, here and above" {
    mkdir -p secret sub/deep
    echo key >secret/key
    run -0 "$KELP" run -- cat secret/key
    printf '[files]\nhidden = ./secret\n' >.kelp.policy
    run -1 "$KELP" run -- cat secret/key
    [[ $output == *"Permission denied"* ]]
    printf '[environment]\nset = A=1\n' >"$own/sandbox.policy"
    printf '[limits]\nopen-files = 64\n' >sub/.kelp.policy
    cd sub
    run -0 "$KELP" run --writable .. -- sh -c 'ulimit -n; cat ../secret/key || true'
    [[ ${lines[0]} == 64 && $output == *"Permission denied"* ]]
    # a program that is confined to a directory cannot end the project there
    cd deep && mkdir .git
    run -0 "$KELP" run -- sh -c 'ulimit -n'
    [ "$output" = 64 ]
}

@test "a project's file that would loosen, or is no plain file, is an error" {
    local line

    for line in '[files]\nreadable = /opt' '[files]\nwritable = ~' '[network]\nmode = host' \
        '[environment]\npass = SSH_AUTH_SOCK' '[policy]\nextends = sandbox' '[devices]\nallow = /dev/kvm'; do
        printf "$line\n" >.kelp.policy
        refused "kelp: $work/.kelp.policy:2: * would loosen: *"$'\n'"hint: *" -- true
    done
    rm .kelp.policy && ln -s /etc/passwd .kelp.policy
    refused "kelp: '$work/.kelp.policy' is a symlink"$'\n'"hint: *" -- true
    rm .kelp.policy && mkfifo .kelp.policy
    refused "kelp: '$work/.kelp.policy' is not a regular file" -- true
    rm .kelp.policy && head -c 70000 /dev/zero >.kelp.policy
    refused "kelp: '$work/.kelp.policy' is larger than 65536 bytes" -- true
    printf '[files]\n\0hidden = /x\n' >.kelp.policy
    refused "kelp: '$work/.kelp.policy' is no text: it holds a NUL byte" -- true
}

@test "no policy can be written from inside, wherever it is shown" {
    printf '[files]\n' >"$own/sandbox.policy"
    printf '[files]\n' >.kelp.policy
    printf '[files]\n' >mine.policy
    # the control: what lies beside them can be
    run "$KELP" run --policy ./mine.policy --writable "$XDG_CONFIG_HOME" -v "$XDG_CONFIG_HOME:/mnt/c" -- sh -c '
        echo x >"$0/beside" && echo x >beside && echo control
        echo x >>"$0/kelp/sandbox.policy" && echo bad1
        echo x >"$0/kelp/new.policy" && echo bad2
        mv "$0/kelp" "$0/away" && echo bad3
        echo x >>/mnt/c/kelp/sandbox.policy && echo bad4
        mv /mnt/c/kelp /mnt/c/away && echo bad5
        echo x >>.kelp.policy && echo bad6
        rm -f .kelp.policy && echo bad7
        echo x >>mine.policy && echo bad8
        mv mine.policy away.policy && echo bad9' "$XDG_CONFIG_HOME"
    [[ $output == control* && $output != *bad* ]] || { echo "$output" && return 1; }
    [ "$(cat "$own/sandbox.policy" .kelp.policy mine.policy | sort -u)" = "[files]" ]
}

@test "a directory of policies that a run makes is told of" {
    rm -r "$own"
    run -0 "$KELP" run --writable "$XDG_CONFIG_HOME" -- mkdir "$own"
    [[ $output == *"the sandbox made '$own'"* ]]
}

@test "every mistake in every policy is told at once" {
    printf '[files]\nreadble = /opt\n[limits]\ntime = never\n' >"$own/mine.policy"
    printf '[environment]\npas = X\n' >.kelp.policy
    run -125 "$KELP" run --policy mine --policy nowhere -- true
    [[ $output == *"unknown policy 'nowhere'"* ]]
    [[ $output == *"mine.policy:2: unknown key 'readble'"* ]]
    [[ $output == *"mine.policy:4: time: "* ]]
    [[ $output == *".kelp.policy:2: unknown key 'pas'"* ]]
}

@test "thousands of rules work, and what runs inside keeps its limits" {
    local n=3000

    mkdir many
    (cd many && seq $n | xargs mkdir)
    { echo '[files]' && seq -f "readable = $work/many/%.0f" $n; } >"$BATS_TEST_TMPDIR/shown.policy"
    { echo '[files]' && seq -f "hidden = $work/many/%.0f" $n; } >"$BATS_TEST_TMPDIR/hidden.policy"
    ulimit -Sn 1024
    mkdir "$BATS_TEST_TMPDIR/free" && cd "$BATS_TEST_TMPDIR/free"
    run -0 "$KELP" run --policy "$BATS_TEST_TMPDIR/shown.policy" -- sh -c "ulimit -Sn; ls $work/many | wc -l"
    [ "$output" = $'1024\n3000' ]
    cd "$work"
    run -0 "$KELP" run --policy "$BATS_TEST_TMPDIR/hidden.policy" -- \
        find many -mindepth 1 -maxdepth 1 -readable -printf x
    [ "$output" = "" ]
}
