/* What --dry-run prints. */

#include "dump.h"
#include "plan-made.h"
#include "word.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The dump of the plan of `argv` over a small tree, to be freed. */
static char *dump(const char *const *argv, struct tree *tree, bool has_one_id)
{
        struct made m;
        struct dump_facts facts = { .has_one_id = has_one_id,
                                    .n_instructions = 312,
                                    .memory_words = "by M",
                                    .cpus_words = "by C",
                                    .processes_words = "by P" };
        char *text = NULL;
        size_t len = 0;

        made_start(&m);
        made_run(&m, argv);
        if (m.result != 0)
                fail_msg("%s", made_text(&m));
        FILE *out = open_memstream(&text, &len);
        assert_non_null(out);
        assert_int_equal(dump_plan(out, &m.plan, tree, &facts), 0);
        fclose(out);
        made_done(&m);
        return text;
}

static void contains(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("'%s' is not in:\n%s", part, text);
}

static void tells_the_whole_plan(void **state)
{
        const char *argv[] = { "-p",          "8080:80",   "--network", "user", "--ulimit",
                               "nofile=5:-1", "--timeout", "1.5s",      "-e",   "S=hush",
                               "--dns",       "9.9.9.9",   "--keep-fd", "9",    "--",
                               "sh",          "-c",        "echo 'a'",  NULL };
        struct tree tree = { 0 };
        char *text = dump(argv, &tree, false);

        (void)state;
        contains(text, "policy        sandbox\n");
        contains(text, "root          a view of this host, read-only\n");
        contains(text, "ids           user 1000 outside is 1000 inside, group 1000 is 1000");
        contains(text, "namespaces    user mount pid net ipc uts cgroup\n");
        contains(text, "network       user: ");
        contains(text, "ports         tcp port 8080 of 127.0.0.1 is 80 inside\n");
        contains(text, "dns           9.9.9.9\n");
        contains(text, "capabilities  none\n");
        contains(text, "seccomp       sandbox, 312 instructions\n");
        contains(text, "core 1:1, nofile 5:unlimited, /dev/shm 64m, 1.500 s of time\n");
        contains(text, "descriptors   0 1 2 9\n");
        contains(text, "environment   PATH HOME USER TERM LANG LC_ALL LC_TIME S\n");
        contains(text, "directory     /home/ann/work\n");
        contains(text, "command       sh -c 'echo '\\''a'\\'''\n");
        assert_null(strstr(text, "hush"));
        assert_null(strstr(text, "xyzzy"));
        free(text);
}

static void tells_the_mounts_in_order(void **state)
{
        const char *argv[] = { "--", "x", NULL };
        struct tree tree = { 0 };
        struct err e = { 0 };
        struct tree_watch watched[] = {
                { .host_path = "/home/ann/project/.envrc" },
                { .host_path = "/home/ann/project/.npmrc", .is_there = true },
        };
        struct tree_entry *entry;

        (void)state;
        entry = tree_add(&tree, TREE_TMPFS, "/", "host view", &e);
        entry->flags = TREE_READ_ONLY | TREE_NO_SUID;
        entry->mode = 0755;
        entry->size = 1 << 20;
        entry = tree_add(&tree, TREE_SYMLINK, "/bin", "host view", &e);
        entry->source = "usr/bin";
        entry = tree_add(&tree, TREE_BIND, "/mnt", "option --volume", &e);
        entry->source = "/srv/a b\x1b[1m";
        entry->flags = TREE_NO_SUID | TREE_NO_DEV | TREE_RECURSIVE;
        entry = tree_add(&tree, TREE_EMPTY, "/proc/kcore", "built in", &e);
        entry->flags = TREE_IF_EXISTS;
        entry = tree_add(&tree, TREE_FILE, "/etc/a/b", "fake root", &e);
        entry->flags = TREE_IF_PARENT;
        entry->mode = 0644;
        tree.watched = watched;
        tree.n_watched = 2;

        char *text = dump(argv, &tree, false);
        contains(text, "   1  tmpfs    /  ");
        contains(text, "  ro,nosuid,mode=755,size=1m  (host view)\n");
        contains(text, "   2  symlink  /bin -> usr/bin  ");
        contains(text, "   3  bind     /mnt from '/srv/a b\\x1b[1m'  ");
        contains(text, "  rw,nosuid,nodev,rec  (option --volume)\n");
        contains(text, "   4  empty    /proc/kcore  ");
        contains(text, "  if it exists  (built in)\n");
        contains(text, "  mode=644  if its directory exists  (fake root)\n");
        contains(text, "      /home/ann/project/.envrc\n");
        assert_null(strstr(text, ".npmrc"));
        assert_null(strchr(text, '\x1b'));
        free(text);
        tree_done(&tree);
}

