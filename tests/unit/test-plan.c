/* Plans: what comes out when policy, image and options come together. */

#include "plan-made.h"
#include "policy.h"
#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DIGEST   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD     "[image]\nid = sha256:" DIGEST "\nlayer = " DIGEST "\n[run]\n"

static void run_image(struct made *m, const char *text, const char *const *argv)
{
        made_start(m);
        m->image_text = text;
        made_run(m, argv);
}

static const char *env_of(const struct plan *p, const char *name)
{
        size_t len = strlen(name);
        const char *value = NULL;

        for (size_t i = 0; i < p->exec.n_env; i++) {
                if (strncmp(p->exec.env[i], name, len) != 0 || p->exec.env[i][len] != '=')
                        continue;
                /* no name twice */
                assert_null(value);
                value = p->exec.env[i] + len + 1;
        }
        assert_null(p->exec.env[p->exec.n_env]);
        return value;
}

static const struct plan_rule *rule_at(const struct plan *p, const char *box_path)
{
        for (size_t i = p->files.n_rules; i > 0; i--) {
                if (str_eq(p->files.rules[i - 1].box_path, box_path))
                        return &p->files.rules[i - 1];
        }
        return NULL;
}

struct argv_row {
        const char *image; /* entrypoint and command lines of the image */
        const char *argv[8];
        const char *command; /* what is run, words joined by '|'; NULL: nothing to run */
};

/* docker's table: https://docs.docker.com/reference/dockerfile/ "Understand how CMD and ENTRYPOINT
 * interact", and --entrypoint of docker run */
static const struct argv_row argv_rows[] = {
        { "", { "img" }, NULL },
        { "", { "img", "sh" }, "sh" },
        { "command = sh\n", { "img" }, "sh" },
        { "command = sh\ncommand = -c\ncommand = a b\n", { "img" }, "sh|-c|a b" },
        { "command = sh\n", { "img", "ls", "-l" }, "ls|-l" },
        { "entrypoint = git\n", { "img" }, "git" },
        { "entrypoint = git\n", { "img", "log" }, "git|log" },
        { "entrypoint = git\ncommand = help\n", { "img" }, "git|help" },
        { "entrypoint = git\ncommand = help\n", { "img", "log", "-1" }, "git|log|-1" },
        { "entrypoint = git\ncommand = help\n", { "--entrypoint", "sh", "img" }, "sh" },
        { "entrypoint = git\ncommand = help\n",
          { "--entrypoint", "sh", "img", "-c", "x" },
          "sh|-c|x" },
        { "entrypoint = git\ncommand = help\n", { "--entrypoint", "", "img", "ls" }, "ls" },
        { "entrypoint = git\ncommand = help\n", { "--entrypoint=", "img" }, NULL },
        { "entrypoint = --privileged\n", { "img" }, "--privileged" },
        { "command = sh\n", { "img", "--", "ls" }, "--|ls" },
        { "command = sh\n", { "img", "-it" }, "-it" },
        { "entrypoint = a\\nb\\\\c\\x41\n", { "img" }, "a\nb\\cA" },
        { "entrypoint =  x \n", { "img" }, " x " },
        { "command = a\ncommand = \ncommand = c\n", { "img" }, "a||c" },
};

static void join(const struct plan *p, char *text, size_t size)
{
        size_t used = 0;

        text[0] = '\0';
        assert_null(p->exec.argv[p->exec.n_args]);
        for (size_t i = 0; i < p->exec.n_args; i++)
                used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "|" : "",
                                         p->exec.argv[i]);
}

static void commands_as_docker_has_them(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(argv_rows); i++) {
                char text[300];
                struct made m;

                snprintf(text, sizeof(text), "%s%s", HEAD, argv_rows[i].image);
                run_image(&m, text, argv_rows[i].argv);
                if (!argv_rows[i].command) {
                        assert_int_equal(m.result, -EINVAL);
                        assert_non_null(strstr(made_text(&m), "has no command of its own"));
                } else {
                        if (m.result != 0)
                                fail_msg("row %zu: %s", i, made_text(&m));
                        join(&m.plan, text, sizeof(text));
                        assert_string_equal(text, argv_rows[i].command);
                }
                made_done(&m);
        }
}

