#!/bin/sh
# Compares what probe-syscalls saw with the golden table, for one policy.
#
#     test-seccomp-kernel.sh GOLDEN POLICY PROBE [ARG...]
#
# POLICY is sandbox, container or strict, with +userns and +fakeroot behind it as a variant has them;
# "PROBE ARG..." prints the probe's lines, from whatever sandbox it is to be asked about.  What the filter refuses must be
# refused with that very error; what it allows must have been answered by the kernel.
set -eu

golden=$1
policy=$2
shift 2
machine=$(uname -m)
kernel=$(uname -r)

# one command, so that a probe that fails fails the test
seen=$("$@")

printf '%s\n' "$seen" | awk -v golden="$golden" -v policy="$policy" -v machine="$machine" -v kernel="$kernel" '
function fail(text) {
        print "not ok: " text
        failed++
}

function expect(have, want) {
        checked++
        if (have != want)
                fail($0 ": expected " want)
}

# what the argument rules say of a socket, or "kernel"
function socket_answer(family, type, protocol) {
        if (is_silent)
                return "EPERM"
        if (family == 1)
                return "ok"
        if (family == 16)
                return protocol == 0 ? "kernel" : "EPROTONOSUPPORT"
        if (family != 2 && family != 10)
                return "EAFNOSUPPORT"
        if (type == 3)
                return "kernel"
        if (type > 3 || protocol > 0)
                return "EPROTONOSUPPORT"
        return "kernel"
}

# whether call `number` came with a later kernel than this one
function is_later(number) {
        return number in since && since[number] > release[1] * 1000 + release[2]
}

BEGIN {
        split(kernel, release, /[^0-9]/)
        since[451] = 6005
        since[452] = since[453] = 6006
        since[454] = since[455] = since[456] = 6007
        since[462] = 6010
        since[463] = since[464] = since[465] = since[466] = 6013
        column["sandbox"] = 4
        column["sandbox+userns"] = 5
        column["container"] = 6
        column["container+userns"] = 7
        column["container+fakeroot"] = 8
        column["container+userns+fakeroot"] = 9
        column["strict"] = 10
        column["strict+userns"] = 11
        if (!(policy in column)) {
                fail("no policy " policy)
                exit
        }
        nested = policy ~ /userns/
        is_silent = policy ~ /^strict/
        fakes = policy ~ /fakeroot/
        while ((getline line < golden) > 0) {
                split(line, cell, " ")
                if (cell[1] == machine)
                        want[cell[2]] = cell[column[policy]]
        }
        if (want[0] != "allow")
                fail("no golden table for " machine)
}

$1 == "nr" {
        numbers++
        answer = ($2 in want) ? want[$2] : "ENOSYS"
        if (answer == "EPERM" || answer == "ENOSYS")
                expect($3, answer)
        else if (answer == "fake")
                expect($3, "ok")
        else if ($3 == "SIGSYS")
                fail($0 ": killed")
        else if ($3 == "other" || $3 == "ok")
                passed++
        else if (is_later($2))
                later++
}

$1 ~ /^socket/ && $2 == "pair" {
        expect($4, is_silent ? "EPERM" : $3 == 1 ? "ok" : "EAFNOSUPPORT")
        sockets++
}

$1 ~ /^socket/ && $2 != "pair" {
        answer = socket_answer($2, $3, $4)
        if (answer != "kernel" && !($2 == 1 && $5 == "other"))
                expect($5, answer)
        # whoever has no sockets at all has not been asked
        if ($2 == 1 && $3 == 1 && !is_silent)
                expect($5, "ok")
        sockets++
}

$1 ~ /^ioctl/ {
        expect($3, $2 ~ /^(TIOCSTI|TIOCLINUX|TIOCSETD|TIOCCONS|KD|VT_)/ ? "EPERM" : "other")
        ioctls++
}

$1 == "clone" && $2 == "none" { expect($3, "ok") }
($1 == "clone" && $2 != "none" || $1 == "unshare") && !nested { expect($3, "EPERM") }
$1 == "prctl" { expect($3, $2 == "PR_SET_MM" ? "EPERM" : "ok") }
$1 == "personality" { expect($3, $2 ~ /ask|PER_/ ? "ok" : "EPERM") }
$1 == "mknodat" { expect($3, $2 == "S_IFIFO" ? "other" : fakes ? "ok" : "EPERM") }
$1 == "abi" { expect($3, $2 == "int80" ? "SIGSYS" : "ENOSYS") }
$1 == "abi" { abis++ }

END {
        if (numbers != 601 || sockets < 500 || ioctls != 20 || abis < 2)
                fail("the probe ended early")
        if (passed + later < (is_silent ? 230 : 250))
                fail("only " passed " calls got as far as the kernel")
        print policy ": " checked " answers compared, " passed " calls allowed, " failed + 0 " wrong"
        exit failed > 0
}
'
