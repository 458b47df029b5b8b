/* Policies: what a text does to a plan, and that a typo never loosens. */

#include "lines.h"
#include "plan-made.h"
#include "policy.h"
#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void run_file(struct made *m, const char *text)
{
        const char *argv[] = { "--policy", "./my.policy", "--", "x", NULL };

        made_start(m);
        m->policy_text = text;
        made_run(m, argv);
}

static const struct plan_rule *find_rule(const struct plan *p, enum plan_rule_kind kind,
                                         const char *box_path)
{
        for (size_t i = p->files.n_rules; i > 0; i--) {
                const struct plan_rule *rule = &p->files.rules[i - 1];

                if (rule->kind == kind && str_eq(rule->box_path, box_path))
                        return rule;
        }
        return NULL;
}

static bool has_env(const struct plan *p, const char *item)
{
        for (size_t i = 0; i < p->exec.n_env; i++) {
                if (str_eq(p->exec.env[i], item))
                        return true;
        }
        return false;
}

struct bad_row {
        const char *text;
        const char *said;
};

static const struct bad_row bad_texts[] = {
        { "[file]\nreadable = /x\n",
          "./my.policy:1: unknown section 'file'\ndid you mean 'files'" },
        { "[filesystem]\n", "unknown section 'filesystem'\npolicy, files, environment, " },
        { "\xef\xbb\xbf# x\n", ":1: a byte order mark, which some editors write\nsave it as" },
        { "[Files]\n", "unknown section 'Files'\ndid you mean 'files'" },
        { "[files\n", "./my.policy:1: '[files' is not a section" },
        { "[files] x\n", "is not a section\na section is its name in brackets" },
        { "[]\n", "unknown section ''" },
        { "[\n", "'[' is not a section" },
        { "readable = /x\n", "./my.policy:1: 'readable = /x' stands before the first [section]\n"
                             "write [files] in a line above it" },
        { "x = /x\n", "stands before the first [section]\nwrite one above it, like [files]" },
        { "[files]\n\nreadble = /x\n", ":3: unknown key 'readble'\ndid you mean 'readable'" },
        { "[files]\nReadable = /x\n", "unknown key 'Readable'\ndid you mean 'readable'" },
        { "[files]\nmode = none\n", ":2: unknown key 'mode'\nit stands below [network]" },
        { "[limits]\nduration = 3m\n", ":2: unknown key 'duration'\nopen-files, file-size, time," },
        { "[environment]\nA = x\n", ":2: unknown key 'A'\npass and set are known" },
        { "[files]\nreadable /x\n", "'readable /x' is neither 'key = value' nor a [section]\n"
                                    "like: readable = ~/.config/tool" },
        /* a list of another syntax would leave out what is meant to be hidden, as '-~/a,' is not there */
        { "[files]\nhidden = -~/a, -~/b\n",
          ":2: a comma in '-~/a,'\nvalues stand apart by blanks" },
        { "[files]\nprotected = 'a b'\n", ":2: single quotes in ''a'" },
        { "[files]\nhidden = -'~/a'\n", ":2: single quotes in '-'~/a''" },
        { "[environment]\npass = A, B\n", ":2: a comma in 'A,'" },
        { "[environment]\nset = A='b'\n", ":2: single quotes in 'A='b''" },
        { "[network]\nallow = a.example:443, b.example\n", ":2: a comma in 'a.example:443,'" },
        { "[environment]\npass = $A\n", "'$A' is not NAME or PREFIX*\nwrite the name alone" },
        { "[environment]\nset = PATH=$HOME/bin:/bin\n", "no variable is filled in there\n" },
        { "[environment]\nset = A=x${B}\n", "no variable is filled in there\n" },
        { "[files]\n= /x\n", "unknown key ''" },
        { "[files]\nreadable =\n", "'readable' has no value" },
        { "[files]\nreadable = \"\"\n", "readable: an empty path" },
        { "[files]\nreadable = -\n", "readable: an empty path" },
        { "[files]\nreadable = x/y\n",
          "'x/y' is not an absolute path\nwrite /..., ~/... or ./..." },
        { "[files]\nreadable = ~bob/x\n", "'~bob/x' is not an absolute path" },
        { "[files]\nreadable = .../x\n", "'.../x' is not an absolute path" },
        { "[files]\nreadable = $HOM/x\n", "unknown variable '$HOM'\ndid you mean '$HOME'" },
        { "[files]\nhidden = $USER/x\n", "unknown variable '$USER'\n" },
        { "[files]\nhidden = -/run/$UID/x\n", "unknown variable '$UID'\n" },
        { "[files]\nhidden = $XDG_CONFIG_HOME/$HOME\n", "unknown variable '$HOME'" },
        { "[files]\nhidden = $XDG_RUNTIME_DIR/x\n", "that variable is not set" },
        { "[files]\nwritable = ~/*\n", "'~/*' is a pattern, where one path is meant" },
        { "[files]\nempty = /h*\n", "'/h*' is a pattern, where one path is meant" },
        { "[files]\nreadable = */x\n", "'*/x' is not an absolute path" },
        { "[files]\nhidden = /*\n", "'/*' looks through the whole host" },
        { "[files]\nhidden = **/../x\n", "'**/../x': a pattern has no '..' in it" },
        { "[files]\nhidden = **/[a\n", "a '[' without its ']' in a pattern" },
        { "[files]\nreadable = /x # my tools\n", "a comment needs a line of its own" },
        { "[files]\nreadable = \"/x\n", "a quote is not closed\nquotes stand around a whole" },
        { "[files]\nreadable = \"/x\"y\n", "text right behind a quote: 'y'\nquotes stand" },
        { "[files]\nreadable = /x\"y\"\n", "a quote inside a word: '/x\"y\"'\nquotes stand" },
        { "[files]\nreadable = /\n", "my.policy:2: '/' itself cannot be replaced" },
        { "[files]\nwritable = /\n", "my.policy:2: '/' itself cannot be replaced" },
        { "[files]\nwritable = /proc/sys\n", "'/proc/sys' must be an ordinary directory" },
        { "[files]\nempty = /srv/x\n", "'/srv/x' is not a top-level directory" },
        { "[files]\nprotected = /../\n", "my.policy:2: '/' itself cannot be protected" },
        { "[files]\nempty = /\n", "'/' itself cannot be replaced" },
        { "[files]\ntemporary = /x:size=0\n", "temporary: size '0' leaves no room" },
        { "[files]\nprotected = a/../../b\n", "leads out of the writable directory" },
        { "[files]\nhome = full\n", "'full' is neither empty nor readable" },
        { "[files]\nhome = empty readable\n", "'home' takes one value" },
        { "[files]\nhome = empty\nhome = empty\n", ":3: 'home' was given in line 2 already" },
        { "[environment]\npass = A=b\n", "pass: 'A=b' is not NAME or PREFIX*" },
        { "[environment]\npass = *\n", "pass: '*' is not NAME or PREFIX*" },
        { "[environment]\npass = A*B\n", "'A*B' is not NAME or PREFIX*" },
        { "[environment]\nset = A\n", "set: 'A' is not NAME=VALUE" },
        { "[environment]\nset = =b\n", "set: '=b' is not NAME=VALUE" },
        { "[network]\nmode = full\n", "mode: unknown network mode 'full'" },
        { "[network]\nmode = none host\n", "'mode' takes one value" },
        { "[network]\nmode = user\nmode = none\n", "'mode' was given in line 2 already" },
        { "[network]\nmode = user\npublish = 80\n", "publish: '80' is not [IP:]HOST:BOX" },
        { "[network]\npublish = 80:80\n", "ports are published, but there is no network" },
        { "[network]\nmode = user\npublish = 99999:80\npublish = 8081:80\n",
          ":3: publish: port: '99999' is not between" },
        { "[files]\nreadable = x/y\nreadable = $HOME/x\n", ":2: readable: 'x/y' is not" },
        { "[syscalls]\nallow = ptrace:EPERM\n", ":2: allow: 'ptrace:EPERM': an answer belongs to" },
        { "[syscalls]\nlog = socket(0=1)\n", ":2: log: 'socket(0=1)': a call is logged whatever" },
        { "[syscalls]\ndeny = ptrace:EPREM\n", ":2: deny: 'EPREM' is not an error" },
        { "[syscalls]\ndefault = allow\n", ":2: default: 'default' is ENOSYS, EPERM or kill" },
        { "[syscalls]\nalow = read\n", ":2: unknown key 'alow'\ndid you mean 'allow'" },
        { "[capabilities]\nkeep = CHOWN\n", "a view of this host has no capabilities to keep" },
        { "[capabilities]\nkeep = CHWON\n", "unknown capability 'CHWON'\ndid you mean 'CHOWN'" },
        { "[limits]\nmemory = 1k\n", "memory: '1k' is too little memory" },
        { "[limits]\nmemory = much\n", "memory: 'much' is not a size" },
        { "[limits]\ncpus = 1,5\n", "cpus: '1,5' is not a number of processors" },
        { "[limits]\nprocesses = 0\n", "processes: " },
        { "[limits]\nopen-files = many\n", "open-files: 'many' is not a whole number" },
        { "[limits]\nopen-files = 2:1\n", "the soft limit is above the hard one" },
        { "[limits]\nfile-size = x\n", "file-size: 'x' is not a size" },
        { "[limits]\ntime = 0\n", "time: a time of '0' is over at once" },
        { "[devices]\nallow = fuse\n", "allow: 'fuse' is not an absolute path" },
        { "[devices]\nallow = /etc\n", "'/etc' does not lie in /dev" },
        { "[policy]\nextends = sandbx\n", ":2: unknown policy 'sandbx'\ndid you mean 'sandbox'" },
        { "[policy]\nextends = container\n", "'./my.policy' is for an image" },
        { "[policy]\nextends = ./other.policy\n", "./my.policy:2: cannot open './other.policy'" },
        { "[policy]\nextends =\n", ":2: 'extends' has no value" },
        { "[policy]\nextends = sandbox sandbx\n",
          ":2: unknown policy 'sandbx'\ndid you mean 'sandbox'" },
        { "[policy]\nextends = ../x\n", "cannot open '../x'" },
        { "[policy]\nextends = .x\n", "unknown policy '.x'" },
        { "[policy]\nextends = ./my.policy\n",
          ":2: policy '/home/ann/work/my.policy' extends itself" },
        { "[policy]\nextends = sandbox\nextends = sandbox\n", ":3: 'extends' was given in line 2" },
        { "[policy]\nextend = sandbox\n", "unknown key 'extend'\ndid you mean 'extends'" },
        { "[policy]\ndescription =\n", "'description' has no value" },
        { "[files]\nreadable = /x\x1b]1m\n", ":2: a control character in" },
        { "[files]\nreadable = /x\ry\n", ":2: a control character in" },
        { "[files]\nreadable = /x\xff\n", ":2: 'readable = /x\xff' is not UTF-8" },
        { "[files]\nreadable = /a-~/b\n", "looks like two paths without a blank" },
        { "[files]\nprotected = a = b\n", "a '=' among the values" },
        { "[files]\n readable = /x\n  /y\n", ":3: '/y' is neither" },
        { "[files]\nreadable = /x ; y\n", "';' is not an absolute path" },
        { "[limits]\nopen-files = 99999999999999999999\n", "open-files: " },
        { "[limits]\ntime = 99999999999999999999h\n", "time: " },
        { "[environment]\nset = A=1\n[files\n", ":3: '[files' is not a section" },
};

