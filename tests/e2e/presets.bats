#!/usr/bin/env bats
# Installs through the presets, from the registries themselves.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

npm_registry=https://registry.npmjs.org
debian=http://deb.debian.org/debian/dists/bookworm/InRelease

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    ! curl -sfIo /dev/null -m 20 $npm_registry/left-pad || touch npm-is-there
    ! curl -sfIo /dev/null -m 20 $debian || touch debian-is-there
}

setup() {
    dir=$(cd "$BATS_TEST_TMPDIR" && pwd -P)
    # what the user's own settings say of registries is not for these tests
    export HOME=$dir/home
    unset XDG_CACHE_HOME XDG_CONFIG_HOME
    mkdir -p "$HOME" "$dir/ws"
    cd "$dir/ws" || return 1
}

needs_npm() {
    [ -e "$BATS_FILE_TMPDIR/npm-is-there" ] || skip "the machine lacks a way to registry.npmjs.org"
}

# npm without its questions about itself.
npm_in() {
    "$KELP" run --policy npm -e npm_config_audit=false -e npm_config_fund=false \
        -e npm_config_update_notifier=false "$@"
}

works() {
    node -e 'if (require("left-pad")("x", 3) !== "  x") process.exit(1)'
}

@test "npm: an install from the registry, and again without a network from the private cache" {
    needs_npm
    npm_in -- npm install left-pad@1.3.0
    works
    [ ! -e "$HOME/.npm" ]
    [ "$(find "$HOME/.cache/kelp/caches/npm" -type f | wc -l)" -gt 1 ]
    mkdir ../other
    cd ../other
    npm_in --network none -- npm install --offline left-pad@1.3.0
    works
    # the negative control: it is the cache that has it
    mkdir ../third
    cd ../third
    run npm_in --network none --tmpfs /run/kelp/cache/npm -- npm install --offline left-pad@1.3.0
    [ "$status" != 0 ]
    [ ! -e node_modules/left-pad ]
}

# In the cache of npm on the host: another package in the place of left-pad, as an install that ran
# outside of a sandbox could have left it there.
poison() {
    export npm_config_update_notifier=false npm_config_audit=false npm_config_fund=false
    mkdir "$dir/filled" "$dir/outside"
    (cd "$dir/filled" && npm install left-pad@1.3.0)
    mkdir "$dir/package"
    printf '{ "name": "left-pad", "version": "1.3.0", "main": "x.js" }\n' >"$dir/package/package.json"
    echo 'module.exports = () => "POISON"' >"$dir/package/x.js"
    tar -C "$dir" -czf "$dir/evil.tgz" package
    npm_root=$(npm root -g)
    NODE_PATH=$npm_root/npm/node_modules:/usr/share/nodejs node - "$HOME/.npm/_cacache" "$dir/evil.tgz" <<'EOF'
const cacache = require("cacache"), crypto = require("crypto"), fs = require("fs");
const [cache, file] = process.argv.slice(2);
const evil = fs.readFileSync(file);
const integrity = "sha512-" + crypto.createHash("sha512").update(evil).digest("base64");
(async () => {
    for (const [key, entry] of Object.entries(await cacache.ls(cache))) {
        let data = evil;
        if (!key.endsWith(".tgz")) {
            data = JSON.parse((await cacache.get(cache, key)).data);
            data.versions["1.3.0"].dist.integrity = integrity;
            data = Buffer.from(JSON.stringify(data));
        }
        const metadata = entry.metadata;
        if (metadata && metadata.resHeaders) delete metadata.resHeaders["content-length"];
        await cacache.put(cache, key, data, { metadata });
    }
})();
EOF
}

@test "npm: a poisoned cache of the host is neither read nor changed" {
    needs_npm
    poison
    # the negative control: npm on the host believes it
    (cd "$dir/outside" && npm install --offline left-pad@1.3.0)
    grep -q POISON "$dir/outside/node_modules/left-pad/x.js"

    echo "//registry.npmjs.org/:_authToken=CANARY" >"$HOME/.npmrc"
    before=$(tree_hash "$HOME/.npm")
    npm_in -- npm install --prefer-offline left-pad@1.3.0
    works
    run ! grep -rq CANARY node_modules "$HOME/.cache/kelp"
    [ "$(tree_hash "$HOME/.npm")" = "$before" ]
}

