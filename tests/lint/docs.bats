#!/usr/bin/env bats
# The documents say what is there, all of it, and nothing else.

# shellcheck disable=SC2016 # what is quoted is for an inner shell

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    cd "$KELP_SRC" || return 1
    man=doc/kelp.1.scd
    policy_man=doc/kelp-policy.5.scd
    oci_man=doc/kelp-oci.8.scd
    engine_pages=(doc/kelp-oci-podman.7.scd doc/kelp-oci-containerd.7.scd doc/kelp-oci-slurm.7.scd)
    KELP_OCI=$KELP_BUILD/helpers/oci/kelp-oci
    PATH=$(dirname "$KELP"):$PATH
}

# Fails when standard input has lines, and shows them below $1.
none() {
    local lines

    lines=$(cat)
    [ -z "$lines" ] || {
        printf '%s\n%s\n' "$1" "$lines"
        return 1
    }
}

# The lines of the man page $1 between the heading "# $2" and the next one.
part() {
    awk -v want="# $2" '/^```/ { literal = !literal } !literal && /^# / { on = $0 == want; next } on' "$1"
}

# "LETTER NAME" of each option that is not refused, "-" for none.
options() {
    "$KELP" run --help | sed -nE 's/^  (-(.), |    )--([a-z-]+).*/\2 \3/p' | sed 's/^ /- /'
}

# The names of the table in the source that have a help.
table_options() {
    sed -nE 's/^ +\{ "([a-z-]+)", .*/\1/p' src/plan/option-table.c
}

# "SECTION KEY" of the table in the source; $1 is "now" or "later".
policy_keys() {
    sed -nE 's/^ +\{ "([a-z]+)", "([a-z-]+)", (KEY_[A-Z]+), .*/\1 \2 \3/p' src/plan/policy.c |
        case $1 in
        now) grep -v ' KEY_LATER$' ;;
        later) grep ' KEY_LATER$' ;;
        esac | cut -d' ' -f1,2
}