static void refuses_bad_texts(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(bad_texts); i++) {
                struct made m;

                run_file(&m, bad_texts[i].text);
                if (m.result != -EINVAL || m.problems->n != 1 ||
                    !strstr(made_text(&m), bad_texts[i].said))
                        fail_msg("%s: %zu problems: %sexpected: %s", bad_texts[i].text,
                                 m.problems->n, made_text(&m), bad_texts[i].said);
                made_done(&m);
        }
}

static void names_every_wrong_line(void **state)
{
        struct made m;

        (void)state;
        run_file(
                &m,
                "[files]\nreadble = /x\nwritable = y\n[nework]\nmode = a\nallow = b\n[limits]\nx = 1\n");
        assert_int_equal(m.problems->n, 4);
        assert_non_null(strstr(m.problems->items[0].text, "./my.policy:2: "));
        assert_non_null(strstr(m.problems->items[1].text, "./my.policy:3: "));
        /* the keys of a section that is not known are not judged */
        assert_non_null(strstr(m.problems->items[2].text, "./my.policy:4: "));
        assert_non_null(strstr(m.problems->items[3].text, "./my.policy:8: "));
        made_done(&m);
}

static void applies_every_key(void **state)
{
        static const char text[] = "# ours\n"
                                   "; and theirs\n"
                                   "  [ policy ]  \n"
                                   "description = tools, and a port # not a comment\n"
                                   "extends = sandbox\n"
                                   "[files]\n"
                                   "readable = /opt/a \"/opt/my tools\"\t-/opt/c\n"
                                   "readable=~/d\r\n"
                                   "writable = ./sub ../other\n"
                                   "hidden = /etc/secret\n"
                                   "protected = Makefile /srv/x\n"
                                   "temporary = /scratch:size=1m,mode=0700\n"
                                   "empty = /srv\n"
                                   "[environment]\n"
                                   "pass = EMPTY \"SECRET_TOKEN\"\n"
                                   "set = A=b \"C=d e\" \"Q=\\\"\\\\\" \"V=$HOME 'x',\"\n"
                                   "[network]\n"
                                   "mode = user\n"
                                   "publish = 8080:80 5353:53/udp\n"
                                   "[limits]\n"
                                   "open-files = 100:200\n"
                                   "file-size = 1m\n"
                                   "time = 5m\n"
                                   "[devices]\n"
                                   "allow = /dev/fuse -/dev/kvm\n";
        struct made m;
        const struct plan *p = &m.plan;

        (void)state;
        run_file(&m, text);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        assert_string_equal(p->policy_name, "./my.policy");
        assert_string_equal(p->confine.filter, "sandbox");
        assert_string_equal(find_rule(p, PLAN_RULE_READABLE, "/opt/my tools")->host_path,
                            "/opt/my tools");
        assert_false(find_rule(p, PLAN_RULE_READABLE, "/opt/a")->if_exists);
        assert_true(find_rule(p, PLAN_RULE_READABLE, "/opt/c")->if_exists);
        assert_non_null(find_rule(p, PLAN_RULE_READABLE, "/home/ann/d"));
        assert_non_null(find_rule(p, PLAN_RULE_WRITABLE, "/home/ann/work/sub"));
        assert_non_null(find_rule(p, PLAN_RULE_WRITABLE, "/home/ann/other"));
        assert_non_null(find_rule(p, PLAN_RULE_HIDDEN, "/etc/secret"));
        assert_non_null(find_rule(p, PLAN_RULE_PROTECTED, "Makefile"));
        assert_non_null(find_rule(p, PLAN_RULE_PROTECTED, "/srv/x"));
        assert_non_null(find_rule(p, PLAN_RULE_EMPTY, "/srv"));
        const struct plan_rule *scratch = find_rule(p, PLAN_RULE_TEMPORARY, "/scratch");
        assert_int_equal(scratch->size, 1 << 20);
        assert_int_equal(scratch->mode, 0700);
        assert_string_equal(scratch->origin, "./my.policy:12");
        assert_true(has_env(p, "EMPTY="));
        assert_true(has_env(p, "SECRET_TOKEN=xyzzy"));
        assert_true(has_env(p, "A=b"));
        assert_true(has_env(p, "C=d e"));
        assert_true(has_env(p, "Q=\"\\"));
        assert_true(has_env(p, "V=$HOME 'x',"));
        assert_int_equal(p->net.mode, PLAN_NETWORK_USER);
        assert_int_equal(p->net.n_ports, 2);
        assert_int_equal(p->limits.timeout_ns, 300000000000u);
        assert_int_equal(p->limits.n_rlimits, 3);
        assert_int_equal(p->limits.rlimits[1].resource, RLIMIT_NOFILE);
        assert_int_equal(p->limits.rlimits[1].hard, 200);
        assert_non_null(find_rule(p, PLAN_RULE_DEVICE, "/dev/fuse"));
        assert_true(find_rule(p, PLAN_RULE_DEVICE, "/dev/kvm")->if_exists);
        made_done(&m);
}