@test "npm: another host is refused at once, and the registry is no way to it" {
    needs_npm
    local url code codes=
    for url in $npm_registry/left-pad https://www.debian.org/ http://registry.npmjs.org/ https://203.0.113.9/; do
        # 0: there; 6: no such name; 7: refused; 28: it took longer
        npm_in -- curl -so /dev/null -m 10 "$url" && code=0 || code=$?
        codes+=$code,
    done
    [ "$codes" = 0,6,7,7, ]
    # the negative control: a host more is a host more
    npm_in --allow www.debian.org -- curl -so /dev/null -m 10 https://www.debian.org/ && code=0 || code=$?
    [ "$code" != 6 ]
}

assert_lines() {
    diff <(printf '%s\n' "$@") - <<<"$output"
}

@test "npm: without its registry an install fails, and not after a minute" {
    needs_npm
    start=$SECONDS
    run npm_in --deny registry.npmjs.org -- npm install left-pad@1.3.0
    [ "$status" != 0 ]
    [[ $output == *ENOTFOUND* ]]
    [ $((SECONDS - start)) -lt 20 ]
    [ ! -e node_modules/left-pad ]
}

@test "npm: what an install script reads and where it can send it" {
    needs_npm
    mkdir -p evil "$HOME/.ssh"
    echo CANARY >"$HOME/.ssh/id"
    cat >evil/package.json <<'EOF'
{ "name": "evil", "version": "1.0.0", "scripts": { "postinstall": "node evil.js" } }
EOF
    cat >evil/evil.js <<'EOF'
const fs = require("fs"), os = require("os"), path = require("path");
const say = (text) => fs.appendFileSync(process.env.INIT_CWD + "/said", text + "\n");
try { say("key " + fs.readFileSync(path.join(os.homedir(), ".ssh/id"))); } catch (e) { say(e.code); }
say(Object.keys(process.env).filter((name) => /TOKEN/.test(name)).join() || "no token");
try { fs.writeFileSync(process.env.INIT_CWD + "/.git/hooks/pre-commit", "evil"); } catch (e) { say(e.code); }
fetch("https://www.debian.org/").then(() => say("sent"), (e) => say(e.cause.code));
EOF
    git init -q .
    echo 'exit 0' >.git/hooks/pre-commit
    NPM_TOKEN=CANARY npm_in -- npm install --install-links ./evil left-pad@1.3.0
    works
    run cat said
    assert_lines ENOENT "no token" EROFS ENOTFOUND
    [ "$(cat .git/hooks/pre-commit)" = 'exit 0' ]
}

@test "npm: beside the policy of an agent, with both lists of hosts" {
    needs_npm
    run -0 "$KELP" run --policy agent --policy npm -e npm_config_audit=false -- sh -c 'npm install left-pad@1.3.0 >/dev/null 2>&1 && ls node_modules && echo $GIT_TERMINAL_PROMPT'
    assert_lines left-pad 0
    [ -d "$HOME/.cache/kelp/caches/npm/_cacache" ]
}

# --- apt ---

apt_in() {
    "$KELP" run --policy apt --userns single "$@"
}

@test "apt: hello in an image of Debian, and again without a network from the private cache" {
    [ -n "${KELP_TEST_DEBIAN_TAR:-}" ] || skip "the machine lacks a Debian root file system"
    [ -e "$BATS_FILE_TMPDIR/debian-is-there" ] || skip "the machine lacks a way to deb.debian.org"
    export XDG_DATA_HOME=$dir/data
    "$KELP" import "$KELP_TEST_DEBIAN_TAR" debian
    run -0 apt_in debian sh -c '(apt-get -o Acquire::Languages=none update && apt-get install -y --no-install-recommends hello) >&2 && hello'
    [ "${lines[-1]}" = 'Hello, world!' ]
    # the image is as it was, and only the cache has what was fetched
    run -127 apt_in debian hello
    run -0 apt_in --network none debian sh -c 'apt-get install -y --no-install-recommends hello >&2 && hello'
    [ "${lines[-1]}" = 'Hello, world!' ]
    run apt_in --network none --tmpfs /var/cache/apt debian apt-get install -y --no-install-recommends hello
    [ "$status" != 0 ]
    # another host is refused at once
    start=$SECONDS
    run apt_in debian sh -c 'echo deb http://ftp.debian.org/debian bookworm main >/etc/apt/sources.list && apt-get update'
    [[ $output == *"Could not resolve 'ftp.debian.org'"* ]]
    [ $((SECONDS - start)) -lt 20 ]
    remove_owned "$dir/data"
}