static void image_sets_the_run(void **state)
{
        static const char text[] =
                HEAD "env = PATH=/opt/bin\nenv = A=1\nenv = A=2\nenv = TERM=dumb\n"
                     "env = E=\nenv = M=a\\nb = c\ncommand = sh\nworkdir = /src/x\n"
                     "user = bob:staff\nstop-signal = INT\nexpose = 80/tcp\n";
        const char *argv[] = { "img", NULL };
        struct made m;
        const struct plan *p = &m.plan;

        (void)state;
        run_image(&m, text, argv);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        assert_string_equal(p->image.id, "sha256:" DIGEST);
        assert_int_equal(p->image.n_layers, 1);
        assert_string_equal(p->image.layers[0], DIGEST);
        assert_string_equal(p->image.store, "/store");
        assert_string_equal(env_of(p, "PATH"), "/opt/bin");
        assert_string_equal(env_of(p, "A"), "2");
        assert_string_equal(env_of(p, "E"), "");
        assert_string_equal(env_of(p, "M"), "a\nb = c");
        assert_string_equal(env_of(p, "TERM"), "xterm-256color");
        assert_null(env_of(p, "HOME"));
        assert_string_equal(p->exec.workdir, "/src/x");
        assert_string_equal(p->ids.user.name, "bob");
        assert_string_equal(p->ids.user.group, "staff");
        assert_int_equal(p->exec.stop_signal, SIGINT);
        assert_int_equal(p->net.n_ports, 0);
        assert_int_equal(p->ids.base_uid, 0);
        assert_int_equal(p->ids.outer_uid, 1000);
        made_done(&m);
}

static void options_win_over_the_image(void **state)
{
        static const char text[] =
                HEAD "env = A=1\nenv = B=1\nenv = C=1\nworkdir = /src\nuser = bob\ncommand = sh\n";
        const char *argv[] = { "-e",      "A=2",        "-eSECRET_TOKEN",
                               "-e",      "B",          "-e",
                               "UNKNOWN", "-e",         "TERM=x",
                               "-w",      "/",          "-u",
                               "5:6",     "--env-file", "./f",
                               "-e",      "F=opt",      "img",
                               NULL };
        struct made m;
        const struct plan *p = &m.plan;

        (void)state;
        made_start(&m);
        m.image_text = text;
        m.env_text = "# comment\n\n  G=1\nF=file\nH=a b \"c\"\r\nLANG\nC\nI=#x\n";
        made_run(&m, argv);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        assert_string_equal(env_of(p, "A"), "2");
        assert_string_equal(env_of(p, "SECRET_TOKEN"), "xyzzy");
        assert_null(env_of(p, "B"));
        assert_null(env_of(p, "C"));
        assert_null(env_of(p, "UNKNOWN"));
        assert_string_equal(env_of(p, "TERM"), "x");
        assert_string_equal(env_of(p, "F"), "opt");
        assert_string_equal(env_of(p, "G"), "1");
        assert_string_equal(env_of(p, "H"), "a b \"c\"");
        assert_string_equal(env_of(p, "LANG"), "C.UTF-8");
        assert_string_equal(env_of(p, "I"), "#x");
        assert_string_equal(p->exec.workdir, "/");
        assert_int_equal(p->ids.user.uid, 5);
        assert_int_equal(p->ids.user.gid, 6);
        assert_null(p->ids.user.name);
        made_done(&m);
}

static void env_files_are_judged(void **state)
{
        static const struct {
                const char *text;
                const char *said;
        } rows[] = {
                { "A=b\n=c\n", "option '--env-file': ./f:2: '=c' is not NAME or NAME=VALUE" },
                { "A B=c\n", "./f:1: 'A B=c' is not NAME or NAME=VALUE" },
                { "\n\n  A B\n", "./f:3: 'A B' is not NAME" },
                { "export A=b\n", "'export A=b' is not NAME" },
        };
        const char *argv[] = { "--env-file", "./f", "--", "x", NULL };
        struct made m;

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                made_start(&m);
                m.env_text = rows[i].text;
                made_run(&m, argv);
                if (m.problems->n != 1 || !strstr(made_text(&m), rows[i].said))
                        fail_msg("%s: %s", rows[i].text, made_text(&m));
                made_done(&m);
        }
        char *big = malloc(20001);
        assert_non_null(big);
        memset(big, 'x', 20000);
        memcpy(big, "B=", 2);
        big[20000] = '\0';
        made_start(&m);
        m.env_text = big;
        made_run(&m, argv);
        assert_int_equal(m.result, 0);
        assert_int_equal(strlen(env_of(&m.plan, "B")), 19998);
        made_done(&m);
        free(big);
}

