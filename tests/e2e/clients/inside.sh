#!/bin/sh
# Runs in the sandbox: each client asks good.test, which is allowed, and other.test, which is the same
# server and is not.  Prints "CLIENT HOST STATUS MILLISECONDS" a line; what it got is in got/CLIENT-HOST.
# The name of the user for ssh is $1.
user=$1
here=$PWD
unset CDPATH
mkdir -p got

curl_() { curl -sS --cacert ca.pem "https://$1/hello"; }
wget_() { wget -nv -t 1 -O - --ca-certificate=ca.pem "https://$1/hello"; }
git_https() { git -c "http.sslCAInfo=$here/ca.pem" clone -q "https://$1/repo.git" "got/https-$1" && cat "got/https-$1/hello"; }
git_ssh() {
    GIT_SSH_COMMAND="ssh -i $here/key -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new \
        -o UserKnownHostsFile=$here/known" git clone -q "ssh://$user@$1:2222$here/repo.git" "got/ssh-$1" &&
        cat "got/ssh-$1/hello"
}
openssl_() {
    printf 'GET /hello HTTP/1.0\r\nHost: %s\r\n\r\n' "$1" |
        openssl s_client -quiet -connect "$1:443" -servername "$1" -CAfile ca.pem -verify_return_error
}
go_own() { SSL_CERT_FILE=ca.pem GODEBUG=netdns=go ./get-go "https://$1/hello"; }
go_libc() { SSL_CERT_FILE=ca.pem GODEBUG=netdns=cgo ./get-go "https://$1/hello"; }
java_() {
    java -XX:TieredStopAtLevel=1 -Xshare:auto -Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit \
        -cp . Get "https://$1/hello"
}
node_() { NODE_EXTRA_CA_CERTS=ca.pem node get.mjs "https://$1/hello"; }
python_() { python3 get.py ca.pem "$1"; }
static_() { ./get-static "$1" 80 /hello; }

env | grep -i proxy && exit 3
for client in curl_ wget_ git_https git_ssh openssl_ go_own go_libc java_ node_ python_ static_; do
    for host in good.test other.test; do
        start=$(date +%s%N)
        "$client" "$host" >"got/$client-$host" 2>"got/$client-$host.err"
        status=$?
        ms=$((($(date +%s%N) - start) / 1000000))
        # those that take long to start have looked at the clock themselves
        took=$(sed -n 's/^took \([0-9]*\)$/\1/p' "got/$client-$host.err")
        echo "$client $host $status ${took:-$ms}"
    done
done