/* Below the user's file stands a built-in policy, also when the file does not say which. */
static void a_file_only_adds(void **state)
{
        struct made m;

        (void)state;
        run_file(&m, "");
        assert_int_equal(m.result, 0);
        assert_string_equal(m.plan.confine.filter, "sandbox");
        assert_non_null(find_rule(&m.plan, PLAN_RULE_EMPTY, "/home"));
        assert_non_null(find_rule(&m.plan, PLAN_RULE_PROTECTED, ".git/hooks"));
        assert_int_equal(m.plan.net.mode, PLAN_NETWORK_NONE);
        made_done(&m);
}

static void limits_texts(void **state)
{
        char *text = malloc(LINES_MAX_TEXT + 10);
        struct made m;

        (void)state;
        assert_non_null(text);
        memset(text, '\n', LINES_MAX_TEXT + 10);
        text[LINES_MAX_TEXT + 1] = '\0';
        run_file(&m, text);
        assert_non_null(strstr(made_text(&m), "is larger than 4194304 bytes"));
        made_done(&m);

        text[LINES_MAX + 1] = '\0';
        run_file(&m, text);
        assert_non_null(strstr(made_text(&m), ":100001: more than 100000 lines"));
        made_done(&m);
        text[LINES_MAX] = '\0';
        run_file(&m, text);
        assert_int_equal(m.result, 0);
        made_done(&m);

        memset(text, 'x', LINES_MAX_LEN);
        text[LINES_MAX_LEN] = '\0';
        run_file(&m, text);
        assert_non_null(strstr(made_text(&m), ":1: a line of more than 4095 bytes"));
        made_done(&m);
        free(text);
}