# The values of the policy lines on stdin, as "SECTION KEY WORD".
policy_words() {
    awk '
        /^[[:space:]]*(#|$)/ { next }
        /^\[/ { section = $1; next }
        section == "[policy]" { next }
        /^[a-z-]+ = / { for (i = 3; i <= NF; i++) print section, $1, $i }' | sort
}

# The literal blocks on stdin.
literals() {
    awk '/^```/ { on = !on; next } on'
}

@test "the man pages can be made" {
    local page
    for page in "$man" "$policy_man" "$oci_man" "${engine_pages[@]}"; do
        run -0 --separate-stderr scdoc <"$page"
        [ -z "$stderr" ]
        # shellcheck disable=SC2154 # run sets it
        [[ $output == *".SH NAME"* ]]
    done
}

@test "what a paragraph of a man page is about begins after a blank line" {
    local page
    for page in "$man" "$policy_man" "$oci_man" "${engine_pages[@]}"; do
        awk '/^```/ { literal = !literal } !literal && /^\*[^*]+\*/ && before ~ /^\t/ { print FNR ": " $0 }
            { before = $0 }' "$page" | none "glued to what stands above it in $page:"
    done
}

@test "the man page has the statuses and the help that there are" {
    grep -q '^\*kelp help\* \[_COMMAND_\]' "$man"
    part "$man" "EXIT STATUS" | grep -q 130
}

@test "every option is in the man page" {
    local letter name
    [ "$(table_options | wc -l)" -ge 30 ]
    [ "$(table_options | sort)" = "$(options | cut -d' ' -f2 | sort)" ]
    while read -r letter name; do
        if [ "$letter" = - ]; then
            part "$man" OPTIONS | grep -q "^\*--$name\*" || echo "--$name"
        else
            part "$man" OPTIONS | grep -q "^\*-$letter\*, \*--$name\*" || echo "-$letter, --$name"
        fi
    done < <(options) | none "not in $man:"
}

@test "every option of the man page exists" {
    part "$man" OPTIONS | sed -nE 's/^(\*-.\*, )?\*--([a-z-]+)\*.*/\2/p' | sort |
        comm -23 - <(table_options | sort) | none "only in $man:"
}

@test "every option that a text names exists" {
    local known
    known=$(
        table_options
        # of other programs and of the commands of kelp
        printf '%s\n' json output format platform ca insecure quiet apparmor-profile version variant full-fault long \
            apparmor quick build all max-size force repair image lines merge allow-any-host patch scope \
            overwrite detach-keys follow no-stream no-stdin no-trunc sig-proxy signal tail time timestamps
    )
    grep -ohE '(^|[^-[:alnum:]])--[a-z][a-z-]+' README.md SECURITY.md HACKING.md "$man" "$policy_man" |
        sed 's/.*--//' | sort -u | grep -vxF "$known" | grep -vxE 'name|netwrok' |
        none "not an option:"
    # --netwrok is named as a slip of the pen
}

@test "every command is in the man page and in no other" {
    local name
    mapfile -t names < <("$KELP" --help | awk '/^Commands:/ { on = 1; next } !NF { on = 0 } on { print $1 }')
    [ ${#names[@]} -ge 5 ]
    for name in "${names[@]}"; do
        part "$man" COMMANDS | grep -q "^\*$name\*" || echo "$name (COMMANDS)"
        part "$man" SYNOPSIS | grep -q "\*kelp $name\*" || echo "$name (SYNOPSIS)"
    done | none "not in $man:"
    part "$man" COMMANDS | sed -nE 's/^\*([a-z]+)\*.*/\1/p' | sort -u |
        comm -23 - <(printf '%s\n' "${names[@]}" | sort) | none "only in $man:"
}

# The options that "kelp-oci $1" has, as NAME; those in front of a command without $1.
oci_options() {
    "$KELP_OCI" ${1:+"$1"} --help | grep -E '^  (-.,|   ) --' | grep -oE -- '--[a-z-]+( |$)' | sed 's/^--//; s/ $//'
}

oci_commands() {
    "$KELP_OCI" --help | awk '/^Commands:/ { on = 1; next } !NF { on = 0 } on { print $1 }'
}

@test "every command and option of kelp-oci is in its man page, and no other" {
    local name
    [ "$(oci_commands | wc -l)" -ge 12 ]
    for name in $(oci_commands); do
        part "$oci_man" COMMANDS | grep -q "^\*$name\*" || echo "$name (COMMANDS)"
        part "$oci_man" SYNOPSIS | grep -q "\*$name\*" || echo "$name (SYNOPSIS)"
    done | none "not in $oci_man:"
    part "$oci_man" COMMANDS | sed -nE 's/^\*([a-z]+)\*.*/\1/p' | sort | comm -23 - <(oci_commands | sort) | none "only in $oci_man:"
    for name in '' $(oci_commands); do
        oci_options "$name"
    done | sort -u >"$BATS_TEST_TMPDIR/options"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/options")" -ge 30 ]
    {
        part "$oci_man" "GLOBAL OPTIONS"
        part "$oci_man" OPTIONS
    } | grep -E '^\*-' | grep -oE -- '\*--[a-z-]+' | sed 's/^\*--//' | sort -u | diff "$BATS_TEST_TMPDIR/options" -
}

@test "the files that pages of engines show are those that tests give to the engines" {
    diff <(part "${engine_pages[2]}" "SWITCH OVER" | grep '^RunTime') <(grep '^RunTime' helpers/oci/oci.conf)
    part "${engine_pages[0]}" "SWITCH OVER" | literals | grep -E '^(runtime|\[engine)' | sort |
        diff - <(sed -nE '/^\[engine\]|^runtime|^\[engine\.runtimes\]/p' tests/lib/engine.bash | sort)
    # and the configuration of a job is one
    part "${engine_pages[2]}" "A BUNDLE" | literals | sed -n '/^{/,/^}/p' | jq -e .linux
}

@test "every event of the status stream is in the man page" {
    local word
    {
        grep -oE '\{\\"event\\":\\"[a-z-]+' src/life/status.c | sed 's/.*"//'
        grep -oE 'SUPERVISE_[A-Z]+\] = "[a-z]+"' src/life/end-words.c | sed 's/.*= "//; s/"//'
    } >"$BATS_TEST_TMPDIR/words"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/words")" -ge 10 ]
    while read -r word; do
        part "$man" STATUS | grep -q "\*$word\*" || echo "$word"
    done <"$BATS_TEST_TMPDIR/words" | none "not in $man:"
}

@test "every exit status is in the man page" {
    local number
    sed -nE 's/.*EXIT_[A-Z_]+ = (1[0-9]{2}).*/\1/p' src/life/run-sandbox.h >"$BATS_TEST_TMPDIR/numbers"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/numbers")" -ge 4 ]
    while read -r number; do
        part "$man" "EXIT STATUS" | grep -q "^\*$number\*$" || echo "$number"
    done <"$BATS_TEST_TMPDIR/numbers" | none "not in $man:"
}

@test "every key of a policy is in its man page, in its section" {
    local section key
    [ "$(policy_keys now | wc -l)" -ge 15 ]
    while read -r section key; do
        part "$policy_man" "[$section]" | grep -qE "^(\*[a-z-]+\*( \(list\))?, )*\*$key\*( \(list\))?(,|$)" || echo "[$section] $key"
    done < <(policy_keys now) | none "not in $policy_man:"
    while read -r section key; do
        part "$policy_man" "NOT YET" | grep -q "\*$key\*" || echo "[$section] $key"
    done < <(policy_keys later) | none "not said to be missing in $policy_man:"
}

@test "every key of the man page is one" {
    local section
    for section in policy files environment network capabilities limits devices; do
        part "$policy_man" "[$section]" | sed -nE "s/^\*([a-z-]+)\*( \(list\))?$/$section \1/p"
    done | sort | comm -23 - <(policy_keys now | sort) | none "only in $policy_man:"
}

@test "the shipped policies are in the man page, word by word" {
    local name
    for name in sandbox container; do
        diff <(policy_words <"policies/$name.policy") \
            <({
                # the block goes on where the text between has interrupted it
                part "$policy_man" "THE POLICY ${name^^}" | literals
            } | policy_words)
    done
    for name in policies/*.policy; do
        name=$(basename "$name" .policy)
        grep -qE "^##? THE POLICY ${name^^}$" "$policy_man"
    done
}

@test "an example of a policy is one" {
    local dir=$BATS_TEST_TMPDIR
    mkdir -p "$dir/home/.cache/ccache" "$dir/home/project"
    part "$policy_man" FORMAT | literals | sed 's:"/opt/my tools":/opt:' >"$dir/home/project/x.policy"
    [ -s "$dir/home/project/x.policy" ]
    cd "$dir/home/project"
    HOME=$dir/home run -0 "$KELP" run --policy ./x.policy --dry-run -- make
    grep -qF "$dir/home/.cache/ccache" <<<"$output"
}

@test "what a text links to or names is there" {
    local text file
    for text in README.md SECURITY.md HACKING.md; do
        grep -oE '\]\([^)#]+\)' "$text" | sed 's/^](//; s/)$//' | grep -v '^http' | sort -u |
            while read -r file; do
                [ -e "$file" ] || echo "$text: $file"
            done
        grep -oE '`\.?/?(src|helpers|tests|doc|policies)/[A-Za-z0-9_./-]+' "$text" | tr -d '`' | sort -u |
            while read -r file; do
                [ -e "$file" ] || echo "$text: $file"
            done
    done | none "not there:"
}

# SECURITY.md names tests as `suite: check`: a check of the probe, or the title of a bats test.
@test "every test that SECURITY.md names exists" {
    local suite check
    grep -oE '`(escape|e2e|fault|unit): [^`]+`' SECURITY.md | tr -d '`' | sort -u >"$BATS_TEST_TMPDIR/named"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/named")" -ge 20 ]
    while IFS= read -r line; do
        suite=${line%%: *} check=${line#*: }
        "$PROBE" list | cut -d' ' -f1 | grep -qxF "$check" && [ "$suite" = escape ] && continue
        grep -qF "@test \"$check\"" "tests/$suite"/*.bats 2>/dev/null && continue
        [ -e "tests/$suite/$check" ] && continue
        [ "$suite" = unit ] && grep -rqF "'$check'" tests/unit/meson.build helpers/*/meson.build && continue
        echo "$line"
    done <"$BATS_TEST_TMPDIR/named" | none "no such test:"
    # and each check of the probe proves something that is worth a word
    "$PROBE" list | cut -d' ' -f1 | grep -vx works | while read -r check; do
        grep -qF "\`escape: $check\`" SECURITY.md || echo "$check"
    done | none "checks of the probe that SECURITY.md does not name:"
}

# What `kelp run --dry-run` prints is compared without its numbers.
@test "the lines of the policy that README shows are those that say so" {
    local line key number

    while read -r line; do
        number=${line##*sandbox.policy:} number=${number%%[!0-9]*}
        case $line in
        *" pin "* | *protected*) key=protected ;;
        *"denied by"*) key=deny ;;
        *" rw,"*) key=writable ;;
        *) key=readable ;;
        esac
        sed -n "${number}p" policies/sandbox.policy | grep -q "^$key = " || {
            echo "line $number is none of '$key': $line"
            false
        }
    done < <(grep 'sandbox\.policy:[0-9]' README.md)
}

@test "README's commands print what it says" {
    run -0 python3 tests/lint/docs.py README.md "$BATS_TEST_TMPDIR"
}

@test "README's commands with a network print what it says" {
    { [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null; } ||
        skip "the machine lacks slirp4netns or a usable /dev/net/tun"
    run -0 python3 tests/lint/docs.py --network README.md "$BATS_TEST_TMPDIR"
}

@test "HACKING.md is one page" {
    [ "$(wc -l <HACKING.md)" -le 100 ]
}

@test "the licence is whole" {
    grep -q 'Apache License' LICENSE
    grep -q 'Version 2.0, January 2004' LICENSE
    grep -q 'END OF TERMS AND CONDITIONS' LICENSE
    grep -q "license: 'Apache-2.0'" meson.build
}
