#!/usr/bin/env bats
# Programs that are told nothing of a proxy, with a network that is filtered by name: each reaches the
# one name that is allowed, and is told at once that another one is not.

bats_require_minimum_version 1.5.0
load ../lib/kelp

# What has to be compiled is kept: Go alone takes as long as all the rest.
make_programs() {
    local source=$KELP_SRC/tests/e2e/clients cache

    cache=${XDG_CACHE_HOME:-$HOME/.cache}/kelp/clients-$(cat "$source"/get.c "$source"/get.go "$source"/Get.java |
        sha256sum | cut -c1-16)
    mkdir -p "$cache"
    [ -e "$cache/get-static" ] || gcc -static -o "$cache/get-static" "$source/get.c" 2>gcc.log
    [ -e "$cache/get-go" ] || GO111MODULE=off GOCACHE=$PWD/go-cache go build -o "$cache/get-go" "$source/get.go"
    [ -e "$cache/Get.class" ] || javac -d "$cache" "$source/Get.java"
    cp "$cache"/* "$source"/get.py "$source"/get.mjs "$source"/inside.sh .
    chmod -R u+w go-cache 2>/dev/null && rm -rf go-cache
    :
}

make_secrets() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout tls.key -out ca.pem \
        -subj /CN=good.test -addext subjectAltName=DNS:good.test,DNS:other.test 2>openssl.log
    keytool -importcert -noprompt -alias ca -file ca.pem -keystore trust.p12 -storetype PKCS12 \
        -storepass changeit 2>keytool.log
    ssh-keygen -q -t ed25519 -N '' -f key
    dropbearkey -t ed25519 -f host.key >dropbear.log 2>&1
}

make_pages() {
    mkdir pages
    echo "hello from the one" >pages/hello
    git init -q --bare repo.git
    git init -q work
    cp pages/hello work/hello
    git -C work add hello
    git -C work -c user.name=x -c user.email=x@x.test commit -q -m x
    git -C work push -q ../repo.git HEAD:refs/heads/main
    git -C repo.git symbolic-ref HEAD refs/heads/main
    git -C repo.git update-server-info
    cp -r repo.git pages/repo.git
}

# The user logs in at a home of the test's own.
make_login() {
    local home=$BATS_FILE_TMPDIR/login

    mkdir -p "$home/.ssh"
    chmod 700 "$home" "$home/.ssh"
    cp key.pub "$home/.ssh/authorized_keys"
    chmod 600 "$home/.ssh/authorized_keys"
    awk -F: -v OFS=: -v uid="$(id -u)" -v home="$home" \
        '$3 == uid { $6 = home; $7 = "/bin/sh" } { print }' /etc/passwd >passwd
    printf '127.0.0.1 localhost\n203.0.113.2 good.test other.test\n' >hosts
}

setup_file() {
    export PATH=$PATH:/usr/sbin:/sbin
    mkdir "$BATS_FILE_TMPDIR/work"
    cd "$BATS_FILE_TMPDIR/work" || return 1
    make_programs
    make_secrets
    make_pages
    make_login
    {
        printf '. "%s" %s %s\n' "$KELP_SRC/tests/e2e/network-scene.sh" "$(id -u)" "$(id -g)"
        cat <<'END'
mount --bind hosts /etc/hosts
mount --bind passwd /etc/passwd
# not by neighbour(), so that the end of the scene finds them
nsenter -t "$neighbour_pid" -n -- python3 "$KELP_SRC/tests/e2e/clients/serve.py" pages ca.pem tls.key >serve.log 2>&1 3>&- &
nsenter -t "$neighbour_pid" -n -- unshare -U --map-user="$scene_uid" --map-group="$scene_gid" -- \
    dropbear -F -E -s -m -r host.key -p 203.0.113.2:2222 -P "$PWD/pid" >>dropbear.log 2>&1 3>&- &
await_line serve.log '^ready'
await_line dropbear.log 'Not backgrounding'
box --allow good.test --allow good.test:2222 --net-log net.log -- sh inside.sh "$(id -nu "$scene_uid")"
END
    } >scene.sh
    timeout 120 unshare -Urnm --kill-child --fork bash scene.sh >results 2>scene.err 3>&- || {
        cat results scene.err ./*.log
        return 1
    }
}

setup() {
    cd "$BATS_FILE_TMPDIR/work" || return 1
}

# The client $1 has got the page, and nothing from the other name: within a second, or on a busy
# machine no later than it has got the page.  A resolver that hears nothing waits for five.
reaches_one() {
    local status ms

    read -r _ _ status _ < <(grep "^$1 good.test " results)
    tail -n 5 "got/$1-good.test" "got/$1-good.test.err"
    [ "$status" = 0 ]
    grep -q "hello from the one" "got/$1-good.test"
    read -r _ _ status ms < <(grep "^$1 other.test " results)
    echo "other.test: status $status after $ms ms"
    tail -n 5 "got/$1-other.test.err"
    [ "$status" != 0 ]
    # at once, but for what the program itself takes to start; a resolver that waits does so for 5 s
    [ "$ms" -lt 4000 ]
    ! grep -q "hello from the one" "got/$1-other.test"
}

@test "curl reaches the allowed name alone" {
    reaches_one curl_
}

@test "wget reaches the allowed name alone" {
    reaches_one wget_
}

@test "git over https reaches the allowed name alone" {
    reaches_one git_https
}

@test "git over ssh reaches the allowed name alone" {
    reaches_one git_ssh
}

@test "openssl s_client reaches the allowed name alone" {
    reaches_one openssl_
}

@test "a Go program reaches the allowed name alone, by its own resolver and by libc's" {
    reaches_one go_own
    reaches_one go_libc
}

@test "a Java program reaches the allowed name alone" {
    reaches_one java_
}

@test "Node's fetch reaches the allowed name alone" {
    reaches_one node_
}

@test "Python's sockets reach the allowed name alone" {
    reaches_one python_
}

@test "a static C program reaches the allowed name alone" {
    reaches_one static_
}

@test "the log has every host that was asked for, and nothing reached but the one" {
    jq -r 'select(.verdict == "allowed" and .port != 0) | "\(.name) \(.port) \(.address)"' net.log | sort -u |
        diff - <(printf 'good.test 2222 203.0.113.2\ngood.test 443 203.0.113.2\ngood.test 80 203.0.113.2\n')
    [ "$(jq -r 'select(.verdict == "refused") | .name' net.log | sort -u)" = other.test ]
    # each of the eleven has moved bytes both ways
    [ "$(jq -r 'select(.port != 0 and .in > 0 and .out > 0) | .name' net.log | wc -l)" -ge 11 ]
}
