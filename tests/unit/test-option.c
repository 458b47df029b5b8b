/* Options: how they are cut out of a command line, and that no bad value gets through. */

#include "plan-made.h"
#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct parse_row {
        const char *argv[8];
        const char *uses; /* "name=value name ..." */
        const char *rest; /* "-- words", "IMAGE words" or "" */
};

static const struct parse_row good_lines[] = {
        { { "--", "ls" }, "", "-- ls" },
        { { "--", "--", "ls" }, "", "-- -- ls" },
        { { "--", "--network", "host" }, "", "-- --network host" },
        { { "img" }, "", "img" },
        { { "img", "-it", "--network", "host" }, "", "img -it --network host" },
        { { "img", "--", "ls" }, "", "img -- ls" },
        { { "-it", "img" }, "interactive tty", "img" },
        { { "-ti", "--rm", "img", "sh" }, "tty interactive rm", "img sh" },
        { { "-e", "A=b", "--", "ls" }, "env=A=b", "-- ls" },
        { { "-eA=b", "--", "ls" }, "env=A=b", "-- ls" },
        { { "--env=A=b", "--", "ls" }, "env=A=b", "-- ls" },
        { { "--env", "A=b", "--", "ls" }, "env=A=b", "-- ls" },
        { { "-itp", "80:80", "img" }, "interactive tty publish=80:80", "img" },
        { { "-itp80:80", "img" }, "interactive tty publish=80:80", "img" },
        { { "-w", "-", "--", "ls" }, "workdir=-", "-- ls" },
        { { "--entrypoint=", "img" }, "entrypoint=", "img" },
        { { "--entrypoint", "", "img" }, "entrypoint=", "img" },
        { { "-v", "-x:/y", "img" }, "volume=-x:/y", "img" },
        { { "-", "ls" }, "", "- ls" },
        { { NULL }, "", "" },
        { { "--help" }, "help", "" },
};

static void print_uses(const struct option_list *list, char *text, size_t size)
{
        size_t used = 0;

        text[0] = '\0';
        for (size_t i = 0; i < list->n; i++) {
                const struct option_use *use = &list->uses[i];

                used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", i ? " " : "",
                                         use->row->name, use->value ? "=" : "",
                                         use->value ? use->value : "");
        }
}

static void print_rest(const struct option_list *list, char *text, size_t size)
{
        size_t used = (size_t)snprintf(text, size, "%s",
                                       list->is_host ? "--"
                                       : list->image ? list->image
                                                     : "");

        for (size_t i = 0; i < list->n_args; i++)
                used += (size_t)snprintf(text + used, size - used, " %s", list->args[i]);
}

static size_t count_words(const char *const *argv)
{
        size_t n = 0;

        while (n < 8 && argv[n])
                n++;
        return n;
}

static void cuts_command_lines(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(good_lines); i++) {
                const struct parse_row *row = &good_lines[i];
                struct arena arena = { 0 };
                struct option_list list;
                struct err e = { 0 };
                char text[300];

                if (option_parse(&arena, count_words(row->argv), row->argv, &list, &e) < 0)
                        fail_msg("row %zu: %s", i, e.text);
                print_uses(&list, text, sizeof(text));
                assert_string_equal(text, row->uses);
                print_rest(&list, text, sizeof(text));
                assert_string_equal(text, row->rest);
                arena_done(&arena);
        }
}

struct bad_row {
        const char *argv[8];
        const char *text; /* a part of what is said */
};