static void path_has_a_default(void **state)
{
        const char *argv[] = { "img", "sh", NULL };
        struct made m;

        (void)state;
        run_image(&m, HEAD, argv);
        assert_string_equal(env_of(&m.plan, "PATH"),
                            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        made_done(&m);
        run_image(&m, HEAD "env = PATH=\n", argv);
        assert_true(env_of(&m.plan, "PATH")[0] == '/');
        made_done(&m);
}

struct text_row {
        const char *text;
        const char *said;
};

/* An image's own text is judged like every other one. */
static void refuses_bad_images(void **state)
{
        static const struct text_row rows[] = {
                { "[image]\nlayer = x\n",
                  "image 'img': image.policy:2: layer: 'x' is not a digest" },
                { "[image]\nlayer = ../../etc\n", "'../../etc' is not a digest" },
                { "[image]\nid = x\n", "image 'img' has no layers" },
                { "", "image 'img' has no layers" },
                { HEAD "env = A\n", "env: 'A' is not NAME=VALUE" },
                { HEAD "env = =x\n", "env: '=x' is not NAME=VALUE" },
                { HEAD "user = -1\n", "user: '-1' is neither" },
                { HEAD "user = a:b:c\n", "user: 'b:c' is neither" },
                { HEAD "stop-signal = NOPE\n", "stop-signal: 'NOPE' is not a signal" },
                { HEAD "volume = /x\n", "unknown key 'volume'\nimport the image again" },
                { HEAD "garbage\n", "neither 'key = value' nor a [section]" },
                { HEAD "[x\n", "not a section" },
                { HEAD "command = a\\q\n", "command: an unknown escape" },
                { HEAD "command = a\\x0\n", "command: an unknown escape" },
                { HEAD "command = a\\x00\n", "command: an unknown escape" },
                { HEAD "command = a\\\n", "command: an unknown escape" },
                { HEAD "readable = /etc\n", "unknown key 'readable'" },
                { HEAD "[files]\nreadable = /etc\n", "unknown key 'readable'" },
        };
        const char *argv[] = { "img", "sh", NULL };

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct made m;

                run_image(&m, rows[i].text, argv);
                if (m.result != -EINVAL || m.problems->n != 1 ||
                    !strstr(made_text(&m), rows[i].said))
                        fail_msg("%s: %sexpected: %s", rows[i].text, made_text(&m), rows[i].said);
                made_done(&m);
        }
}

static void an_image_cannot_leave_its_root(void **state)
{
        const char *argv[] = { "img", "sh", NULL };
        struct made m;

        (void)state;
        run_image(&m, HEAD "workdir = ../../../etc/./x/..\n", argv);
        assert_int_equal(m.result, 0);
        assert_string_equal(m.plan.exec.workdir, "/etc");
        made_done(&m);
        run_image(&m, HEAD "workdir = /proc/self/fd/7\n", argv);
        assert_int_equal(m.result, -EINVAL);
        made_done(&m);
}

struct cwd_row {
        const char *cwd;
        const char *home;
        bool can_write;
        const char *option; /* a path for --writable, or NULL */
        const char *said;   /* NULL: it works */
        int kind;           /* of the rule at cwd; -1: none */
};