static double seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* No number of lines makes a run fail, nor slow: the bound is what the issue of a slow one would be. */
static void takes_many_lines(void **state)
{
        static const char *const forms[] = {
                "[files]\n%nreadable = /opt/some/where/x%d\n",
                "[files]\n%nhidden = -~/x%d\n",
                "[files]\n%nprotected = x%d\n",
                "[environment]\n%npass = X%d\n",
                "[environment]\n%nset = X%d=1\n",
                "[files]\n%nhidden = -~/x%d/*.pem\n",
        };
        enum { N = 10000 };
        char *text = malloc((size_t)N * 64);

        (void)state;
        assert_non_null(text);
        for (size_t f = 0; f < COUNT(forms); f++) {
                const char *line = strchr(forms[f], '\n') + 1;
                size_t used = (size_t)(line - forms[f]);
                double best = 1000;

                memcpy(text, forms[f], used);
                for (int i = 0; i < N; i++) {
                        const char *rest = line + 2;
                        size_t head = strcspn(rest, "%");

                        memcpy(text + used, rest, head);
                        used += head;
                        used += (size_t)snprintf(text + used, 40, "%d%s", i, rest + head + 2);
                }
                for (int i = 0; i < 3; i++) {
                        struct made m;
                        double start = seconds();

                        run_file(&m, text);
                        if (seconds() - start < best)
                                best = seconds() - start;
                        if (m.result != 0)
                                fail_msg("%s", made_text(&m));
                        made_done(&m);
                }
                print_message("10,000 lines of '%.20s': %.1f ms\n", line + 2, best * 1e3);
                /* twice and more of what it takes: sanitizers are slower still */
                assert_true(best < 0.5);
        }
        free(text);
}