/* Each is one problem, in one line, that names what is wrong. */
static const struct bad_row bad_lines[] = {
        /* unknown and incomplete */
        { { "--volum", "a:/b", "--", "x" }, "unknown option '--volum'\ndid you mean '--volume'" },
        { { "--netwrok=none", "--", "x" }, "unknown option '--netwrok'\ndid you mean '--network'" },
        { { "--xyzzy", "--", "x" }, "unknown option '--xyzzy'\nsee kelp run --help" },
        { { "--=x", "--", "x" }, "unknown option '--'" },
        { { "-Z", "--", "x" }, "unknown option '-Z'" },
        { { "-itZ", "img" }, "unknown option '-Z'" },
        { { "--workdir" }, "option '--workdir' needs a value: --workdir DIR" },
        { { "--workdir", "--", "x" }, "option '--workdir' needs a value" },
        { { "-w" }, "option '--workdir' needs a value" },
        { { "-itw" }, "option '--workdir' needs a value" },
        { { "--rm=true", "img" }, "option '--rm' takes no value" },
        { { "--dry-run=", "--", "x" }, "option '--dry-run' takes no value" },
        /* of later versions */
        { { "--mount", "type=bind", "img" }, "option '--mount' is not yet supported" },
        { { "--init", "img" }, "option '--init' is not yet supported" },
        { { "--ask", "--", "x" }, "option '--ask' is not yet supported" },
        { { "--explain=x", "--", "x" }, "option '--explain' takes no value" },
        { { "--secret", "x", "--", "x" }, "option '--secret' is not yet supported" },
        { { "--privileged", "img" }, "option '--privileged' is not yet supported" },
        { { "-p", "8000-8010:80", "img" }, "port range '8000-8010' is not yet supported" },
        /* not for this kind of root */
        { { "--read-only", "--", "x" }, "option '--read-only' is for images" },
        { { "--pull", "always", "--", "x" }, "option '--pull' is for images" },
        { { "--keep", "--name", "n", "--", "x" }, "option '--keep' is for images" },
        /* what is kept has a name, and changes */
        { { "--keep", "img", "x" },
          "what the run changes is to be kept, but not under what name\nadd --name NAME" },
        { { "--keep", "--name", "n", "--read-only", "img", "x" },
          "what the run changes is to be kept, but the root is read-only" },
        { { "--cap-add", "CHOWN", "--", "x" }, "option '--cap-add' is for images" },
        { { "--entrypoint", "sh", "--", "x" }, "option '--entrypoint' is for images" },
        /* volumes */
        { { "-v", "", "img", "x" }, "option '--volume': '' is not SRC:DST" },
        { { "-v", "/a", "img", "x" }, "option '--volume': '/a' is not SRC:DST" },
        { { "-v", ":/a", "img", "x" }, "':/a' is not SRC:DST" },
        { { "-v", "/a:", "img", "x" }, "'/a:' is not SRC:DST" },
        { { "-v", "/a:/b:ro:x", "img", "x" }, "is not SRC:DST" },
        { { "-v", "/a:/b:rx", "img", "x" }, "unknown volume option 'rx'\nro and rw are known" },
        { { "-v", "/a:/b:", "img", "x" }, "unknown volume option ''" },
        { { "-v", "/a:/b:Z", "img", "x" }, "unknown volume option 'Z'" },
        { { "-v", "/a:b", "img", "x" }, "'b' is not an absolute path" },
        { { "-v", "data:/b", "img", "x" }, "named volume 'data'" },
        { { "-v", "/a:/", "img", "x" }, "'/' itself cannot be replaced" },
        { { "-v", "/a:/x/..", "img", "x" }, "'/' itself cannot be replaced" },
        { { "-v", "/a:/proc", "img", "x" }, "'/proc' must be an ordinary directory" },
        { { "-v", "/a:/proc/self/attr", "img", "x" }, "must be an ordinary directory" },
        { { "-v", "/a:/sys", "img", "x" }, "'/sys' must be an ordinary directory" },
        { { "-v", "/a:/sys/kernel", "img", "x" }, "must be an ordinary directory" },
        { { "-v", "/a:/dev", "img", "x" }, "'/dev' must be an ordinary directory" },
        { { "-v", "/a:/dev/snd", "img", "x" }, "for a device there is --device" },
        { { "-v", "/a:/x", "-v", "/b:/x", "img", "x" }, "'/x' is asked for twice" },
        { { "--tmpfs", "/x", "-v", "/b:/x/", "img", "x" }, "'/x' is asked for twice" },
        /* paths */
        { { "--writable", "", "--", "x" }, "option '--writable': an empty path" },
        { { "--writable", "/", "--", "x" }, "'/' itself cannot be replaced" },
        { { "--writable", "/proc", "--", "x" }, "must be an ordinary directory" },
        { { "--readable", "", "--", "x" }, "option '--readable': an empty path" },
        { { "--readable", "/", "--", "x" }, "'/' itself cannot be replaced" },
        { { "--hide", "", "--", "x" }, "option '--hide': an empty path" },
        { { "--hide", "/", "--", "x" }, "'/' itself cannot be replaced" },
        { { "--hide", "/proc", "--", "x" }, "must be an ordinary directory" },
        { { "--hide", "x", "img", "x" }, "'x' is not an absolute path" },
        { { "--hide", "~/x", "img", "x" }, "'~/x' is not an absolute path" },
        { { "--socket", "", "--", "x" }, "option '--socket': an empty path" },
        { { "--socket", "/dev/log", "--", "x" }, "must be an ordinary directory" },
        /* tmpfs */
        { { "--tmpfs", "", "img", "x" }, "'' is not an absolute path" },
        { { "--tmpfs", "x", "img", "x" }, "'x' is not an absolute path" },
        { { "--tmpfs", "/", "img", "x" }, "'/' itself cannot be replaced" },
        { { "--tmpfs", "/dev/shm", "img", "x" }, "must be an ordinary directory" },
        { { "--tmpfs", "/x:size=", "img", "x" }, "'' is not a size" },
        { { "--tmpfs", "/x:size=0", "img", "x" }, "leaves no room" },
        { { "--tmpfs", "/x:size=1x", "img", "x" }, "'1x' is not a size" },
        { { "--tmpfs", "/x:size", "img", "x" }, "unknown tmpfs option 'size'" },
        { { "--tmpfs", "/x:mode=9", "img", "x" }, "'9' is not an octal mode" },
        { { "--tmpfs", "/x:mode=17777", "img", "x" }, "'17777' is not an octal mode" },
        { { "--tmpfs", "/x:exec", "img", "x" }, "unknown tmpfs option 'exec'" },
        { { "--tmpfs", "/x:size=1m,", "img", "x" }, "unknown tmpfs option ''" },
        { { "--tmpfs", "/x:", "img", "x" }, "unknown tmpfs option ''" },
        /* devices */
        { { "--device", "", "img", "x" }, "'' is not an absolute path" },
        { { "--device", "fuse", "img", "x" }, "'fuse' is not an absolute path" },
        { { "--device", "/dev/fuse:/dev/fuse:r", "img", "x" }, "device rights 'r' cannot be" },
        { { "--device", "/dev/fuse:ro", "img", "x" }, "device rights 'ro' cannot be enforced" },
        { { "--device", "/dev/a:/dev/b:rw:x", "img", "x" }, "is not HOST, HOST:BOX" },
        { { "--device", "/etc/passwd", "img", "x" }, "'/etc/passwd' does not lie in /dev" },
        { { "--device", "/dev/fuse:/tmp/x", "img", "x" }, "'/tmp/x' does not lie in /dev" },
        { { "--device", "/dev", "img", "x" }, "'/dev' does not lie in /dev" },
        /* the environment */
        { { "-e", "", "--", "x" }, "option '--env': '' is not NAME" },
        { { "-e", "=x", "--", "x" }, "option '--env': '=x' is not NAME" },
        /* the process */
        { { "-w", "", "--", "x" }, "option '--workdir': an empty path" },
        { { "-w", "", "img", "x" }, "option '--workdir': '' is not an absolute path" },
        { { "-w", "src", "img", "x" }, "option '--workdir': 'src' is not an absolute path" },
        { { "-w", "/proc/self/fd/9", "--", "x" }, "'/proc/self/fd/9' cannot lie in /proc" },
        { { "--name", "", "--", "x" }, "option '--name': '' cannot be the name" },
        { { "--name", "-x", "--", "x" }, "'-x' cannot be the name" },
        { { "--name", ".x", "--", "x" }, "'.x' cannot be the name" },
        { { "--name", "../x", "--", "x" }, "'../x' cannot be the name" },
        { { "--name", "0123456789ab", "--", "x" }, "'0123456789ab' reads as the id" },
        { { "--name", "a/b", "--", "x" }, "'a/b' cannot be the name" },
        { { "--name", "a b", "--", "x" }, "'a b' cannot be the name" },
        { { "--name", "a\x1b[1m", "--", "x" }, "cannot be the name" },
        { { "--hostname", "", "--", "x" }, "option '--hostname': '' is not a host name" },
        { { "--hostname", "a b", "--", "x" }, "'a b' is not a host name" },
        { { "--hostname", "-a", "--", "x" }, "'-a' is not a host name" },
        { { "-h", "a/b", "--", "x" }, "'a/b' is not a host name" },
        /* the network */
        { { "--network", "", "--", "x" }, "unknown network mode ''" },
        { { "--network", "None", "--", "x" }, "unknown network mode 'None'\ndid you mean 'none'" },
        { { "--network", "bridge", "img", "x" }, "unknown network mode 'bridge'" },
        { { "--network", "hots", "img", "x" }, "did you mean 'host'" },
        { { "-p", "", "img", "x" }, "'' is not [IP:]HOST:BOX" },
        { { "-p", "80", "img", "x" }, "'80' is not [IP:]HOST:BOX" },
        { { "-p", "0:80", "img", "x" }, "port: '0' is not between 1 and 65535" },
        { { "-p", "80:0", "img", "x" }, "port: '0' is not between 1 and 65535" },
        { { "-p", "65536:80", "img", "x" }, "'65536' is not between" },
        { { "-p", "80:65536", "img", "x" }, "'65536' is not between" },
        { { "-p", "-1:80", "img", "x" }, "port range '-1'" },
        { { "-p", ":80", "img", "x" }, "port: '' is not a whole number" },
        { { "-p", "80:", "img", "x" }, "port: '' is not a whole number" },
        { { "-p", "80:http", "img", "x" }, "'http' is not a whole number" },
        { { "-p", "80:80/sctp", "img", "x" }, "protocol 'sctp' is neither tcp nor udp" },
        { { "-p", "80:80/", "img", "x" }, "protocol '' is neither tcp nor udp" },
        { { "-p", "localhost:80:80", "img", "x" }, "'localhost' is not an IP address" },
        { { "-p", "1.2.3:80:80", "img", "x" }, "'1.2.3' is not an IP address" },
        { { "-p", "1.2.3.4.5:80:80", "img", "x" }, "is not an IP address" },
        { { "-p", "::1:80:80", "img", "x" }, "is not" },
        { { "-p", "[::1:80:80", "img", "x" }, "has no address in brackets" },
        { { "-p", "[1.2.3.4]:80:80", "img", "x" }, "'1.2.3.4' is not an IPv6 address" },
        { { "-p", "[::1]80:80", "img", "x" }, "has no address in brackets" },
        { { "-p", "80:80", "-p", "80:81", "img", "x" },
          "tcp port 80 of the host is published twice" },
        { { "-p", "80:80", "-p", "0.0.0.0:80:81", "img", "x" }, "is published twice" },
        { { "-p", "80:80", "--network", "none", "img", "x" }, "but there is no network" },
        { { "-p", "80:80", "--network", "host", "img", "x" }, "the network is the host's own" },
        { { "-p", "80:80", "--", "x" }, "but there is no network\nadd --network filtered, " },
        { { "--dns", "", "img", "x" }, "'' is not an IP address" },
        { { "--dns", "dns.example.org", "img", "x" }, "is not an IP address" },
        { { "--dns", "8.8.8.8 ", "img", "x" }, "is not an IP address" },
        { { "--dns", "8.8.8.8", "--", "x" }, "but there is no network" },
        { { "--add-host", "", "img", "x" }, "'' is not NAME:IP" },
        { { "--add-host", "db", "img", "x" }, "'db' is not NAME:IP" },
        { { "--add-host", "db:", "img", "x" }, "'' is not an IP address" },
        { { "--add-host", ":1.2.3.4", "img", "x" }, "'' is not a host name" },
        { { "--add-host", "db:1.2.3", "img", "x" }, "'1.2.3' is not an IP address" },
        { { "--add-host", "d b:1.2.3.4", "img", "x" }, "'d b' is not a host name" },
        { { "--add-host", "db:1.2.3.4\n5.6.7.8 x", "img", "x" }, "is not an IP address" },
        { { "--add-host", "db:host-gateway", "img", "x" }, "'host-gateway' is not supported" },
        /* rights */
        { { "--policy", "", "--", "x" }, "unknown policy ''" },
        { { "--policy", "sandbx", "--", "x" }, "unknown policy 'sandbx'\ndid you mean 'sandbox'" },
        { { "--policy", "lax", "--", "x" }, "unknown policy 'lax'" },
        { { "--policy", "container", "--", "x" }, "'container' is for an image" },
        { { "--policy", "sandbox", "img", "x" }, "'sandbox' is for a view of this host" },
        { { "--userns", "", "img", "x" }, "unknown id mapping ''" },
        { { "--userns", "host", "img", "x" }, "unknown id mapping 'host'" },
        { { "--userns", "subids", "--", "x" }, "maps your own id alone" },
        { { "--fake-root", "", "img", "x" }, "'' is not a way to fake root" },
        { { "--fake-root", "yes", "img", "x" }, "auto, on and off are known" },
        { { "--fake-root", "on", "--", "x" }, "a view of this host has no root to fake" },
        { { "--fake-root", "on", "--userns", "subids", "img", "x" }, "goes with one id" },
        { { "--fake-root", "on", "-u", "5", "img", "x" },
          "user id 5 is not mapped: there is only 0\nleave --fake-root on out" },
        { { "--cap-add", "", "img", "x" }, "unknown capability ''" },
        { { "--cap-add", "CAP_", "img", "x" }, "unknown capability 'CAP_'" },
        { { "--cap-add", "NET_RAWW", "img", "x" }, "did you mean 'NET_RAW'" },
        { { "--cap-add", "SYS_ADMIN,CHOWN", "img", "x" }, "unknown capability" },
        { { "--cap-drop", "EVERYTHING", "img", "x" }, "unknown capability 'EVERYTHING'" },
        { { "--cap-drop", "foo", "--", "x" }, "unknown capability 'foo'" },
        { { "--keep-fd", "", "--", "x" }, "option '--keep-fd': '' is not a whole number" },
        { { "--keep-fd", "0", "--", "x" }, "'0' is not between 3 and 1048575" },
        { { "--keep-fd", "2", "--", "x" }, "'2' is not between 3 and 1048575" },
        { { "--keep-fd", "-1", "--", "x" }, "'-1' is not a whole number" },
        { { "--keep-fd", "1048576", "--", "x" }, "'1048576' is not between" },
        { { "--keep-fd", "4294967299", "--", "x" }, "'4294967299' is not between" },
        { { "--keep-fd", "5", "--keep-fd", "5", "--", "x" }, "descriptor 5 is kept twice" },
        { { "--keep-fd", "5", "--status-fd", "5", "--", "x" },
          "both kept and the status descriptor" },
        { { "--keep-fd", "5", "--ready-fd", "5", "--", "x" },
          "descriptor 5 is both kept and that of --ready-fd" },
        { { "--status-fd", "5", "--ready-fd", "5", "--", "x" },
          "descriptor 5 is that of --status-fd and of --ready-fd" },
        { { "--ready-fd", "2", "--", "x" }, "'2' is not between 3 and" },
        { { "--ready-fd", "", "--", "x" }, "'' is not a whole number" },
        { { "--pidfile", "", "--", "x" }, "'' is not the name of a file" },
        { { "--pidfile", "x/", "--", "x" }, "'x/' is not the name of a file" },
        { { "--status-fd", "1", "--", "x" }, "'1' is not between 3 and" },
        { { "--status-fd", "x", "--", "x" }, "'x' is not a whole number" },
        /* limits */
        { { "--timeout", "", "--", "x" }, "'' is not a time" },
        { { "--timeout", "0", "--", "x" }, "a time of '0' is over at once" },
        { { "--timeout", "-5", "--", "x" }, "'-5' is not a time" },
        { { "--timeout", "5y", "--", "x" }, "'5y' is not a time" },
        { { "--timeout", "1e9", "--", "x" }, "'1e9' is not a time" },
        { { "--shm-size", "0", "--", "x" }, "leaves no room" },
        { { "--shm-size", "-1", "--", "x" }, "'-1' is not a size" },
        { { "--shm-size", "big", "--", "x" }, "'big' is not a size" },
        { { "-m", "1", "--", "x" }, "'1' is too little memory for any command" },
        { { "-m5m", "--", "x" }, "'5m' is too little memory for any command" },
        { { "--memory=", "--", "x" }, "'' is not a size" },
        { { "--cpus", "", "--", "x" }, "'' is not a number of processors" },
        { { "--cpus", ".5", "--", "x" }, "'.5' is not a number of processors" },
        { { "--cpus", "1.", "--", "x" }, "'1.' is not a number of processors" },
        { { "--cpus", "1.2345", "--", "x" }, "'1.2345' is not a number of processors" },
        { { "--cpus", "1.5x", "--", "x" }, "'1.5x' is not a number of processors" },
        { { "--cpus", "1e3", "--", "x" }, "'1e3' is not a number of processors" },
        { { "--cpus", "0", "--", "x" }, "'0' processors cannot be given" },
        { { "--cpus", "0.009", "--", "x" }, "'0.009' processors cannot be given" },
        { { "--cpus", "99999", "--", "x" }, "'99999' processors cannot be given" },
        { { "--pids-limit", "0", "--", "x" }, "'0' is not between 1 and" },
        { { "--pids-limit", "x", "--", "x" }, "'x' is not a whole number" },
        { { "--limits", "loose", "--", "x" }, "'loose' is not a way to take limits" },
        { { "--ulimit", "", "--", "x" }, "'' is not NAME=SOFT" },
        { { "--ulimit", "nofile", "--", "x" }, "'nofile' is not NAME=SOFT" },
        { { "--ulimit", "nofile=", "--", "x" }, "'' is not a whole number" },
        { { "--ulimit", "nofile=x", "--", "x" }, "'x' is not a whole number" },
        { { "--ulimit", "nofile=2:1", "--", "x" }, "the soft limit is above the hard one" },
        { { "--ulimit", "nofile=-1:1", "--", "x" }, "the soft limit is above the hard one" },
        { { "--ulimit", "nofile=1:2:3", "--", "x" }, "'2:3' is not a whole number" },
        { { "--ulimit", "nofiles=1", "--", "x" },
          "unknown limit 'nofiles'\ndid you mean 'nofile'" },
        { { "--ulimit", "NOFILE=1", "--", "x" }, "unknown limit 'NOFILE'" },
        /* nothing to run */
        { { "--" }, "there is no command to run" },
        { { "--", "" }, "the name of the command is empty" },
        { { "img" }, "image 'img' has no command of its own" },
};

