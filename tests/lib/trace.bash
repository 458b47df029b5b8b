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
