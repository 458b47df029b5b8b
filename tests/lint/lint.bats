#!/usr/bin/env bats
# How the source looks: layout, size, layers, words, and what the checkers say.

# shellcheck disable=SC2016 # what is quoted is for an inner shell

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    cd "$KELP_SRC" || return 1
}

c_files() {
    find src helpers tests -name '*.[ch]' | sort
}

shell_files() {
    {
        find tests helpers .ci -name '*.sh' -o -name '*.bash' -o -name '*.bats' -o -name '*.tap'
        # scripts without a suffix say what they are in their first line
        find tests helpers .ci -type f ! -name '*.*' -exec grep -lE '^#!.*(bash|/sh)' {} +
    } | sort -u
}

@test "C is laid out by clang-format" {
    local file bad=0
    for file in $(c_files); do
        clang-format --dry-run -Werror "$file" 2>/dev/null || {
            echo "clang-format -i $file"
            bad=1
        }
    done
    [ "$bad" = 0 ]
}

@test "shell scripts pass shellcheck" {
    mapfile -t files < <(shell_files)
    [ ${#files[@]} -gt 5 ]
    # in tests: scripts for inner shells are quoted, bats has variables of its own and stops when cd fails
    run -0 shellcheck -S warning -x -P . -e SC2016,SC2154,SC2164 "${files[@]}"
}

@test "no function is longer than 60 lines, no file than 500" {
    local file bad=0 lines
    for file in $(find src helpers tests/payload tests/fault -name '*.[ch]' | sort); do
        lines=$(wc -l <"$file")
        [ "$lines" -le 500 ] || {
            echo "$file has $lines lines"
            bad=1
        }
        awk -v f="$file" '
            /^[A-Za-z_].*\(/ && !/;[[:space:]]*$/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
            /^\{/ { start = NR }
            /^\}/ {
                if (start && NR - start > 60) { printf "%s: %s() has %d lines\n", f, name, NR - start; bad = 1 }
                start = 0
            }
            END { exit bad }' "$file" || bad=1
    done
    [ "$bad" = 0 ]
}

@test "nothing is left for later in the source" {
    run -1 grep -rnwE 'TODO|FIXME|XXX|HACK' src helpers policies doc
    run -1 grep -rniE 'not (yet )?implemented' src helpers policies
}

@test "no line ends in blanks, every file ends in a newline" {
    local file
    run ! grep -rnE '[[:blank:]]+$' src helpers policies tests --include='*.[ch]' --include='*.sh' \
        --include='*.bash' --include='*.bats' --include='*.tap' --include='*.policy' \
        --include=meson.build
    for file in $(c_files) $(shell_files); do
        [ -z "$(tail -c 1 "$file")" ] || {
            echo "$file does not end in a newline"
            false
        }
    done
}

@test "calls that are never right are not there" {
    run ! grep -rnE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|tmpnam|mktemp|popen|setjmp|longjmp)\(' \
        src helpers --include='*.c'
}

# The include path of a layer holds its own directory and those below it: compiled alone with the
# include path of a lower layer, a file that includes an upper one must not compile.
@test "an upward include does not compile" {
    local layers=(base plan host sandbox life cli) below i j header path=() tried=0
    for i in "${!layers[@]}"; do
        path+=("-I" "src/${layers[i]}")
        for ((j = i + 1; j < ${#layers[@]}; j++)); do
            header=$(find "src/${layers[j]}" -name '*.h' | sort | head -n 1)
            [ -n "$header" ] || continue
            tried=$((tried + 1))
            below=$(jq -r --arg dir "src/${layers[i]}/" \
                '[.[] | select(.file | contains($dir))][0].command' "$KELP_BUILD/compile_commands.json")
            [ "$below" != null ]
            # the compiler command of a real file of this layer, on a file that includes upwards
            echo "#include \"$(basename "$header")\"" >"$BATS_TEST_TMPDIR/up.c"
            below=$(sed -E 's/ -o [^ ]+ -c .*$//; s/ -M[DQF]( [^ ]+\.[od])?//g' <<<"$below")
            # shellcheck disable=SC2086 # a command line
            (cd "$KELP_BUILD" && ! $below -fsyntax-only "$BATS_TEST_TMPDIR/up.c" 2>"$BATS_TEST_TMPDIR/err") || {
                echo "${layers[i]} can include $header"
                false
            }
            grep -q "fatal error: $(basename "$header")\|No such file" "$BATS_TEST_TMPDIR/err"
        done
    done
    [ "$tried" -ge 6 ]
}

# Builds all with clang, and without ISA-L, as where there is none.
build_by_clang() {
    [ -d "$BATS_FILE_TMPDIR/clang" ] || CC=clang meson setup -Disal=disabled "$BATS_FILE_TMPDIR/clang" . >/dev/null
    ninja -C "$BATS_FILE_TMPDIR/clang"
}

@test "clang compiles everything without a warning" {
    run -0 build_by_clang
    run ! grep -E '\.[ch]:[0-9]+:.*warning:' <<<"$output"
}

@test "zlib reads the streams that ISA-L reads" {
    local helper=helpers/image/kelp-image

    build_by_clang >/dev/null
    run -0 readelf -d "$BATS_FILE_TMPDIR/clang/$helper"
    [[ $output == *libz.so* && $output != *libisal* ]]
    if pkg-config --exists libisal; then
        run -0 readelf -d "$KELP_BUILD/$helper"
        [[ $output == *libisal* ]]
    fi
    run -0 meson test -C "$BATS_FILE_TMPDIR/clang" --no-rebuild -t 10 image-decode image-stream
    run -0 env KELP_BUILD="$BATS_FILE_TMPDIR/clang" KELP_TEST_FLIPS=20 \
        python3 -B tests/image/check-streams.py
}

@test "cppcheck has nothing to say" {
    run -0 cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr \
        --std=c11 -D__x86_64__ --suppress=missingIncludeSystem --suppress=unknownMacro \
        -j "$(nproc)" src helpers/common helpers/image helpers/pull helpers/oci helpers/proxy helpers/scope helpers/seccomp
}

# The compiler commands are those of the test with clang, as clang-tidy knows clang's options.  One
# process a file: its checker of va_list takes names of an earlier file for its own (LLVM bug 41311).
@test "clang-tidy has nothing to say of the launcher" {
    [ -f "$BATS_FILE_TMPDIR/clang/compile_commands.json" ]
    run -0 bash -c 'find src helpers/oci -name "*.c" | xargs -P "$(nproc)" -n 1 clang-tidy --quiet \
        -p "$BATS_FILE_TMPDIR/clang" --warnings-as-errors="*" 2>/dev/null'
}

@test "the documents that everyone looks for are there" {
    for file in README.md LICENSE HACKING.md SECURITY.md; do
        [ -f "$file" ] || {
            echo "$file is missing"
            false
        }
    done
}

@test "what only tests need is not needed to build kelp" {
    run ! grep -rnF "dependency('cmocka')" --include=meson.build .
}