static const struct made_policy layered[] = {
        { POLICY_SYSTEM, "sandbox", "[limits]\ntime = 1h\n[files]\nreadable = /opt/all\n" },
        { POLICY_USER, "sandbox", "[policy]\nextends = sandbox\n[limits]\ntime = 2h\n" },
        { POLICY_USER, "mine", "[policy]\nextends = tools ./near.policy\n[limits]\ntime = 3h\n" },
        { POLICY_SYSTEM, "tools", "[files]\nreadable = /opt/tools\n" },
        { POLICY_USER, "tools", "[files]\nreadable = /opt/more\n" },
        { POLICY_FILE, "/home/ann/.config/kelp/near.policy", "[policy]\nextends = tools\n" },
        { POLICY_USER, "loop", "[policy]\nextends = turn\n" },
        { POLICY_USER, "turn", "[policy]\nextends = loop\n" },
        { POLICY_USER, "self", "[policy]\nextends = self\n" },
        { POLICY_USER, "image", "[policy]\nextends = container\n" },
        { 0 },
};

/* The words of --policy, up to two, over the layers above. */
static void run_layered(struct made *m, const char *one, const char *two)
{
        const char *argv[8];
        size_t n = 0;

        for (size_t i = 0; i < 2; i++) {
                const char *name = i == 0 ? one : two;

                if (!name)
                        continue;
                argv[n++] = "--policy";
                argv[n++] = name;
        }
        argv[n++] = "--";
        argv[n++] = "x";
        argv[n] = NULL;
        made_start(m);
        m->policies = layered;
        made_run(m, argv);
        if (m->result != 0)
                fail_msg("%s", made_text(m));
}

/* Built in, of the machine, of the user: each adds to the one before, and the last word counts. */
static void layers_add_up(void **state)
{
        struct made m;

        (void)state;
        run_layered(&m, NULL, NULL);
        assert_string_equal(m.plan.policy_name, "sandbox");
        assert_int_equal(m.plan.limits.timeout_ns, 7200000000000u);
        assert_string_equal(find_rule(&m.plan, PLAN_RULE_READABLE, "/opt/all")->origin,
                            "/etc/kelp/sandbox.policy:4");
        assert_non_null(find_rule(&m.plan, PLAN_RULE_EMPTY, "/home"));
        assert_null(find_rule(&m.plan, PLAN_RULE_READABLE, "/opt/tools"));
        made_done(&m);

        run_layered(&m, "mine", NULL);
        assert_int_equal(m.plan.limits.timeout_ns, 10800000000000u);
        assert_non_null(find_rule(&m.plan, PLAN_RULE_READABLE, "/opt/all"));
        assert_non_null(find_rule(&m.plan, PLAN_RULE_READABLE, "/opt/tools"));
        assert_non_null(find_rule(&m.plan, PLAN_RULE_READABLE, "/opt/more"));
        made_done(&m);

        /* in the order of the options, whatever extends what */
        run_layered(&m, "tools", "mine");
        assert_string_equal(m.plan.policy_name, "tools mine");
        assert_int_equal(m.plan.limits.timeout_ns, 10800000000000u);
        made_done(&m);
        run_layered(&m, "mine", "sandbox");
        assert_int_equal(m.plan.limits.timeout_ns, 10800000000000u);
        made_done(&m);
}

static void refuses_circles(void **state)
{
        static const struct bad_row rows[] = {
                { "loop", "turn.policy:2: policy 'loop' extends itself, by way of turn" },
                { "turn", "loop.policy:2: policy 'turn' extends itself, by way of loop" },
                { "self", "self.policy:2: policy 'self' extends itself" },
                { "image", "image.policy:2: policy 'image' is for an image, not for a view" },
                { "container", "policy 'container' is for an image, not for a view" },
                { "tolls", "unknown policy 'tolls'" },
                { "-x", "unknown policy '-x'" },
                { "", "unknown policy ''" },
                { "./none.policy", "cannot open './none.policy'" },
        };

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                const char *argv[] = { "--policy", rows[i].text, "--", "x", NULL };
                struct made m;

                made_start(&m);
                m.policies = layered;
                made_run(&m, argv);
                if (m.result != -EINVAL || m.problems->n != 1 ||
                    !strstr(made_text(&m), rows[i].said))
                        fail_msg("%s: %s", rows[i].text, made_text(&m));
                made_done(&m);
        }
}