static void the_current_directory(void **state)
{
        static const struct cwd_row rows[] = {
                { "/home/ann/work", "/home/ann", true, NULL, NULL, PLAN_RULE_WRITABLE },
                { "/srv/build", "/home/ann", true, NULL, NULL, PLAN_RULE_WRITABLE },
                { "/usr/src", "/home/ann", false, NULL, NULL, PLAN_RULE_READABLE },
                { "/tmp/x", "/home/ann", true, NULL, NULL, PLAN_RULE_WRITABLE },
                { "/home/ann/.ssh", "/home/ann", true, NULL,
                  "but the policy hides it (sandbox.policy:", -1 },
                { "/home/ann/.ssh/x", "/home/ann", true, NULL,
                  "but the policy hides it (sandbox.policy:", -1 },
                { "/home/ann", "/home/ann", true, NULL, "but it is your home", -1 },
                { "/home", "/home/ann", false, NULL, "but your home lies in it", -1 },
                { "/", "/home/ann", false, NULL, "but it is the root of the file system", -1 },
                { "/tmp", "/home/ann", true, NULL, "but others share it (sandbox.policy:", -1 },
                { "/var", "/home/ann", true, NULL, "but others share it (sandbox.policy:", -1 },
                { "/run", "/home/ann", true, NULL, "but others share it (sandbox.policy:", -1 },
                { "/srv/ann", "/srv/ann", true, NULL, "but it is your home", -1 },
                { "/srv", "/srv/ann", true, NULL, "but your home lies in it", -1 },
                { "/root", "/root", true, NULL, "but it is your home", -1 },
                { NULL, "/home/ann", false, NULL, "the current directory is gone", -1 },
                { "/home/ann", "/home/ann", true, "/srv/x", NULL, PLAN_RULE_TEMPORARY },
                { "/home/ann", "/home/ann", true, ".", NULL, PLAN_RULE_WRITABLE },
                { "/", "/home/ann", false, "~/work", NULL, -1 },
        };

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                const char *plain[] = { "--", "x", NULL };
                const char *named[] = { "--writable", rows[i].option, "--", "x", NULL };
                struct made m;

                made_start(&m);
                m.facts.cwd = rows[i].cwd;
                m.facts.home = rows[i].home;
                m.facts.account_home = rows[i].home;
                m.facts.can_write_cwd = rows[i].can_write;
                made_run(&m, rows[i].option ? named : plain);
                if (rows[i].said) {
                        if (m.problems->n != 1 || !strstr(made_text(&m), rows[i].said))
                                fail_msg("row %zu: %s", i, made_text(&m));
                } else {
                        const struct plan_rule *rule = rule_at(&m.plan, rows[i].cwd);

                        if (m.result != 0)
                                fail_msg("row %zu: %s", i, made_text(&m));
                        assert_int_equal(rule ? (int)rule->kind : -1, rows[i].kind);
                        assert_string_equal(m.plan.exec.workdir, rows[i].cwd);
                }
                made_done(&m);
        }
}

/* HOME can say what it likes: the account's own home is not opened by being stood in. */
static void the_account_counts_too(void **state)
{
        const char *argv[] = { "--", "x", NULL };
        struct made m;

        (void)state;
        made_start(&m);
        m.facts.home = "/srv/fake";
        m.facts.cwd = "/home/ann";
        made_run(&m, argv);
        assert_non_null(strstr(made_text(&m), "but it is your home"));
        made_done(&m);
}

static void a_home_elsewhere_is_empty(void **state)
{
        const char *argv[] = { "--", "x", NULL };
        struct made m;

        (void)state;
        made_start(&m);
        m.facts.home = "/srv/ann";
        m.facts.account_home = "/srv/ann";
        m.facts.cwd = "/srv/ann/work";
        made_run(&m, argv);
        assert_int_equal(m.result, 0);
        const struct plan_rule *rule = rule_at(&m.plan, "/srv/ann");
        assert_non_null(rule);
        assert_int_equal(rule->kind, PLAN_RULE_TEMPORARY);
        assert_int_equal(rule->mode, 0755);
        assert_string_equal(env_of(&m.plan, "HOME"), "/srv/ann");
        assert_int_equal(rule_at(&m.plan, "/srv/ann/work")->kind, PLAN_RULE_WRITABLE);
        made_done(&m);
}

