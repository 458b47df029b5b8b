# shellcheck shell=bash
# Traces of several processes.  Loaded by: load ../lib/trace

# Makes the calls of the file 'trace' whole: one during which another process's was written is
# split into two lines, and is put together where it began.
join_trace() {
    awk '
        match($0, /<\.\.\. [a-z0-9_]+ resumed>/) && $1 in begun {
            lines[begun[$1]] = lines[begun[$1]] substr($0, RSTART + RLENGTH)
            delete begun[$1]
            next
        }
        sub(/ <unfinished \.\.\.>$/, "") { begun[$1] = n + 1 }
        { lines[++n] = $0 }
        END {
            for (i = 1; i <= n; i++) {
                sub(/\) +=/, ") =", lines[i])
                print lines[i]
            }
        }' trace >trace.whole && mv trace.whole trace
}

# Runs `strace -f -qq -o trace "$@"`.
traced() {
    local status=0

    strace -f -qq -o trace "$@" || status=$?
    join_trace
    return "$status"
}

# Prints who kept the one capability to read files of every owner, and entered one Landlock ruleset.
find_tree_reader() {
    local reader

    reader=$(sed -n 's/^\([0-9]*\) .*capset.*effective=1<<CAP_DAC_READ_SEARCH, permitted=1<<CAP_DAC_READ_SEARCH.*/\1/p' trace)
    [ -n "$reader" ] || return 1
    [ "$(grep -c "^$reader .*landlock_restrict_self.* = 0" trace)" = 1 ] || return 1
    echo "$reader"
}

# Succeeds when process $1 loaded a filter of system calls, named nothing that matches $2 before, and
# after it no path that counts from anywhere but an open directory.
stays_in_open_directories() {
    awk -v pid="$1" -v early="${2-}" '
        $1 != pid { next }
        /SECCOMP_SET_MODE_FILTER, 0, [0{]/ { on = 1 }
        early != "" && !on && $0 ~ early { print; bad = 1 }
        on && !/ENOSYS/ && / [a-z0-9]+\((AT_FDCWD|[0-9]+, "\/)/ { print; bad = 1 }
        END { exit !on || bad }' trace
}
