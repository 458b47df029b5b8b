#include "option.h"

#include "apply.h"

#include <assert.h>

/*
 * One row an option.  Rows of later versions have no help: they are recognised and refused, never
 * taken for something else and never silently accepted.
 */

#define FILES   OPTION_GROUP_FILES
#define PROCESS OPTION_GROUP_PROCESS
#define NETWORK OPTION_GROUP_NETWORK
#define RIGHTS  OPTION_GROUP_RIGHTS
#define LIMITS  OPTION_GROUP_LIMITS
#define RUN     OPTION_GROUP_RUN
#define HOST    OPTION_HOST
#define IMAGE   OPTION_IMAGE
#define BOTH    OPTION_BOTH
#define EARLY   OPTION_EARLY
#define READS   OPTION_NAMES_FILE

#define LATER(letter_, name_)                                                                      \
        {                                                                                          \
                .name = (name_), .letter = (letter_), .scope = BOTH                                \
        }

/* clang-format off */
const struct option_row option_table[] = {
        { "volume", "SRC:DST[:ro]", "Show the host's SRC at DST, writable unless ro",
          apply_volume, 'v', BOTH, FILES, 0 },
        { "writable", "PATH", "Show the host's PATH at the same place, writable",
          apply_writable, 0, BOTH, FILES, 0 },
        { "readable", "PATH", "Show the host's PATH at the same place, read-only",
          apply_readable, 0, BOTH, FILES, 0 },
        { "hide", "PATH", "Cover PATH by something empty",
          apply_hidden, 0, BOTH, FILES, 0 },
        { "tmpfs", "DST[:OPTIONS]", "An empty directory in memory (size=64m,mode=1777)",
          apply_temporary, 0, BOTH, FILES, 0 },
        { "socket", "PATH", "Let the sandbox reach the socket PATH of the host",
          apply_socket, 0, BOTH, FILES, 0 },
        { "device", "HOST[:BOX]", "Show the host's device",
          apply_device, 0, BOTH, FILES, 0 },
        { "read-only", NULL, "Make the root of the image read-only",
          apply_read_only, 0, IMAGE, FILES, 0 },

        { "env", "NAME[=VALUE]", "Set a variable, or pass your own one on",
          apply_env, 'e', BOTH, PROCESS, 0 },
        { "env-file", "FILE", "Set the variables in FILE, one NAME=VALUE a line",
          apply_env_file, 0, BOTH, PROCESS, READS },
        { "workdir", "DIR", "Start in DIR",
          apply_workdir, 'w', BOTH, PROCESS, 0 },
        { "user", "USER[:GROUP]", "Run as this user, by number or by the image's name",
          apply_user, 'u', BOTH, PROCESS, 0 },
        { "entrypoint", "PROGRAM", "Run this in place of the image's entrypoint (\"\": none)",
          apply_entrypoint, 0, IMAGE, PROCESS, 0 },
        { "interactive", NULL, "Keep stdin (always so, but with -d)",
          apply_interactive, 'i', BOTH, PROCESS, 0 },
        { "tty", NULL, "A terminal inside even when there is none outside",
          apply_tty, 't', BOTH, PROCESS, 0 },

        { "network", "MODE", "none, user (through slirp4netns), filtered (by name) or host",
          apply_network, 0, BOTH, NETWORK, 0 },
        { "allow", "HOST[:PORT]", "A filtered network that reaches HOST (*.HOST, IP, IP/BITS)",
          apply_allow, 0, BOTH, NETWORK, 0 },
        { "deny", "HOST[:PORT]", "Not this one, whatever else is allowed",
          apply_deny, 0, BOTH, NETWORK, 0 },
        { "host-port", "PORT", "Lend the port PORT of the host's own 127.0.0.1",
          apply_host_port, 0, BOTH, NETWORK, 0 },
        { "net-log", "FILE", "Append to FILE what was asked for, as lines of JSON",
          apply_net_log, 0, BOTH, NETWORK, 0 },
        { "publish", "[IP:]HOST:BOX[/udp]", "Forward a port of the host (of 127.0.0.1) inside",
          apply_publish, 'p', BOTH, NETWORK, 0 },
        { "dns", "IP", "Ask this DNS server",
          apply_dns, 0, BOTH, NETWORK, 0 },
        { "add-host", "NAME:IP", "A line for /etc/hosts",
          apply_add_host, 0, BOTH, NETWORK, 0 },
        { "hostname", "NAME", "The host name inside (kelp)",
          apply_host_name, 'h', BOTH, NETWORK, 0 },

        { "policy", "NAME|FILE", "What is allowed, by name or a file of yours; several add up",
          apply_nothing, 0, BOTH, RIGHTS, EARLY },
        { "userns", "MODE", "Ids inside: auto, single (one id) or subids",
          apply_userns, 0, BOTH, RIGHTS, 0 },
        { "fake-root", "MODE", "Let chown, setuid and the like say they worked: auto, on, off",
          apply_fake_root, 0, BOTH, RIGHTS, 0 },
        { "cap-add", "NAME", "Keep this capability, inside the sandbox's own namespaces",
          apply_keep_cap, 0, IMAGE, RIGHTS, 0 },
        { "cap-drop", "NAME", "Drop this capability (ALL: every one)",
          apply_drop_cap, 0, BOTH, RIGHTS, 0 },
        { "allow-userns", NULL, "Allow user namespaces inside (browsers, other sandboxes)",
          apply_allow_userns, 0, BOTH, RIGHTS, 0 },
        { "keep-fd", "N", "Leave descriptor N open for the command",
          apply_keep_fd, 0, BOTH, RIGHTS, 0 },

        { "timeout", "TIME", "End the run after TIME (90s, 5m), with status 124",
          apply_timeout, 0, BOTH, LIMITS, 0 },
        { "memory", "SIZE", "Memory of all its processes together (512m, 2g)",
          apply_memory, 'm', BOTH, LIMITS, 0 },
        { "cpus", "NUMBER", "Time of so many processors (1.5)",
          apply_cpus, 0, BOTH, LIMITS, 0 },
        { "pids-limit", "N", "So many processes and threads at a time",
          apply_processes, 0, BOTH, LIMITS, 0 },
        { "limits", "MODE", "What cannot be enforced: strict (refused) or best-effort",
          apply_limits_mode, 0, BOTH, LIMITS, 0 },
        { "shm-size", "SIZE", "Size of /dev/shm (64m)",
          apply_shm_size, 0, BOTH, LIMITS, 0 },
        { "ulimit", "NAME=SOFT[:HARD]", "A limit of setrlimit(2): nofile, nproc, fsize, ...",
          apply_ulimit, 0, BOTH, LIMITS, 0 },

        { "name", "NAME", "Name the sandbox",
          apply_name, 0, BOTH, RUN, 0 },
        { "keep", NULL, "Keep what the run changes in the image, under the --name",
          apply_keep, 0, IMAGE, RUN, 0 },
        { "pull", "WHEN", "Ask the image's registry: never, missing or always",
          apply_nothing, 0, IMAGE, RUN, 0 },
        { "review", NULL, "Keep what is written apart, until kelp apply or kelp discard",
          apply_nothing, 0, HOST, RUN, 0 },
        { "dry-run", NULL, "Print the whole plan and run nothing",
          apply_dry_run, 0, BOTH, RUN, 0 },
        { "status-fd", "N", "Write what happens to descriptor N, as lines of JSON",
          apply_status_fd, 0, BOTH, RUN, 0 },
        { "ready-fd", "N", "Write a line to descriptor N when the command runs",
          apply_ready_fd, 0, BOTH, RUN, 0 },
        { "pidfile", "FILE", "Write the number of the process to watch to FILE",
          apply_pid_file, 0, BOTH, RUN, 0 },
        { "explain", NULL, "Name at the end what was refused, and what would allow it",
          apply_explain, 0, BOTH, RUN, 0 },
        { "detach", NULL, "Print the id of the sandbox, and let it run in the background",
          apply_detach, 'd', BOTH, RUN, 0 },
        { "rm", NULL, "Leave nothing behind (always so, but with -d)",
          apply_rm, 0, BOTH, RUN, 0 },
        { "help", NULL, "Print this",
          apply_nothing, 0, BOTH, RUN, EARLY },

        LATER('l', "label"),
        LATER('P', "publish-all"), LATER('c', "cpu-shares"), LATER('a', "attach"),
        LATER(0, "mount"), LATER(0, "cpuset-cpus"),
        LATER(0, "memory-swap"), LATER(0, "init"), LATER(0, "platform"),
        LATER(0, "secret"),
        LATER(0, "privileged"), LATER(0, "security-opt"), LATER(0, "gpus"),
        LATER(0, "group-add"), LATER(0, "cidfile"), LATER(0, "restart"), LATER(0, "ipc"),
        LATER(0, "pid"), LATER(0, "uts"), LATER(0, "cgroupns"), LATER(0, "sysctl"),
        LATER(0, "stop-signal"), LATER(0, "stop-timeout"), LATER(0, "expose"),
        LATER(0, "ip"), LATER(0, "link"), LATER(0, "volumes-from"), LATER(0, "annotation"),
        LATER(0, "oom-score-adj"), LATER(0, "sig-proxy"), LATER(0, "detach-keys"),
        LATER(0, "ask"),
        { .name = NULL },
};
/* clang-format on */

static const char *const group_names[] = {
        [OPTION_GROUP_FILES] = "Files",     [OPTION_GROUP_PROCESS] = "The command",
        [OPTION_GROUP_NETWORK] = "Network", [OPTION_GROUP_RIGHTS] = "Rights",
        [OPTION_GROUP_LIMITS] = "Limits",   [OPTION_GROUP_RUN] = "The run",
};
static_assert(sizeof(group_names) / sizeof(group_names[0]) == OPTION_GROUP_COUNT,
              "a heading for every group");

const char *option_group_name(enum option_group group)
{
        return group_names[group];
}