/* A chain may be so deep and no deeper. */
static void limits_depth(void **state)
{
        static char names[20][8];
        static char texts[20][40];
        struct made_policy policies[21] = { 0 };
        const char *argv[] = { "--policy", names[0], "--", "x", NULL };

        (void)state;
        for (int depth = 16; depth <= 17; depth++) {
                struct made m;

                memset(policies, 0, sizeof(policies));
                for (int i = 0; i < depth; i++) {
                        snprintf(names[i], sizeof(names[i]), "p%d", i);
                        snprintf(texts[i], sizeof(texts[i]),
                                 i + 1 < depth ? "[policy]\nextends = p%d\n" : "\n", i + 1);
                        policies[i] = (struct made_policy){ POLICY_USER, names[i], texts[i] };
                }
                made_start(&m);
                m.policies = policies;
                made_run(&m, argv);
                assert_int_equal(m.result, depth == 16 ? 0 : -EINVAL);
                if (depth == 17)
                        assert_non_null(strstr(made_text(&m), "more than 16 policies"));
                made_done(&m);
        }
}

static void run_project(struct made *m, const char *text, bool with_layers)
{
        static const char wide[] =
                "[network]\nmode = user\n[limits]\ntime = 1h\nopen-files = 100\n";
        const struct made_policy policies[] = {
                { POLICY_PROJECT, "", text },
                { POLICY_USER, with_layers ? "sandbox" : "other", wide },
                { 0 },
        };
        const char *argv[] = { "--", "x", NULL };

        made_start(m);
        m->policies = policies;
        made_run(m, argv);
        m->policies = NULL;
}

static void a_project_tightens(void **state)
{
        static const char text[] = "[policy]\ndescription = ours\n"
                                   "[files]\nhidden = ./secrets -~/notes /etc/x\n"
                                   "protected = Makefile\nhome = empty\n"
                                   "[network]\nmode = none\n"
                                   "[capabilities]\ndrop = CHOWN\n"
                                   "[limits]\ntime = 30m\nopen-files = 99\nfile-size = 1g\n";
        struct made m;

        (void)state;
        run_project(&m, text, true);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        assert_non_null(find_rule(&m.plan, PLAN_RULE_HIDDEN, "/home/ann/work/secrets"));
        assert_non_null(find_rule(&m.plan, PLAN_RULE_HIDDEN, "/etc/x"));
        assert_string_equal(find_rule(&m.plan, PLAN_RULE_PROTECTED, "Makefile")->origin,
                            ".kelp.policy:5");
        assert_int_equal(m.plan.net.mode, PLAN_NETWORK_NONE);
        assert_int_equal(m.plan.limits.timeout_ns, 1800000000000u);
        made_done(&m);
}

static const struct bad_row loosening[] = {
        { "[policy]\nextends = sandbox\n", ":2: 'extends' would loosen" },
        { "[files]\nreadable = /opt\n", ":2: 'readable' would loosen" },
        { "[files]\nwritable = ~/x\n", ":2: 'writable' would loosen" },
        { "[files]\ntemporary = /x\n", ":2: 'temporary' would loosen" },
        { "[files]\nempty = /x\n", ":2: 'empty' would loosen" },
        { "[files]\nhome = readable\n", ":2: 'home = readable' would loosen" },
        { "[environment]\npass = SECRET_TOKEN\n", ":2: 'pass' would loosen" },
        { "[environment]\nset = A=b\n", ":2: 'set' would loosen" },
        { "[network]\nmode = host\n", ":2: 'mode = host' would loosen" },
        { "[network]\nallow = example.org\n", ":2: 'allow' would loosen" },
        { "[network]\npublish = 80:80\n", ":2: 'publish' would loosen" },
        { "[network]\nhost-port = 80\n", ":2: 'host-port' would loosen" },
        { "[capabilities]\nkeep = CHOWN\n", ":2: 'keep' would loosen" },
        { "[limits]\ntime = 2h\n", ":2: 'time = 2h' would loosen" },
        { "[limits]\nopen-files = 101\n", ":2: 'open-files = 101' would loosen" },
        { "[limits]\nopen-files = 10:101\n", ":2: 'open-files = 10:101' would loosen" },
        { "[devices]\nallow = /dev/fuse\n", ":2: 'allow' would loosen" },
};

