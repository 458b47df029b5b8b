# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of tests/bench/run

# One round: every command of rows in turn, in the given order.
measure_round() {
    local out=$1 warm=$2 share command count
    shift 2

    while IFS=$'\t' read -r _ _ share command; do
        count=$((runs * share / 100))
        [ "$count" -gt 0 ] || count=1
        as_user hyperfine -N --style none --warmup "$warm" --runs "$count" \
            --export-json "$work/rounds/one.json" "$command" >"$work/row.log" 2>&1 </dev/null || {
            cat "$work/row.log" >&2
            die "'$command' failed while it was measured"
        }
        # one line of JSON a command
        tr -d '\n' <"$work/rounds/one.json" >>"$out"
        echo >>"$out"
    done < <("$@" "$work/rows")
}

measure_rounds() {
    local i

    for ((i = 0; i < rounds; i++)); do
        [ ! -t 2 ] || printf '\rround %d of %d ' $((i + 1)) "$rounds" >&2
        # there and back again, so that nobody always comes after the same neighbour
        if ((i % 2)); then
            measure_round "$work/times" 1 tac
        else
            measure_round "$work/times" 1 cat
        fi
    done
    [ ! -t 2 ] || printf '\r' >&2
}

# How many sandboxes are started in the background in a second: one after another, and 8 at a time.
measure_rate() {
    local width began ended i

    for ((i = 0; i < rate_rounds; i++)); do
        for width in 1 8; do
            began=$(date +%s%N)
            seq "$rate_boxes" | as_user xargs -P "$width" -I{} "$kelp" run -d --rm --network none -- sleep 1000 \
                >"$work/rate.ids" 2>"$work/rate.log" || die "cannot start sandboxes: $(head -n 1 "$work/rate.log")"
            ended=$(date +%s%N)
            echo "$width $rate_boxes $((ended - began))" >>"$work/rate"
            as_user xargs "$kelp" stop -t 0 <"$work/rate.ids" >"$work/rate.log" 2>&1 || die "cannot stop them"
        done
    done
}

measure_memory() {
    local view name

    if [ "$(id -u)" != 0 ]; then
        left_out memory "kelp, bwrap" "only root may read the memory of another's pid 1"
        return
    fi
    for name in kelp floor bwrap; do
        case $name in
        kelp) view="$kelp run --network none -- " ;;
        floor) view="$floor " ;;
        bwrap) view=$(sed -n 's/^host\tbwrap\t[0-9]*\t\(.*\)true$/\1/p' "$work/rows") ;;
        esac
        [ -n "$view" ] || continue
        # shellcheck disable=SC2086 # the words of a command
        (cd "$work/cwd" && python3 "$bench/memory.py" 50 setpriv --reuid="$user" --regid="$user" \
            --init-groups --inh-caps=-all env -i "${clean_env[@]}" ${view}sleep 600) \
            >"$work/memory.log" || die "cannot measure the memory of $name"
        echo "$name $(cat "$work/memory.log")" >>"$work/memory"
    done
}
