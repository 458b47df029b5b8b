#!/usr/bin/env bats
# The units of helpers/systemd: that systemd takes them, and that what they say of kelp is true.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/boxes

setup() {
    boxes_setup
    units=$KELP_SRC/helpers/systemd
}

# The unit $1 with what meson puts in, as ../NAME.service.
installed() {
    sed "s,@kelp@,$KELP," "$units/$1.service" >"../${1#*/}.service"
}

# The value of $2 in the unit $1 for a service "app" of this user, as systemd expands it; the command
# of the example becomes $3.
value() {
    local text

    text=$(sed -n "s/^$2=//p" "$units/$1.service")
    text=${text//@kelp@/$KELP}
    text=${text//%t/$XDG_RUNTIME_DIR}
    text=${text//%N/app}
    text=${text// --network filtered --allow api.example.com/}
    echo "${text/.\/serve/$3}"
}

# The words of a line of a unit: none of them has more than a shell's quotes in it.
words_of() {
    python3 -c 'import shlex, sys; print("\0".join(shlex.split(sys.argv[1])), end="\0")' "$1"
}

@test "systemd takes each unit without a word" {
    local unit

    for unit in user/kelp-app user/kelp-app-forking user/kelp-app-notify; do
        installed "$unit"
        run -0 systemd-analyze --user verify "../${unit#*/}.service"
        [ -z "$output" ]
    done
    installed system/kelp-web
    run -0 systemd-analyze verify ../kelp-web.service
    [ -z "$output" ]
    # the control: a word that it does not know is told
    sed -i 's/^KillMode=/KilMode=/' ../kelp-web.service
    run systemd-analyze verify ../kelp-web.service
    [[ $output == *"Unknown key 'KilMode'"* ]]
    [ "$(find "$units" -name '*.service' | wc -l)" = 4 ]
}

@test "Type=exec: what is started is the process to watch" {
    mapfile -d '' -t words < <(words_of "$(value user/kelp-app ExecStart 'sh -c "touch started; exec sleep 100"')")
    "${words[@]}" 3>&- &
    await_file started
    [ "$(field app supervisor_pid)" = $! ]
    # KillMode=mixed: to the main process alone
    kill -TERM $!
    status=0
    wait $! || status=$?
    [ "$status" = 143 ]
    nothing_left
}

@test "RestartPreventExitStatus: what kelp itself ends with" {
    for unit in user/kelp-app user/kelp-app-forking; do
        run value "$unit" RestartPreventExitStatus
        [ "$output" = "125 126 127" ]
        mapfile -d '' -t words < <(words_of "$(value "$unit" ExecStart no-such-command)")
        run -127 "${words[@]}"
        mapfile -d '' -t words < <(words_of "$(value "$unit" ExecStart true)")
        run -125 "${words[@]:0:2}" --badopt "${words[@]:2}"
    done
}

@test "Type=forking: the pidfile names the process to watch when what was started ends" {
    pid_file=$(value user/kelp-app-forking PIDFile)
    mapfile -d '' -t words < <(words_of "$(value user/kelp-app-forking ExecStart 'sleep 100')")
    timeout 20 "${words[@]}"
    pid=$(cat "$pid_file")
    [ "$pid" = "$(field app supervisor_pid)" ]
    mapfile -d '' -t words < <(words_of "$(value user/kelp-app-forking ExecStop)")
    "${words[@]}"
    gone "$pid"
    [ ! -e "$pid_file" ]
    # started again, and killed as by systemd: nothing but the pidfile is left, which systemd removes
    mapfile -d '' -t words < <(words_of "$(value user/kelp-app-forking ExecStart 'sleep 100')")
    timeout 20 "${words[@]}"
    pid=$(cat "$pid_file")
    kill -KILL "$pid"
    gone "$pid"
    rm "$pid_file"
    run -0 "$KELP" ps -aq
    [ -z "$output" ]
    nothing_left
}

@test "Type=notify: one message once the command has been executed, and none where it is not" {
    # a manager: it binds the socket, and prints what comes
    cat >../manager.py <<'PY'
import os, socket, subprocess, sys
path = sys.argv[1]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(path)
sock.settimeout(20)
main = subprocess.Popen(sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=path))
while True:
    try:
        # the barrier of systemd-notify comes with a descriptor, which is to be closed
        text, fds, _, _ = socket.recv_fds(sock, 4096, 4)
    except TimeoutError:
        print("nothing")
        break
    for fd in fds:
        os.close(fd)
    if not fds:
        print(text.decode().strip(), os.path.exists("started"), main.poll(), flush=True)
        main.terminate()
        break
print(main.wait())
PY
    mapfile -d '' -t words < <(words_of "$(value user/kelp-app-notify ExecStart 'sh -c "touch started; exec sleep 100"')")
    run -0 python3 ../manager.py "$BATS_TEST_TMPDIR/notify" "${words[@]}"
    [[ $output == "READY=1 "*" None"$'\n'143 ]]
    mapfile -d '' -t words < <(words_of "$(value user/kelp-app-notify ExecStart no-such-command)")
    sed -i 's/settimeout(20)/settimeout(1)/' ../manager.py
    run -0 python3 ../manager.py "$BATS_TEST_TMPDIR/notify2" "${words[@]}"
    [ "${lines[-2]} ${lines[-1]}" = "nothing 127" ]
}

@test "the pidfile of a unit cannot lie where the sandbox writes" {
    mapfile -d '' -t words < <(words_of "$(value user/kelp-app-forking ExecStart 'touch ran')")
    for i in "${!words[@]}"; do
        words[i]=${words[i]/#$XDG_RUNTIME_DIR/.}
    done
    run -125 "${words[@]}"
    [[ ${lines[0]} == "kelp: the sandbox could write the pidfile"* ]]
    [ ! -e ran ]
}