static void no_home_is_survived(void **state)
{
        const char *argv[] = { "--", "x", NULL };
        struct made m;

        (void)state;
        made_start(&m);
        m.facts.home = NULL;
        m.facts.account_home = NULL;
        m.facts.user_name = "x:0\nroot";
        m.facts.cwd = "/srv/work";
        made_run(&m, argv);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        assert_null(m.plan.files.home);
        made_done(&m);

        const char *named[] = { "--readable", "~/x", "--", "x", NULL };
        made_start(&m);
        m.facts.home = NULL;
        made_run(&m, named);
        assert_non_null(strstr(made_text(&m), "your home directory is not known\nset HOME to it"));
        made_done(&m);
}

/* A secret is looked for only where something of the home is shown. */
static void secrets_stay_hidden(void **state)
{
        const char *plain[] = { "--", "x", NULL };
        const char *shown[] = { "--readable", "~", "--", "x", NULL };
        const char *named[] = { "--readable", "~", "--readable", "~/.ssh", "--", "x", NULL };
        struct made m;

        (void)state;
        made_start(&m);
        made_run(&m, plain);
        assert_null(rule_at(&m.plan, "/home/ann/.ssh"));
        made_done(&m);

        made_start(&m);
        made_run(&m, shown);
        assert_int_equal(m.result, 0);
        assert_int_equal(rule_at(&m.plan, "/home/ann/.ssh")->kind, PLAN_RULE_HIDDEN);
        assert_true(rule_at(&m.plan, "/home/ann/.ssh")->if_exists);
        assert_int_equal(rule_at(&m.plan, "/home/ann/.aws")->kind, PLAN_RULE_HIDDEN);
        assert_int_equal(rule_at(&m.plan, "/home/ann")->kind, PLAN_RULE_READABLE);
        made_done(&m);

        made_start(&m);
        made_run(&m, named);
        assert_int_equal(rule_at(&m.plan, "/home/ann/.ssh")->kind, PLAN_RULE_READABLE);
        made_done(&m);

        made_start(&m);
        m.policy_text = "[files]\nhome = readable\n";
        const char *file[] = { "--policy", "./p", "--", "x", NULL };
        made_run(&m, file);
        assert_int_equal(m.result, 0);
        assert_int_equal(rule_at(&m.plan, "/home/ann/.ssh")->kind, PLAN_RULE_HIDDEN);
        made_done(&m);
}

static void a_name_for_passwd_is_harmless(void **state)
{
        static const char *const bad[] = { "x:0", "a\nroot::0:0::/:", "", "0", "-x", "a b" };
        const char *argv[] = { "--", "x", NULL };

        (void)state;
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct made m;

                made_start(&m);
                m.facts.user_name = bad[i];
                made_run(&m, argv);
                assert_int_equal(m.result, 0);
                assert_null(m.plan.ids.user_name);
                made_done(&m);
        }
}

