# shellcheck shell=bash
# kelp is for normal users, so are its tests: when root starts them, they run as a user of their own.

test_user=${KELP_TEST_USER:-kelp-test}

# Prints the first id after every range in the file $1.
next_subid() {
    awk -F: 'BEGIN { n = 100000 } $2 + $3 > n { n = $2 + $3 } END { print n }' "$1" 2>/dev/null ||
        echo 100000
}

# Makes the user if there is none, and gives it 65536 subordinate ids of each kind.
test_user_make() {
    local first

    id -u "$test_user" >/dev/null 2>&1 ||
        useradd --create-home --shell /bin/sh "$test_user" || return 1
    touch /etc/subuid /etc/subgid || return 1
    if ! grep -q "^$test_user:" /etc/subuid; then
        first=$(next_subid /etc/subuid)
        usermod --add-subuids "$first-$((first + 65535))" "$test_user" || return 1
    fi
    if ! grep -q "^$test_user:" /etc/subgid; then
        first=$(next_subid /etc/subgid)
        usermod --add-subgids "$first-$((first + 65535))" "$test_user" || return 1
    fi
}

# What only root can prepare: slirp4netns wants to open /dev/net/tun as the user.
test_machine_prepare() {
    if [ ! -e /dev/net/tun ]; then
        mkdir -p /dev/net && mknod /dev/net/tun c 10 200 2>/dev/null
    fi
    [ ! -e /dev/net/tun ] || chmod 0666 /dev/net/tun 2>/dev/null || true
}

# Lists the files of the tree $1, NUL-separated: what git knows or would take, or all but builds.
tree_files() {
    local file

    if git -c safe.directory='*' -C "$1" rev-parse --git-dir >/dev/null 2>&1; then
        # a file that is deleted but still in the index is not there to be copied
        git -c safe.directory='*' -C "$1" ls-files -z -co --exclude-standard |
            while IFS= read -r -d '' file; do
                [ ! -e "$1/$file" ] || printf '%s\0' "$file"
            done
    else
        (cd "$1" && find . -path './build*' -prune -o -path ./.git -prune -o -type f -print0)
    fi
}

# Copies the tree $1 to $2/src; times are kept, so that a build in $2/build stays useful.
tree_copy() {
    rm -rf "$2/src"
    mkdir -p "$2/src"
    tree_files "$1" | tar -C "$1" --null -T - -cf - | tar -C "$2/src" -xf - || return 1
    chown -R "$test_user:" "$2"
}

# Sets $dir to a directory of the user's for this run alone: the first whose lock is free.  The lock
# is descriptor 8, which the run keeps to its end.
test_directory_take() {
    local home=$1 n

    for n in '' 2 3 4 5 6 7 8; do
        dir=$home/kelp-tests$n
        mkdir -p "$dir" || return 1
        exec 8>"$dir.lock"
        ! flock -n 8 || return 0
    done
    echo "tests/run: eight other runs of '$test_user' are under way" >&2
    return 1
}

# Runs SCRIPT of the tree TOP as the user: test_drop_to_user TOP SCRIPT ARG...  Does not come back.
# What is in $test_user_environment, as NAME=VALUE, goes along.
test_user_environment=()
test_drop_to_user() {
    local top=$1 script=$2 home dir
    shift 2

    home=$(getent passwd "$test_user" | cut -d: -f6)
    test_directory_take "$home" || exit 1
    tree_copy "$top" "$dir" || exit 1
    cd "$dir/src" || exit 1
    exec setpriv --reuid="$test_user" --regid="$test_user" --init-groups --inh-caps=-all \
        env -i HOME="$home" USER="$test_user" LOGNAME="$test_user" SHELL=/bin/sh \
        PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 TERM="${TERM:-dumb}" \
        CI="${CI:-}" KELP_TEST_BUILD="$dir/build" "${test_user_environment[@]}" \
        bash "$script" "$@" </dev/null
}
