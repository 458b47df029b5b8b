# shellcheck shell=bash
# Registries of the tests: all on 127.0.0.1, with certificates of a CA that is made here.

# make_ca DIR: DIR/ca.pem and its key.
make_ca() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj "/CN=kelp test CA" -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
}

# make_certificate DIR NAME SUBJECT-ALT-NAMES [OPTION OF openssl ca...]: DIR/NAME.pem and its key.
make_certificate() {
    local dir=$1 name=$2 names=$3
    shift 3

    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
        -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
    mkdir -p "$dir/issued"
    : >"$dir/index"
    cat >"$dir/ca.conf" <<CONF
[ca]
default_ca = own
[own]
database = $dir/index
new_certs_dir = $dir/issued
certificate = $dir/ca.pem
private_key = $dir/ca.key
rand_serial = yes
default_md = sha256
default_days = 20
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
subjectAltName = $names
CONF
    openssl ca -batch -notext -config "$dir/ca.conf" -in "$dir/$name.csr" -out "$dir/$name.pem" \
        "$@" 2>/dev/null
}

free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# start_registry DIR PORT [CERTIFICATE [HTPASSWD]]: docker-registry, its pid in $registry_pid.
start_registry() {
    local dir=$1 port=$2 certificate=${3:-} htpasswd=${4:-} i

    mkdir -p "$dir/data"
    {
        printf 'version: 0.1\nlog:\n  level: warn\n'
        printf 'storage:\n  filesystem:\n    rootdirectory: %s\n' "$dir/data"
        printf 'http:\n  addr: 127.0.0.1:%s\n' "$port"
        [ -z "$certificate" ] || printf '  tls:\n    certificate: %s.pem\n    key: %s.key\n' \
            "$certificate" "$certificate"
        [ -z "$htpasswd" ] || printf 'auth:\n  htpasswd:\n    realm: test\n    path: %s\n' "$htpasswd"
    } >"$dir/registry.yml"
    docker-registry serve "$dir/registry.yml" >"$dir/registry.log" 2>&1 3>&- 8>&- </dev/null &
    registry_pid=$!
    for ((i = 0; i < 200; i++)); do
        ! (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
        kill -0 "$registry_pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$dir/registry.log"
    return 1
}

# login HOST USER PASSWORD FILE: a docker config.json.
login() {
    mkdir -p "$(dirname "$4")"
    printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf '%s:%s' "$2" "$3" | base64 -w0)" >"$4"
}