static void options_fill_the_plan(void **state)
{
        const char *argv[] = { "-v",          "/srv/src:/x:ro",
                               "-v",          "./src:/y",
                               "--tmpfs",     "/z:size=1g,mode=755",
                               "--socket",    "/run/s",
                               "--device",    "/dev/fuse",
                               "-p",          "8080:80",
                               "-p",          "0.0.0.0:53:5353/udp",
                               "-p",          "[::1]:8080:81",
                               "--dns",       "9.9.9.9",
                               "--add-host",  "db:10.0.0.1",
                               "--add-host",  "v6=[fe80::1]",
                               "--hostname",  "box.local",
                               "--ulimit",    "nofile=10:20",
                               "--ulimit",    "core=unlimited",
                               "--shm-size",  "1m",
                               "--timeout",   "90s",
                               "--cap-drop",  "ALL",
                               "--cap-add",   "cap_net_raw",
                               "--keep-fd",   "9",
                               "--keep-fd",   "5",
                               "--status-fd", "7",
                               "--ready-fd",  "8",
                               "--pidfile",   "~/a/../app.pid",
                               "--userns",    "single",
                               "--name",      "web_1",
                               "--read-only", "--allow-userns",
                               "--dry-run",   "-it",
                               "./root",      "sh",
                               NULL };
        struct made m;
        const struct plan *p = &m.plan;

        (void)state;
        made_start(&m);
        made_run(&m, argv);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        assert_string_equal(p->image.directory, "/srv/root");
        assert_int_equal(rule_at(p, "/x")->kind, PLAN_RULE_READABLE);
        assert_string_equal(rule_at(p, "/x")->host_path, "/srv/src");
        assert_int_equal(rule_at(p, "/y")->kind, PLAN_RULE_WRITABLE);
        assert_string_equal(rule_at(p, "/y")->host_path, "/home/ann/work/src");
        assert_string_equal(rule_at(p, "/y")->origin, "option --volume");
        assert_int_equal(rule_at(p, "/z")->size, 1 << 30);
        assert_int_equal(rule_at(p, "/z")->mode, 0755);
        assert_int_equal(rule_at(p, "/run/s")->kind, PLAN_RULE_SOCKET);
        assert_int_equal(rule_at(p, "/dev/fuse")->kind, PLAN_RULE_DEVICE);
        assert_int_equal(p->net.n_ports, 3);
        assert_string_equal(p->net.ports[0].host_address, "127.0.0.1");
        assert_true(p->net.ports[1].is_udp);
        assert_int_equal(p->net.ports[1].host_port, 53);
        assert_int_equal(p->net.ports[1].box_port, 5353);
        assert_string_equal(p->net.ports[2].host_address, "::1");
        assert_string_equal(p->net.dns[0], "9.9.9.9");
        assert_string_equal(p->net.hosts[1].address, "fe80::1");
        assert_string_equal(p->net.host_name, "box.local");
        assert_int_equal(p->limits.n_rlimits, 2);
        assert_int_equal(p->limits.rlimits[0].resource, RLIMIT_CORE);
        assert_true(p->limits.rlimits[0].hard == RLIM_INFINITY);
        assert_int_equal(p->limits.rlimits[1].soft, 10);
        assert_int_equal(p->limits.shm_size, 1 << 20);
        assert_int_equal(p->limits.timeout_ns, 90000000000u);
        assert_int_equal(p->confine.keep_caps, 1 << 13);
        assert_true(p->confine.may_nest_userns);
        assert_int_equal(p->report.keep_fds[0], 5);
        assert_int_equal(p->report.keep_fds[1], 9);
        assert_int_equal(p->report.status_fd, 7);
        assert_int_equal(p->report.ready_fd, 8);
        assert_string_equal(p->report.pid_file, "/home/ann/app.pid");
        assert_int_equal(p->ids.mode, PLAN_USERNS_SINGLE);
        assert_string_equal(p->name, "web_1");
        assert_true(p->files.is_read_only);
        assert_true(p->report.is_dry_run);
        assert_true(p->exec.force_tty);
        made_done(&m);
}

/* --policy may stand anywhere: it never undoes what an option has set. */
struct limit_row {
        const char *argv[8];
        uint64_t memory;
        uint64_t cpus_milli;
        uint64_t processes;
        bool is_best_effort;
};

static const struct limit_row limit_rows[] = {
        { { "--", "x" }, 0, 0, 0, false },
        { { "-m", "6m", "--cpus", "0.01", "--", "x" }, 6 << 20, 10, 0, false },
        { { "--memory=1g", "--cpus", "1.5", "--", "x" }, 1 << 30, 1500, 0, false },
        { { "--cpus", "0.125", "--pids-limit", "1", "--", "x" }, 0, 125, 1, false },
        { { "--cpus", "8192", "--limits", "best-effort", "--", "x" }, 0, 8192000, 0, true },
        { { "-m1g", "-m", "2g", "--limits=strict", "--", "x" }, UINT64_C(2) << 30, 0, 0, false },
        { { "-m1g", "-m", "unlimited", "--pids-limit", "-1", "--", "x" }, 0, 0, 0, false },
};

static void limits_of_the_whole(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(limit_rows) / sizeof(limit_rows[0]); i++) {
                const struct limit_row *row = &limit_rows[i];
                struct made m;

                made_start(&m);
                made_run(&m, row->argv);
                if (m.result != 0)
                        fail_msg("row %zu: %s", i, made_text(&m));
                assert_int_equal(m.plan.limits.memory, row->memory);
                assert_int_equal(m.plan.limits.cpus_milli, row->cpus_milli);
                assert_int_equal(m.plan.limits.processes, row->processes);
                assert_int_equal(m.plan.limits.is_best_effort, row->is_best_effort);
                made_done(&m);
        }
}

