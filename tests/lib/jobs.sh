# shellcheck shell=bash
# shellcheck disable=SC2154 # $build, $logs and $verbose are tests/run's
# The jobs of a test run.  A job is one bats file, one script that prints
# TAP, or the unit suite; it leaves
# TAP in $logs/NAME.tap.

# These take longest, so that they begin first.
slow_jobs='e2e/image-kinds e2e/image-same e2e/store-kills e2e/pull-runs e2e/pull-attacks e2e/pull-faults e2e/quickstart fault/sweep e2e/terminal lint/lint'

# Prints the names of all jobs.
job_list() {
    local file name

    for name in $slow_jobs; do
        [ ! -e "tests/$name.bats" ] && [ ! -e "tests/$name.tap" ] || echo "$name"
    done
    # what changes the machine that it runs on is for a virtual one alone
    for file in fault escape e2e lint oci ${KELP_TEST_VM:+vm}; do
        find "tests/$file" -name '*.bats' -o -name '*.tap' 2>/dev/null | sort
    done | sed 's:^tests/::; s:\.bats$::; s:\.tap$::' | grep -vxF "$(tr ' ' '\n' <<<"$slow_jobs")"
    echo unit
}

# Prints the names of those jobs that a pattern picks; of all without one.
job_select() {
    local name pattern

    job_list | while read -r name; do
        [ $# -gt 0 ] || echo "$name"
        for pattern; do
            # shellcheck disable=SC2053 # a pattern is meant
            [[ $name != *$pattern* && =$name != "$pattern" ]] || {
                echo "$name"
                break
            }
        done
    done
}

# These want a Debian root file system.
debian_jobs='e2e/image-kinds e2e/image-same e2e/fake-root e2e/presets'

make_debian_tar() {
    local dir=$1

    mmdebstrap --quiet --mode=unshare --variant=minbase \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$dir/debian-minbase.new.tar" \
        >"$logs/mmdebstrap.log" 2>&1 &&
        mv "$dir/debian-minbase.new.tar" "$dir/debian-minbase.tar"
}

# It takes half a minute and a network to make, so it is kept; of jobs side by side one makes it.
keep_debian() {
    local dir=${XDG_CACHE_HOME:-$HOME/.cache}/kelp

    [ -z "${KELP_TEST_DEBIAN_TAR:-}" ] || return 0
    mkdir -p "$dir" || return 0
    {
        flock 9
        [ -s "$dir/debian-minbase.tar" ] || make_debian_tar "$dir"
    } 9>"$dir/debian-minbase.lock"
    # without it, the test that wants it says what is missing
    [ ! -s "$dir/debian-minbase.tar" ] || export KELP_TEST_DEBIAN_TAR=$dir/debian-minbase.tar
}

# meson's own report as TAP: one line a test program.
unit_tap() {
    local log=$build/meson-logs/testlog.json

    rm -f "$log"
    meson test -C "$build" --no-rebuild -t "$((10 * ${KELP_TEST_SLOW:-1}))" --suite unit --print-errorlogs >"$logs/unit.out" 2>&1
    if [ ! -s "$log" ]; then
        echo "1..1"
        echo "not ok 1 meson test --suite unit"
        sed 's/^/# /' "$logs/unit.out"
        return
    fi
    jq -rn '
        def tail: ((.stdout // "") + (.stderr // "")) | rtrimstr("\n") | split("\n") | .[-25:][] | "# " + .;
        [inputs] | to_entries[] | (.key + 1) as $n | .value |
        if .result == "OK" or .result == "EXPECTEDFAIL" then "ok \($n) \(.name)"
        elif .result == "SKIP" then "ok \($n) \(.name) # skip \((.stdout // "") | split("\n")[0])"
        else "not ok \($n) \(.name) (\(.result))", tail end' "$log"
    echo "1..$(wc -l <"$log")"
}

job_run() {
    local name=$1 out=$logs/${1//\//-}.tap seconds=${KELP_TEST_JOB_SECONDS:-1200}

    if [ "$name" = unit ]; then
        unit_tap >"$out" 2>&1
        return
    fi
    [[ " $debian_jobs " != *" $name "* ]] || keep_debian
    if [ -e "tests/$name.tap" ]; then
        timeout -k 10 "$seconds" bash "tests/$name.tap" >"$out" 2>&1 8>&- </dev/null ||
            echo "# the script ended with status $?" >>"$out"
    else
        timeout -k 10 "$seconds" bats --print-output-on-failure --formatter tap "tests/$name.bats" >"$out" 2>&1 8>&- </dev/null ||
            echo "# bats ended with status $?" >>"$out"
    fi
}

# Reads one TAP file; prints "PASSED FAILED SKIPPED".  A planned test without a result has failed;
# so has a file without a plan.  In CI a skip is a failure unless its reason says what the machine lacks.
tap_count() {
    awk -v ci="$1" '
        /^1\.\.[0-9]+/ { planned = substr($1, 4) + 0; has_plan = 1; next }
        /^not ok / { seen++; failed++; next }
        /^ok .* # skip/ {
            seen++
            if (ci == "true" && $0 !~ /# skip \(?the machine lacks /) failed++; else skipped++
            next
        }
        /^ok / { seen++; passed++ }
        END {
            if (!has_plan) failed++
            else if (seen < planned) failed += planned - seen
            print passed + 0, failed + 0, skipped + 0
        }' "$2"
}

# One line for a finished job, and what went wrong in it.
job_report() {
    local name=$1 out=$logs/${1//\//-}.tap passed failed skipped seconds=$2

    read -r passed failed skipped < <(tap_count "${CI:-}" "$out")
    echo "$passed $failed $skipped" >"$logs/${name//\//-}.count"
    if [ "$failed" = 0 ]; then
        printf 'ok      %-24s %4d passed' "$name" "$passed"
        [ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
        printf ' (%d s)\n' "$seconds"
    else
        printf 'FAILED  %-24s %4d passed, %d failed, %d skipped (%d s)\n' \
            "$name" "$passed" "$failed" "$skipped" "$seconds"
    fi
    if [ "$verbose" = 1 ]; then
        cat "$out"
    elif [ "$failed" != 0 ]; then
        awk '/^ok /{ on = 0 } /^not ok /{ on = 1 } on || /^# (bats|the script) ended/' "$out" | head -n 200
        grep -q '^1\.\.' "$out" || head -n 40 "$out"
    fi
    grep '^ok .* # skip' "$out" || true
}

# Runs all jobs named on stdin, $1 at a time.
jobs_run() {
    local width=$1 name

    while read -r name; do
        while [ "$(jobs -rp | wc -l)" -ge "$width" ]; do
            wait -n
        done
        {
            local start=$SECONDS
            job_run "$name"
            # one report at a time
            exec 7>"$logs/report.lock"
            flock 7
            job_report "$name" $((SECONDS - start))
        } &
    done
    wait
}

jobs_total() {
    cat "$logs"/*.count 2>/dev/null | awk '
        { passed += $1; failed += $2; skipped += $3 }
        END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }'
}