static bool is_one_problem(const struct made *m)
{
        return m->result == -EINVAL || m->result == -ENOTSUP ? m->problems->n == 1 : false;
}

static void refuses_bad_lines(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(bad_lines); i++) {
                const char *argv[9] = { NULL };
                struct made m;

                memcpy(argv, bad_lines[i].argv, sizeof(bad_lines[i].argv));
                made_start(&m);
                made_run(&m, argv);
                if (!is_one_problem(&m) || !strstr(made_text(&m), bad_lines[i].text))
                        fail_msg("%s %s: %zu problems: %sexpected: %s", argv[0],
                                 argv[1] ? argv[1] : "", m.problems->n, made_text(&m),
                                 bad_lines[i].text);
                made_done(&m);
        }
}

struct user_row {
        const char *text;
        const char *said; /* NULL: it is uid 1 */
};

/* A text that is not understood must never become id 0, or any other. */
static void user_ids_are_strict(void **state)
{
        static const struct user_row rows[] = {
                { "1", NULL },
                { "01", NULL },
                { "+1", "'+1' is neither a number nor a name" },
                { "-1", "'-1' is neither" },
                { "1 ", "'1 ' is neither" },
                { " 1", "' 1' is neither" },
                { "0x1", "'0x1' is neither" },
                { "1.0", "'1.0' is neither" },
                { "1e0", "'1e0' is neither" },
                { "4294967295", "'4294967295' is not between 0 and 4294967294" },
                { "4294967296", "'4294967296' is not between" },
                { "18446744073709551617", "is not a whole number" },
                { "1:", "'' is neither a number nor a name of a group" },
                { ":1", "'' is neither a number nor a name of a user" },
                { "", "'' is neither" },
                { ":", "'' is neither" },
                { "1:1:1", "'1:1' is neither" },
                { "1:-1", "'-1' is neither" },
                { "1\n", "is neither" },
                { "bob\nroot", "is neither" },
                { "../root", "is neither" },
        };

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                const char *argv[] = { "--user", rows[i].text, "img", "x", NULL };
                struct made m;

                made_start(&m);
                made_run(&m, argv);
                if (rows[i].said) {
                        if (!is_one_problem(&m) || !strstr(made_text(&m), rows[i].said))
                                fail_msg("'%s': %s", rows[i].text, made_text(&m));
                } else {
                        assert_int_equal(m.result, 0);
                        assert_null(m.plan.ids.user.name);
                        assert_int_equal(m.plan.ids.user.uid, 1);
                        assert_false(m.plan.ids.user.has_gid);
                }
                made_done(&m);
        }
}