static void a_project_never_loosens(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(loosening); i++) {
                struct made m;

                run_project(&m, loosening[i].text, true);
                if (m.result != -EINVAL || m.problems->n != 1 ||
                    !strstr(made_text(&m), loosening[i].said))
                        fail_msg("%s: %s", loosening[i].text, made_text(&m));
                made_done(&m);
        }
        struct made m;

        /* what is there without it decides, not what could be */
        run_project(&m, "[network]\nmode = user\n", true);
        assert_int_equal(m.result, 0);
        made_done(&m);
        run_project(&m, "[network]\nmode = user\n", false);
        assert_int_equal(m.result, -EINVAL);
        made_done(&m);
}

static const struct plan_pattern *find_pattern(const struct plan *p, const char *text)
{
        for (size_t i = 0; i < p->files.n_patterns; i++) {
                if (str_eq(p->files.patterns[i].text, text))
                        return &p->files.patterns[i];
        }
        return NULL;
}

static void variables_and_patterns(void **state)
{
        static const char text[] =
                "[files]\n"
                "readable = $HOME/a $XDG_CONFIG_HOME/b -$XDG_RUNTIME_DIR/c $XDG_DATA_HOME\n"
                "hidden = -$XDG_STATE_HOME/s **/.env -~/k/*.pem ./x/**\n"
                "readable = ~/t/*/bin /opt/[[]x] \"/opt/[id]*/$x\" \"-~/[a]\"\n"
                "protected = **/Makefile /srv/*.c\n";
        static const char *const env[] = { "XDG_CONFIG_HOME=/cfg/", "XDG_DATA_HOME=rel", NULL };
        const char *argv[] = { "--policy", "./my.policy", "--", "x", NULL };
        struct made m;

        (void)state;
        made_start(&m);
        m.facts.account_home = "/srv/ann";
        m.facts.env = env;
        m.policy_text = text;
        made_run(&m, argv);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        assert_non_null(find_rule(&m.plan, PLAN_RULE_READABLE, "/home/ann/a"));
        assert_non_null(find_rule(&m.plan, PLAN_RULE_READABLE, "/cfg/b"));
        /* by its specification a relative one counts for nothing */
        assert_non_null(find_rule(&m.plan, PLAN_RULE_READABLE, "/home/ann/.local/share"));
        assert_non_null(find_rule(&m.plan, PLAN_RULE_HIDDEN, "/home/ann/.local/state/s"));
        assert_non_null(find_rule(&m.plan, PLAN_RULE_READABLE, "/opt/[id]*/$x"));
        assert_true(find_rule(&m.plan, PLAN_RULE_READABLE, "/home/ann/[a]")->if_exists);
        assert_int_equal(m.plan.files.n_patterns, 8);
        const struct plan_pattern *pattern = find_pattern(&m.plan, "**/.env");
        assert_int_equal(pattern->kind, PLAN_RULE_HIDDEN);
        assert_false(pattern->if_exists);
        assert_string_equal(pattern->origin, "./my.policy:3");
        assert_true(find_pattern(&m.plan, "/home/ann/k/*.pem")->if_exists);
        assert_true(find_pattern(&m.plan, "/srv/ann/k/*.pem")->if_exists);
        assert_non_null(find_pattern(&m.plan, "/home/ann/work/x/**"));
        assert_int_equal(find_pattern(&m.plan, "/home/ann/t/*/bin")->kind, PLAN_RULE_READABLE);
        assert_non_null(find_pattern(&m.plan, "/opt/[[]x]"));
        assert_int_equal(find_pattern(&m.plan, "/srv/*.c")->kind, PLAN_RULE_PROTECTED);
        made_done(&m);
}

static const struct policy_word *find_word(const struct policy_words *words, const char *value)
{
        for (size_t i = words->n; i > 0; i--) {
                if (str_eq(words->items[i - 1].value, value))
                        return &words->items[i - 1];
        }
        fail_msg("no word '%s'", value);
        return NULL;
}

static void lists_its_words(void **state)
{
        static const char text[] = "[policy]\ndescription = a b\n[files]\n"
                                   "readable = /opt/a -/opt/b\nhidden = /opt/a\n"
                                   "[environment]\nset = A=1 A=2 AB=3\n[network]\nmode = user\n";
        const char *argv[] = { "--policy", "./my.policy", "--tmpfs", "/opt/b", "--", "x", NULL };
        struct policy_words words = { 0 };
        struct made m;

        (void)state;
        made_start(&m);
        m.policy_text = text;
        m.words = &words;
        made_run(&m, argv);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        const struct policy_word *word = find_word(&words, "-/opt/b");
        assert_string_equal(word->section, "files");
        assert_string_equal(word->key, "readable");
        assert_string_equal(word->origin, "./my.policy:4");
        assert_string_equal(word->overridden, "option --tmpfs");
        assert_int_equal(word->layer, POLICY_FILE);
        assert_null(find_word(&words, "/opt/a")->overridden);
        for (size_t i = 0; i < words.n; i++) {
                word = &words.items[i];
                if (str_eq(word->value, "/opt/a") && str_eq(word->key, "readable"))
                        assert_string_equal(word->overridden, "./my.policy:5");
        }
        assert_string_equal(find_word(&words, "A=1")->overridden, "./my.policy:7");
        assert_null(find_word(&words, "A=2")->overridden);
        assert_null(find_word(&words, "AB=3")->overridden);
        assert_string_equal(find_word(&words, "none")->overridden, "./my.policy:9");
        assert_int_equal(find_word(&words, "none")->layer, POLICY_BUILTIN);
        assert_null(find_word(&words, "a b")->overridden);
        made_done(&m);
}

