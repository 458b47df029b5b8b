# shellcheck shell=bash
# What `kelp doctor --json`, whose answer is in $output, says of this machine.

# The fact NAME.
fact() {
    jq -e --arg name "$1" '.facts[] | select(.name == $name)' <<<"$output"
}

# NAME STATE TEXT...: the fact is in that state, and all texts are in it.
assert_fact() {
    local name=$1 state=$2 found text
    shift 2

    found=$(fact "$name") || {
        echo "no fact '$name' in: $output"
        return 1
    }
    [ "$(jq -r .state <<<"$found")" = "$state" ] || {
        echo "not '$state': $found"
        return 1
    }
    for text; do
        [[ $(jq -r '.what, .why, .fix' <<<"$found") == *"$text"* ]] || {
            echo "'$text' is not in: $found"
            return 1
        }
    done
}