static void tells_all_problems_at_once(void **state)
{
        const char *argv[] = { "--network", "foo",    "-p", "0:1", "--userns", "x", "-e",
                               "",          "--name", "/",  "--",  "x",        NULL };
        struct made m;

        (void)state;
        made_start(&m);
        made_run(&m, argv);
        assert_int_equal(m.result, -EINVAL);
        assert_int_equal(m.problems->n, 5);
        made_done(&m);
}

static void counts_what_it_cannot_keep(void **state)
{
        const char *argv[2 * 40 + 3];
        struct made m;
        size_t n = 0;

        (void)state;
        for (size_t i = 0; i < 40; i++) {
                argv[n++] = "--cap-drop";
                argv[n++] = "NONSENSE";
        }
        argv[n++] = "--";
        argv[n++] = "x";
        argv[n] = NULL;
        made_start(&m);
        made_run(&m, argv);
        assert_int_equal(m.problems->n, PLAN_MAX_PROBLEMS);
        assert_int_equal(m.problems->n_dropped, 40 - PLAN_MAX_PROBLEMS);
        made_done(&m);
}

/* Every row of the table can be explained, or is refused; no letter or name stands there twice. */
static void the_table_is_sound(void **state)
{
        (void)state;
        for (const struct option_row *row = option_table; row->name; row++) {
                assert_true(row->help ? row->apply != NULL : row->apply == NULL);
                assert_true(row->group < OPTION_GROUP_COUNT);
                assert_true(strlen(row->name) > 1);
                if (row->help) {
                        assert_true(strlen(row->help) <= 64);
                        assert_true(row->scope != 0);
                }
                for (const struct option_row *other = row + 1; other->name; other++) {
                        assert_string_not_equal(row->name, other->name);
                        assert_true(row->letter == 0 || row->letter != other->letter);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(cuts_command_lines),
                cmocka_unit_test(refuses_bad_lines),
                cmocka_unit_test(user_ids_are_strict),
                cmocka_unit_test(tells_all_problems_at_once),
                cmocka_unit_test(counts_what_it_cannot_keep),
                cmocka_unit_test(the_table_is_sound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