static void the_order_is_policy_then_options(void **state)
{
        const char *argv[] = { "--network", "host", "--policy", "./p.policy", "--", "x", NULL };
        struct made m;

        (void)state;
        made_start(&m);
        m.policy_text = "[network]\nmode = user\n";
        made_run(&m, argv);
        assert_int_equal(m.result, 0);
        assert_int_equal(m.plan.net.mode, PLAN_NETWORK_HOST);
        made_done(&m);
}

static size_t count_hidden(const struct made *m, const char *host_path)
{
        size_t n = 0;

        for (size_t i = 0; i < m->plan.files.n_hidden; i++)
                n += strcmp(m->plan.files.hidden[i].host_path, host_path) == 0;
        return n;
}

/* Host paths stay hidden in shares; where there are none, there is nothing to look for. */
static void hidden_paths_follow_their_source(void **state)
{
        const char *none[] = { "img", "x", NULL };
        const char *host_none[] = { "--", "x", NULL };
        const char *image[] = { "-v", "/home:/h", "img", "x", NULL };
        const char *host[] = { "-v", "/home:/mnt/h", "--hide", "/opt/x", "--", "x", NULL };
        const char *const *const lines[] = { none, host_none, image, host };

        (void)state;
        for (size_t i = 0; i < COUNT(lines); i++) {
                size_t wanted = i < 2 ? 0 : 1;
                struct made m;

                made_start(&m);
                m.facts.account_home = "/srv/ann";
                made_run(&m, lines[i]);
                assert_int_equal(m.result, 0);
                assert_int_equal(count_hidden(&m, "/home/ann/.ssh"), wanted);
                assert_int_equal(count_hidden(&m, "/srv/ann/.ssh"), wanted);
                assert_int_equal(count_hidden(&m, "/opt/x"), i == 3);
                made_done(&m);
        }
}

struct ids_row {
        const char *userns;
        const char *user;
        const char *where;
        const char *said;
};

static void ids_that_are_not_mapped(void **state)
{
        static const struct ids_row rows[] = {
                { "auto", "5", "img", NULL },
                { "subids", "5", "img", NULL },
                { "single", "0", "img", NULL },
                { "single", "0:0", "img", NULL },
                { "single", "bob", "img", NULL },
                { "single", "5", "img",
                  "user id 5 is not mapped: there is only 0\nadd --userns subids" },
                { "single", "0:5", "img", "group id 5 is not mapped: there is only 0" },
                { "auto", "1000", "--", NULL },
                { "single", "1000:1000", "--", NULL },
                { "auto", "0", "--", "user id 0 is not mapped: there is only 1000" },
                { "auto", "1000:0", "--", "group id 0 is not mapped" },
                { "auto", "ann", "--", NULL },
                { "auto", "ann:staff", "--", "names of users are looked up in an image only" },
                { "auto", "bob", "--", "names of users are looked up in an image only" },
                { "subids", "1000", "--", "maps your own id alone" },
        };

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                const char *argv[] = { "--userns",   rows[i].userns, "-u",
                                       rows[i].user, rows[i].where,  "x",
                                       NULL };
                struct made m;

                made_start(&m);
                made_run(&m, argv);
                if (rows[i].said ? m.problems->n != 1 || !strstr(made_text(&m), rows[i].said)
                                 : m.result != 0)
                        fail_msg("row %zu: %s", i, made_text(&m));
                made_done(&m);
        }
}

struct fake_row {
        const char *argv[8];
        bool with_one_id; /* what a run with one id does */
        bool with_more;   /* what a run with subordinate ids does */
        enum plan_userns mode;
        const char *filter; /* with one id */
};