/* The built-in ones are read without a problem and do what the manual promises. */
static void built_in_sandbox(void **state)
{
        const char *argv[] = { "--", "x", NULL };
        struct made m;
        const struct plan *p = &m.plan;

        (void)state;
        made_start(&m);
        made_run(&m, argv);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        assert_string_equal(p->policy_name, "sandbox");
        assert_int_equal(p->root, PLAN_ROOT_HOST);
        for (size_t i = 0; i < 5; i++) {
                static const char *const names[] = { "/home", "/root", "/run", "/mnt", "/media" };

                assert_non_null(find_rule(p, PLAN_RULE_EMPTY, names[i]));
        }
        assert_non_null(find_rule(p, PLAN_RULE_TEMPORARY, "/tmp"));
        assert_non_null(find_rule(p, PLAN_RULE_TEMPORARY, "/var/tmp"));
        const struct plan_rule *cwd = find_rule(p, PLAN_RULE_WRITABLE, "/home/ann/work");
        assert_string_equal(cwd->host_path, "/home/ann/work");
        assert_true(str_has_prefix(cwd->origin, "sandbox.policy:"));
        assert_true(find_rule(p, PLAN_RULE_READABLE, "/home/ann/.cargo/bin")->if_exists);
        assert_non_null(find_rule(p, PLAN_RULE_PROTECTED, ".git/hooks"));
        assert_non_null(find_rule(p, PLAN_RULE_PROTECTED, ".git/config"));
        assert_non_null(find_rule(p, PLAN_RULE_PROTECTED, ".envrc"));
        assert_non_null(find_rule(p, PLAN_RULE_PROTECTED, ".vscode/tasks.json"));
        assert_non_null(find_rule(p, PLAN_RULE_PROTECTED, ".bashrc"));
        assert_int_equal(p->net.mode, PLAN_NETWORK_NONE);
        assert_int_equal(p->confine.keep_caps, 0);
        assert_true(has_env(p, "LC_TIME=de_DE.UTF-8"));
        assert_false(has_env(p, "LCX=1"));
        assert_false(has_env(p, "SECRET_TOKEN=xyzzy"));
        assert_false(has_env(p, "SSH_AUTH_SOCK=/run/agent"));
        assert_int_equal(p->exec.n_env, 7);
        made_done(&m);
}

static void built_in_container(void **state)
{
        const char *argv[] = { "img", "x", NULL };
        struct made m;
        const struct plan *p = &m.plan;

        (void)state;
        made_start(&m);
        made_run(&m, argv);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        assert_string_equal(p->policy_name, "container");
        assert_string_equal(p->confine.filter, "container");
        /* nothing of the host but what options name, and in that the same files are protected */
        assert_true(p->files.n_rules > 0);
        for (size_t i = 0; i < p->files.n_rules; i++)
                assert_int_equal(p->files.rules[i].kind, PLAN_RULE_PROTECTED);
        assert_int_equal(p->net.mode, PLAN_NETWORK_USER);
        /* CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT
         * SETFCAP */
        assert_int_equal(p->confine.keep_caps, 0x800405fb);
        assert_int_equal(p->exec.n_env, 2);
        assert_true(has_env(p, "TERM=xterm-256color"));
        made_done(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(refuses_bad_texts),
                cmocka_unit_test(names_every_wrong_line),
                cmocka_unit_test(applies_every_key),
                cmocka_unit_test(a_file_only_adds),
                cmocka_unit_test(limits_texts),
                cmocka_unit_test(takes_many_lines),
                cmocka_unit_test(layers_add_up),
                cmocka_unit_test(refuses_circles),
                cmocka_unit_test(limits_depth),
                cmocka_unit_test(a_project_tightens),
                cmocka_unit_test(a_project_never_loosens),
                cmocka_unit_test(variables_and_patterns),
                cmocka_unit_test(lists_its_words),
                cmocka_unit_test(built_in_sandbox),
                cmocka_unit_test(built_in_container),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