static void tells_an_image(void **state)
{
        const char *argv[] = { "--network",   "host",   "-u", "bob:staff",
                               "--read-only", "./root", "x",  NULL };
        struct tree tree = { 0 };
        char *text = dump(argv, &tree, false);

        (void)state;
        contains(text, "root          image ./root, the directory /srv/root, read-only\n");
        contains(text, "user 1000 outside is 0 inside, group 1000 is 0, and the subordinate ids");
        contains(text, "runs as       bob:staff\n");
        contains(text, "namespaces    user mount pid ipc uts cgroup\n");
        contains(text, "network       host: shared with the host\n");
        contains(text, "capabilities  CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP "
                       "NET_BIND_SERVICE SYS_CHROOT SETFCAP\n");
        free(text);
}

static void tells_whether_root_is_faked(void **state)
{
        static const struct {
                const char *argv[6];
                bool has_one_id;
                const char *want;
                const char *filter;
        } rows[] = {
                { { "./root", "x" },
                  true,
                  "fake root     on: calls that need other ids (@fake-root) say that they worked\n",
                  "seccomp       container+fakeroot, 312 instructions\n" },
                { { "./root", "x" },
                  false,
                  "fake root     off while the subordinate ids work\n",
                  "seccomp       container, 312 instructions\n" },
                { { "--userns", "subids", "./root", "x" },
                  false,
                  "fake root     off: the ids are real\n",
                  "seccomp       container, 312 instructions\n" },
                { { "--fake-root", "off", "./root", "x" },
                  true,
                  "fake root     off\n",
                  "seccomp       container, 312 instructions\n" },
                { { "--", "x" },
                  true,
                  "runs as       1000:1000\nnamespaces",
                  "seccomp       sandbox," },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct tree tree = { 0 };
                char *text = dump(rows[i].argv, &tree, rows[i].has_one_id);

                contains(text, rows[i].want);
                contains(text, rows[i].filter);
                free(text);
        }
}

static void tells_where_changes_go(void **state)
{
        const char *kept[] = { "--keep", "--name", "my-box", "./root", "x", NULL };
        const char *gone[] = { "--name", "my-box", "./root", "x", NULL };
        struct tree tree = { 0 };
        char *text = dump(kept, &tree, false);

        (void)state;
        contains(text, "changes       kept in /kept/my-box\n");
        free(text);
        text = dump(gone, &tree, false);
        contains(text, "changes       thrown away\n");
        free(text);
}

static void names_who_enforces_a_limit(void **state)
{
        const char *argv[] = { "-m", "1g", "--cpus", "0.25", "--pids-limit", "7", "--", "x", NULL };
        const char *more[] = { "-m", "7m", "--", "x", NULL };
        struct tree tree = { 0 };

        (void)state;
        char *text = dump(argv, &tree, false);
        contains(text, "memory        1g, by M\n");
        contains(text, "processors    0.250, by C\n");
        contains(text, "processes     7, by P\n");
        free(text);
        text = dump(more, &tree, false);
        contains(text, "memory        7m, by M\n");
        assert_null(strstr(text, "by C"));
        assert_null(strstr(text, "by P"));
        free(text);
}

static void tells_when_it_cannot_print(void **state)
{
        const char *argv[] = { "--", "x", NULL };
        struct dump_facts facts = { 0 };
        struct tree tree = { 0 };
        struct made m;
        FILE *full = fopen("/dev/full", "we");

        (void)state;
        assert_non_null(full);
        made_start(&m);
        made_run(&m, argv);
        assert_true(dump_plan(full, &m.plan, &tree, &facts) < 0);
        fclose(full);
        made_done(&m);
}

static void quotes_words(void **state)
{
        static const char *const rows[][2] = {
                { "", "''" },
                { "a-b_c/d=e,f:g@h+i%j^", "a-b_c/d=e,f:g@h+i%j^" },
                { "a b", "'a b'" },
                { "it's", "'it'\\''s'" },
                { "'", "''\\'''" },
                { "$(x)", "'$(x)'" },
                { "a\nb", "'a\\x0ab'" },
                { "\x1b", "\\x1b" },
        };
        char buffer[64];

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_string_equal(word_quote(buffer, sizeof(buffer), rows[i][0]), rows[i][1]);
        for (size_t size = 8; size < 40; size++) {
                word_quote(buffer, size, "a 'quoted' \x01 word, it's long");
                assert_true(strlen(buffer) < size);
                assert_int_equal(buffer[strlen(buffer) - 1], '\'');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tells_the_whole_plan),
                cmocka_unit_test(tells_the_mounts_in_order),
                cmocka_unit_test(tells_an_image),
                cmocka_unit_test(tells_whether_root_is_faked),
                cmocka_unit_test(tells_where_changes_go),
                cmocka_unit_test(quotes_words),
                cmocka_unit_test(names_who_enforces_a_limit),
                cmocka_unit_test(tells_when_it_cannot_print),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