static void root_is_faked_where_it_is_needed(void **state)
{
        static const struct fake_row rows[] = {
                { { "img", "x" }, true, false, PLAN_USERNS_AUTO, "container+fakeroot" },
                { { "--userns", "single", "img", "x" },
                  true,
                  false,
                  PLAN_USERNS_SINGLE,
                  "container+fakeroot" },
                { { "--fake-root", "auto", "--allow-userns", "img", "x" },
                  true,
                  false,
                  PLAN_USERNS_AUTO,
                  "container+userns+fakeroot" },
                /* what is asked for is had: with one id, whatever else would work */
                { { "--fake-root", "on", "img", "x" },
                  true,
                  false,
                  PLAN_USERNS_SINGLE,
                  "container+fakeroot" },
                { { "--fake-root", "off", "img", "x" },
                  false,
                  false,
                  PLAN_USERNS_AUTO,
                  "container" },
                { { "--fake-root", "off", "--", "x" }, false, false, PLAN_USERNS_AUTO, "sandbox" },
                { { "--allow-userns", "--", "x" },
                  false,
                  false,
                  PLAN_USERNS_AUTO,
                  "sandbox+userns" },
        };

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                char filter[PLAN_MAX_FILTER_NAME];
                struct made m;

                made_start(&m);
                made_run(&m, rows[i].argv);
                if (m.result != 0)
                        fail_msg("row %zu: %s", i, made_text(&m));
                assert_int_equal(plan_fakes_root(&m.plan, true), rows[i].with_one_id);
                assert_int_equal(plan_fakes_root(&m.plan, false), rows[i].with_more);
                assert_int_equal(m.plan.ids.mode, rows[i].mode);
                plan_filter_name(&m.plan, true, filter);
                assert_string_equal(filter, rows[i].filter);
                plan_filter_name(&m.plan, false, filter);
                assert_null(strstr(filter, "fakeroot"));
                made_done(&m);
        }
}

static void strings_have_limits(void **state)
{
        char *big = malloc(140000);
        struct made m;

        (void)state;
        assert_non_null(big);
        memset(big, 'x', 140000);
        memcpy(big, "A=", 2);
        big[139999] = '\0';
        const char *env[] = { "-e", big, "--", "x", NULL };
        made_start(&m);
        made_run(&m, env);
        assert_non_null(strstr(made_text(&m), "the limit of the kernel is 131072"));
        made_done(&m);
        const char *arg[] = { "--", "x", big, NULL };
        made_start(&m);
        made_run(&m, arg);
        assert_non_null(strstr(made_text(&m), "argument 'A=xx"));
        made_done(&m);
        free(big);
}

static void too_many_of_anything(void **state)
{
        const size_t n = PLAN_MAX_PORTS + 1;
        const char **argv = calloc(2 * n + 3, sizeof(*argv));
        char(*ports)[16] = calloc(n, sizeof(*ports));
        struct made m;

        (void)state;
        assert_non_null(argv);
        assert_non_null(ports);
        for (size_t i = 0; i < n; i++) {
                snprintf(ports[i], sizeof(ports[i]), "%zu:80", 1000 + i);
                argv[2 * i] = "-p";
                argv[2 * i + 1] = ports[i];
        }
        argv[2 * n] = "img";
        argv[2 * n + 1] = "x";
        made_start(&m);
        made_run(&m, argv);
        assert_int_equal(m.problems->n, 1);
        assert_non_null(strstr(made_text(&m), "too many published ports: the limit is 200"));
        made_done(&m);
        free(ports);
        free(argv);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(commands_as_docker_has_them),
                cmocka_unit_test(image_sets_the_run),
                cmocka_unit_test(options_win_over_the_image),
                cmocka_unit_test(env_files_are_judged),
                cmocka_unit_test(path_has_a_default),
                cmocka_unit_test(refuses_bad_images),
                cmocka_unit_test(an_image_cannot_leave_its_root),
                cmocka_unit_test(the_current_directory),
                cmocka_unit_test(the_account_counts_too),
                cmocka_unit_test(a_home_elsewhere_is_empty),
                cmocka_unit_test(no_home_is_survived),
                cmocka_unit_test(secrets_stay_hidden),
                cmocka_unit_test(a_name_for_passwd_is_harmless),
                cmocka_unit_test(options_fill_the_plan),
                cmocka_unit_test(limits_of_the_whole),
                cmocka_unit_test(the_order_is_policy_then_options),
                cmocka_unit_test(hidden_paths_follow_their_source),
                cmocka_unit_test(ids_that_are_not_mapped),
                cmocka_unit_test(root_is_faked_where_it_is_needed),
                cmocka_unit_test(strings_have_limits),
                cmocka_unit_test(too_many_of_anything),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
