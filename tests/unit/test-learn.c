/* What a policy is made of that was learnt: places, hosts, secrets; printing and merging. */

#include "learn.h"
#include "lines.h"
#include "plan-made.h"
#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What ann's machine has; a name that ends in '/' is a directory. */
static const char *const on_host[] = {
        "/home/ann/",
        "/home/ann/work/",
        "/home/ann/work/main.c",
        "/home/ann/work/.env",
        "/home/ann/notes/",
        "/home/ann/notes/a",
        "/home/ann/notes/b",
        "/home/ann/box/",
        "/home/ann/box/a",
        "/home/ann/box/b",
        "/home/ann/box/.env",
        "/home/ann/box/deep/",
        "/home/ann/box/deep/id_rsa",
        "/home/ann/box/deep/id_rsa.pub",
        "/home/ann/box/secrets/",
        "/home/ann/box/secrets/x",
        "/home/ann/box/secrets/y",
        "/home/ann/box/secrets/z/",
        "/home/ann/box/secrets/z/1",
        "/home/ann/secrets/",
        "/home/ann/secrets/top",
        "/home/ann/secrets/sub/",
        "/home/ann/secrets/sub/1",
        "/home/ann/secrets/sub/2",
        "/home/ann/secrets/sub/in/",
        "/home/ann/secrets/sub/in/3",
        "/home/ann/vault/",
        "/home/ann/vault/a",
        "/home/ann/vault/b",
        "/home/ann/vault/key.pem",
        "/home/ann/ill/",
        "/home/ann/ill/a",
        "/home/ann/ill/b",
        "/home/ann/ill/\xff.pem",
        "/home/ann/lone/",
        "/home/ann/lone/file",
        "/home/ann/lib/",
        "/home/ann/lib/one/",
        "/home/ann/lib/one/x",
        "/home/ann/lib/two/",
        "/home/ann/lib/two/x",
        "/home/ann/lib/three/",
        "/home/ann/lib/three/x",
        "/home/ann/.gitconfig",
        "/home/ann/.bashrc",
        "/home/ann/.profile",
        "/home/ann/lone/.git/",
        "/home/ann/lone/.git/hooks/",
        "/home/ann/lone/.git/config",
        "/home/ann/.config/kelp/",
        "/home/ann/bin/",
        "/home/ann/.cargo/",
        "/home/ann/.cargo/registry/",
        "/home/ann/go/",
        "/home/ann/go/src/",
        "/home/ann/.ssh/",
        "/home/ann/.ssh/id_ed25519",
        "/home/ann/.cache/",
        "/home/ann/.cache/tool/",
        "/home/ann/.cache/tool/index",
        "/home/ann/.config/",
        "/home/ann/.config/tool/",
        "/home/ann/.config/tool/rc",
        "/home/ann/.config/flat.conf",
        "/home/ann/.config/gh/",
        "/home/ann/.config/gh/hosts.yml",
        "/home/ann/.local/share/",
        "/home/ann/.local/share/tool/",
        "/home/ann/.local/share/tool/data",
        "/home/ann/with \"blank\" *\\/",
        "/home/ann/with \"blank\" *\\/a",
        "/home/ann/with \"blank\" *\\/b",
        "/home/ann/no\xfftext/",
        "/home/ann/no\xfftext/a",
        "/home/ann/dash-/",
        "/home/ann/dash-/a",
        "/mnt/disk/",
        "/mnt/disk/data/",
        "/mnt/disk/data/a",
        "/usr/bin/cc",
        "/etc/ssl/certs/ca.pem",
        "/srv/secrets/",
        "/srv/secrets/sub/",
        "/srv/secrets/sub/1",
        "/srv/secrets/sub/2",
        "/srv/data/",
        "/srv/data/file",
};

/* ~/link-to-notes leads to ~/notes, ~/innocent to a key, and files of the work directory out of it. */
static const char *real_of(const char *path)
{
        if (str_eq(path, "/home/ann/link-to-notes/a"))
                return "/home/ann/notes/a";
        if (str_eq(path, "/home/ann/innocent"))
                return "/home/ann/.ssh/id_ed25519";
        if (str_eq(path, "/home/ann/work/startup"))
                return "/home/ann/.profile";
        return str_eq(path, "/home/ann/work/data") ? "/home/ann/lone/file" : path;
}

static enum learn_object look(const char *path, struct arena *a, const char **ret_real, void *arg,
                              struct err *e)
{
        (void)a;
        (void)arg;
        (void)e;
        path = *ret_real = real_of(path);
        size_t len = strlen(path);

        for (size_t i = 0; i < sizeof(on_host) / sizeof(on_host[0]); i++) {
                if (strncmp(on_host[i], path, len) != 0)
                        continue;
                if (on_host[i][len] == '\0')
                        return LEARN_FILE;
                if (str_eq(on_host[i] + len, "/"))
                        return LEARN_DIRECTORY;
        }
        return LEARN_NOTHING;
}

static int walk(const char *dir, learn_walk_fn *each, void *each_arg, void *arg, struct err *e)
{
        size_t len = strlen(dir);
        char path[64] = "";
        int into = 1;

        (void)arg;
        for (size_t i = 0; i < sizeof(on_host) / sizeof(on_host[0]); i++) {
                size_t n = strlen(on_host[i]);
                bool is_directory = on_host[i][n - 1] == '/';

                if (strncmp(on_host[i], dir, len) != 0 || on_host[i][len] != '/' || n == len + 1)
                        continue;
                /* what lies in a directory stands behind it */
                if (into == 0 && str_has_prefix(on_host[i], path) &&
                    on_host[i][strlen(path)] == '/')
                        continue;
                snprintf(path, sizeof(path), "%.*s", (int)(n - is_directory), on_host[i]);
                into = each(path, is_directory, each_arg, e);
                if (into < 0)
                        return -e->code;
        }
        return 0;
}

struct lesson {
        struct made made;
        struct learn learn;
        struct learn_context context;
        struct err e;
};

static void start(struct lesson *l)
{
        static const char *const argv[] = { "--policy", "base.policy", "--", "x", NULL };

        *l = (struct lesson){ 0 };
        made_start(&l->made);
        l->made.policy_text = "[policy]\nextends = sandbox\n[files]\n";
        made_run(&l->made, argv);
        assert_int_equal(l->made.result, 0);
        l->context = (struct learn_context){ .base = &l->made.plan,
                                             .base_name = "sandbox",
                                             .command = "tool --all",
                                             .options = "",
                                             .look = look,
                                             .walk = walk };
}

static void finish(struct lesson *l)
{
        learn_done(&l->learn);
        made_done(&l->made);
}

static void see(struct lesson *l, enum observe_kind kind, char access, const char *name,
                uint16_t port)
{
        struct observe_event event = {
                .kind = kind, .access = access, .port = port, .count = 1, .comm = "tool"
        };

        snprintf(event.name, sizeof(event.name), "%s", name);
        assert_int_equal(learn_add(&l->learn, &event, &l->e), 0);
}

static void see_refused(struct lesson *l, enum observe_kind kind, char access, const char *name,
                        uint16_t port)
{
        struct observe_event event = { .kind = kind,
                                       .access = access,
                                       .port = port,
                                       .count = 1,
                                       .is_refused = true,
                                       .comm = "tool" };

        snprintf(event.name, sizeof(event.name), "%s", name);
        assert_int_equal(learn_add(&l->learn, &event, &l->e), 0);
}

static void reads(struct lesson *l, const char *path)
{
        see(l, OBSERVE_OPEN, 'r', path, 0);
}

static void makes(struct lesson *l, const char *path)
{
        see(l, OBSERVE_CREATE, 'w', path, 0);
}

static void settle(struct lesson *l)
{
        assert_int_equal(learn_settle(&l->learn, &l->context, &l->e), 0);
}

static const struct learn_line *find(const struct lesson *l, enum learn_key key, const char *value)
{
        for (size_t i = 0; i < l->learn.n_lines; i++) {
                if (l->learn.lines[i].key == key && str_eq(l->learn.lines[i].value, value))
                        return &l->learn.lines[i];
        }
        return NULL;
}

/* Of paths, and no other. */
static void has_only(const struct lesson *l, enum learn_key key, const char *value)
{
        assert_int_equal(l->learn.n_lines, 1);
        assert_non_null(find(l, key, value));
}

static void test_given_needs_no_line(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/usr/bin/cc");
        reads(&l, "/etc/ssl/certs/ca.pem");
        reads(&l, "/home/ann/work/main.c");
        makes(&l, "/home/ann/work/main.o");
        makes(&l, "/tmp/scratch");
        reads(&l, "/proc/self/maps");
        reads(&l, "/dev/null");
        reads(&l, "/run/user/1000/bus");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 0);
        assert_int_equal(l.learn.n_secrets, 0);
        assert_int_equal(l.learn.n_refused, 0);
        finish(&l);
}

static void test_what_is_not_there_needs_no_line(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/.toolrc");
        reads(&l, "/home/ann/no/such");
        reads(&l, "/home/ann/.ssh/no-such-key");
        makes(&l, "/home/ann/.cache"); /* mkdir -p of what is there */
        makes(&l, "/home/ann/.config/tool");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 0);
        finish(&l);
}

static void test_one_file_is_a_file(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/lone/file");
        settle(&l);
        has_only(&l, LEARN_READABLE, "/home/ann/lone/file");
        finish(&l);
}

static void test_several_files_are_their_directory(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/notes/a");
        reads(&l, "/home/ann/notes/b");
        settle(&l);
        has_only(&l, LEARN_READABLE, "/home/ann/notes");
        finish(&l);
}

static void test_the_same_file_twice_is_one(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/notes/a");
        see(&l, OBSERVE_EXECUTE, 'x', "/home/ann/notes/a", 0);
        reads(&l, "/home/ann/notes/../notes/./a");
        settle(&l);
        has_only(&l, LEARN_READABLE, "/home/ann/notes/a");
        finish(&l);
}

static void test_a_listed_directory_is_shown(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/notes");
        settle(&l);
        has_only(&l, LEARN_READABLE, "/home/ann/notes");
        finish(&l);
}

static void test_neighbours_become_the_one_above(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/lib/one/x");
        reads(&l, "/home/ann/lib/two/x");
        reads(&l, "/home/ann/lib/three/x");
        settle(&l);
        has_only(&l, LEARN_READABLE, "/home/ann/lib");
        finish(&l);

        start(&l);
        reads(&l, "/home/ann/lib/one/x");
        reads(&l, "/home/ann/lib/two/x");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 2);
        assert_non_null(find(&l, LEARN_READABLE, "/home/ann/lib/one/x"));
        finish(&l);
}

/* Three directories of the home do not make it the home. */
static void test_the_home_is_never_granted(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann");
        reads(&l, "/home/ann/notes");
        reads(&l, "/home/ann/lone");
        reads(&l, "/home/ann/lib");
        reads(&l, "/home/ann/.gitconfig");
        makes(&l, "/home/ann/new-file");
        reads(&l, "/home");
        reads(&l, "/");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 4);
        for (size_t i = 0; i < l.learn.n_lines; i++) {
                assert_string_not_equal(l.learn.lines[i].value, "/home/ann");
                assert_string_not_equal(l.learn.lines[i].value, "/home");
                assert_string_not_equal(l.learn.lines[i].value, "/");
        }
        assert_non_null(find(&l, LEARN_READABLE, "/home/ann/.gitconfig"));
        finish(&l);
}

static void test_a_program_has_its_own_directories(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/.config/tool/rc");
        reads(&l, "/home/ann/.config/flat.conf");
        makes(&l, "/home/ann/.cache/tool/deep/down/x");
        makes(&l, "/home/ann/.local/share/tool/new");
        makes(&l, "/home/ann/.other/a/b");
        makes(&l, "/home/ann/.cache/new");
        see(&l, OBSERVE_RENAME, 'w', "/home/ann/.config/flat.conf", 0);
        reads(&l, "/home/ann/.config");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 6);
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/.cache/new"));
        assert_non_null(find(&l, LEARN_READABLE, "/home/ann/.config/tool"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/.config/flat.conf"));
        assert_int_equal(l.learn.n_refused, 1);
        assert_non_null(strstr(l.learn.refused[0], "~/.config,"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/.cache/tool"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/.local/share/tool"));
        const struct learn_line *line = find(&l, LEARN_WRITABLE, "/home/ann/.other");
        assert_non_null(line);
        assert_non_null(strstr(line->reason, "not there yet"));
        finish(&l);
}

static void test_writable_covers_readable(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/.cache/tool/index");
        makes(&l, "/home/ann/.cache/tool/new");
        reads(&l, "/home/ann/notes/a");
        makes(&l, "/home/ann/notes/c");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 2);
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/.cache/tool"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/notes"));
        finish(&l);
}

static void test_elsewhere(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/mnt/disk/data/a");
        see(&l, OBSERVE_OPEN, 'w', "/srv/data/file", 0);
        settle(&l);
        assert_int_equal(l.learn.n_lines, 2);
        assert_non_null(find(&l, LEARN_READABLE, "/mnt/disk/data/a"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/srv/data/file"));
        finish(&l);
}

static void has_secret(const struct lesson *l, const char *text)
{
        for (size_t i = 0; i < l->learn.n_secrets; i++) {
                if (strstr(l->learn.secrets[i], text))
                        return;
        }
        fail_msg("no secret '%s'", text);
}

static void test_secrets_are_left_out(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/.ssh/id_ed25519");
        see_refused(&l, OBSERVE_OPEN, 'r', "/home/ann/.config/gh/hosts.yml", 0);
        makes(&l, "/home/ann/.netrc");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 0);
        has_secret(&l, "~/.ssh,");
        has_secret(&l, "~/.config/gh,");
        has_secret(&l, "~/.netrc,");
        finish(&l);
}

static void has_refused(const struct lesson *l, const char *text)
{
        for (size_t i = 0; i < l->learn.n_refused; i++) {
                if (strstr(l->learn.refused[i], text))
                        return;
        }
        fail_msg("not refused: '%s'", text);
}

static void test_what_acts_outside_is_not_granted(void **state)
{
        static const char *const paths[] = {
                "/home/ann/.bashrc",
                "/home/ann/.gitconfig",
                "/home/ann/.config/kelp/sandbox.policy",
                "/home/ann/.config/systemd/user/x.service",
                "/home/ann/.local/share/kelp/store/x",
                "/home/ann/.cache/kelp/x",
                "/home/ann/bin/ls",
                "/home/ann/lone/.git/hooks/post-commit",
                "/home/ann/lone/.git/config",
                "/home/ann/lone/.git/modules/a/b/hooks/post-commit",
                "/home/ann/lone/.git/worktrees/a/config.worktree",
                "/home/ann/lone/.envrc",
                "/srv/data/.vscode/tasks.json",
        };
        struct lesson l;

        (void)state;
        start(&l);
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                makes(&l, paths[i]);
                see(&l, OBSERVE_OPEN, 'w', paths[i], 0);
        }
        /* a symlink, and what it leads to */
        see(&l, OBSERVE_OPEN, 'w', "/home/ann/work/startup", 0);
        settle(&l);
        assert_int_equal(l.learn.n_lines, 0);
        has_refused(&l, "write ~/.bashrc, by tool: it takes effect outside");
        has_refused(&l, "write ~/.profile, ");
        has_refused(&l, "write ~/lone/.git/hooks/post-commit, ");
        finish(&l);
}

static void test_what_acts_outside_stays_as_it_is_in_what_is_written(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        makes(&l, "/home/ann/.cargo/registry/x");
        makes(&l, "/home/ann/go/new");
        makes(&l, "/home/ann/lone/new");
        settle(&l);
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/.cargo"));
        assert_non_null(find(&l, LEARN_PROTECTED, "/home/ann/.cargo/bin"));
        assert_non_null(find(&l, LEARN_PROTECTED, "/home/ann/.cargo/env"));
        assert_non_null(find(&l, LEARN_PROTECTED, "/home/ann/.cargo/config.toml"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/go"));
        assert_non_null(find(&l, LEARN_PROTECTED, "/home/ann/go/bin"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/lone"));
        assert_int_equal(l.learn.n_lines, 8);
        finish(&l);
        /* what is only read changes nothing */
        start(&l);
        reads(&l, "/home/ann/.cargo/registry");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 1);
        finish(&l);
}

static void test_what_only_looks_like_that_is_granted(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/.gitconfig");
        makes(&l, "/home/ann/lone/hooks");
        makes(&l, "/home/ann/lone/.git/index");
        makes(&l, "/home/ann/lib/one/bin");
        makes(&l, "/home/ann/notes/x.bashrc");
        settle(&l);
        assert_non_null(find(&l, LEARN_READABLE, "/home/ann/.gitconfig"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/lone"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/lib/one"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/notes"));
        assert_int_equal(l.learn.n_refused, 0);
        finish(&l);
}

/* The directory that it lies in is needed for other things. */
static void test_a_secret_in_what_is_shown_is_hidden(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/vault/a");
        reads(&l, "/home/ann/vault/b");
        reads(&l, "/home/ann/vault/key.pem");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 2);
        assert_non_null(find(&l, LEARN_READABLE, "/home/ann/vault"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/vault/key.pem"));
        has_secret(&l, "~/vault/key.pem,");
        finish(&l);
}

/* Who knows that he is watched does not ask for them. */
static void test_a_secret_that_nobody_asked_for_is_hidden_in_what_is_shown(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/box/a");
        reads(&l, "/home/ann/box/b");
        settle(&l);
        assert_non_null(find(&l, LEARN_READABLE, "/home/ann/box"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/box/.env"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/box/deep/id_rsa"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/box/secrets"));
        assert_int_equal(l.learn.n_lines, 4);
        assert_int_equal(l.learn.n_secrets, 0);
        finish(&l);
        /* of a directory of such a name what was used is needed; one file alone shows no other */
        start(&l);
        makes(&l, "/home/ann/box/new");
        reads(&l, "/home/ann/box/secrets/x");
        reads(&l, "/home/ann/vault/a");
        settle(&l);
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/box"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/box/.env"));
        assert_null(find(&l, LEARN_HIDDEN, "/home/ann/box/secrets"));
        assert_null(find(&l, LEARN_HIDDEN, "/home/ann/box/secrets/x"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/box/secrets/y"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/box/secrets/z"));
        assert_null(find(&l, LEARN_HIDDEN, "/home/ann/vault/key.pem"));
        finish(&l);
}

/* Below it the names say nothing any more. */
static void test_a_part_of_a_secret_directory_shows_what_was_used(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/secrets/sub/1");
        makes(&l, "/home/ann/secrets/sub/new");
        makes(&l, "/srv/secrets/sub/new");
        settle(&l);
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/secrets/sub"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/secrets/sub/2"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/secrets/sub/in"));
        assert_non_null(find(&l, LEARN_WRITABLE, "/srv/secrets/sub"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/srv/secrets/sub/1"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/srv/secrets/sub/2"));
        assert_int_equal(l.learn.n_lines, 6);
        finish(&l);
}

static void test_what_is_left_out_is_hidden_once(void **state)
{
        struct lesson l;

        (void)state;
        /* a listing of what looks like a secret is not granted: nor is the whole of it then */
        start(&l);
        reads(&l, "/home/ann/secrets");
        makes(&l, "/home/ann/secrets/new");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 0);
        has_secret(&l, "~/secrets,");
        has_refused(&l, "write ~/secrets, by tool: it looks like a secret");
        finish(&l);

        start(&l);
        makes(&l, "/home/ann/box/new");
        reads(&l, "/home/ann/box/secrets");
        reads(&l, "/home/ann/box/secrets/x");
        settle(&l);
        assert_non_null(find(&l, LEARN_WRITABLE, "/home/ann/box"));
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/box/secrets"));
        assert_null(find(&l, LEARN_HIDDEN, "/home/ann/box/secrets/y"));
        assert_null(find(&l, LEARN_HIDDEN, "/home/ann/box/secrets/z"));
        finish(&l);

        /* also where the directory is not there yet */
        start(&l);
        makes(&l, "/home/ann/fresh/a");
        makes(&l, "/home/ann/fresh/b");
        makes(&l, "/home/ann/fresh/.env");
        settle(&l);
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/fresh/.env"));
        finish(&l);
}

static void test_a_directory_whose_secrets_cannot_be_hidden_is_not_shown(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/ill/a");
        reads(&l, "/home/ann/ill/b");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 0);
        has_refused(&l, "read ~/ill, by tool: it has a secret whose name no policy can have");
        finish(&l);
}

static void test_a_secret_of_the_current_directory_is_told(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/work/.env");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 0);
        has_secret(&l, "the current directory shows it");
        finish(&l);
}

static void test_hosts(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        see(&l, OBSERVE_HOST, 'r', "example.org", 0);
        see(&l, OBSERVE_HOST, 'r', "example.org", 443);
        see(&l, OBSERVE_HOST, 'r', "only-asked.org", 0);
        see(&l, OBSERVE_HOST, 'r', "2001:db8::1", 22);
        see(&l, OBSERVE_HOST, 'r', "127.0.0.1", 5432);
        see(&l, OBSERVE_HOST, 'r', "198.19.0.7", 443);
        see(&l, OBSERVE_HOST, 'r', "127.0.example.org", 443);
        see(&l, OBSERVE_HOST, 'r', "no name\n[files]", 443);
        see_refused(&l, OBSERVE_HOST, 'r', "refused.org", 25);
        see_refused(&l, OBSERVE_HOST, 'r', "refused.org", 0);
        see(&l, OBSERVE_HOST, 'r', "private.org", 0);
        see(&l, OBSERVE_HOST, 'r', "private.org", 443);
        see_refused(&l, OBSERVE_HOST, 'r', "private.org", 443);
        settle(&l);
        assert_int_equal(l.learn.n_lines, 4);
        assert_non_null(find(&l, LEARN_ALLOW, "example.org:443"));
        assert_non_null(find(&l, LEARN_ALLOW, "127.0.example.org:443"));
        assert_non_null(find(&l, LEARN_ALLOW, "only-asked.org"));
        assert_non_null(find(&l, LEARN_ALLOW, "[2001:db8::1]:22"));
        assert_int_equal(l.learn.n_refused, 3);
        finish(&l);
}

/* What the user said of the watched run holds for the later ones. */
static void test_symlinks(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/link-to-notes/a");
        reads(&l, "/home/ann/innocent");
        reads(&l, "/home/ann/work/data");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 3);
        assert_non_null(find(&l, LEARN_READABLE, "/home/ann/link-to-notes/a"));
        assert_non_null(find(&l, LEARN_READABLE, "/home/ann/notes/a"));
        assert_non_null(find(&l, LEARN_READABLE, "/home/ann/lone/file"));
        has_secret(&l, "~/.ssh,");
        finish(&l);
}

static void test_options_are_carried_over(void **state)
{
        static const char *const argv[] = { "--hide",      "~/notes/b", "--deny",  "bad.org",
                                            "--allow",     "good.org",  "--allow", "10.0.0.0/8",
                                            "--host-port", "5432",      "--",      "x",
                                            NULL };
        struct lesson l;
        struct made run;

        (void)state;
        start(&l);
        made_start(&run);
        made_run(&run, argv);
        assert_string_equal(made_text(&run), "");
        assert_int_equal(learn_carry(&l.learn, &run.plan, &l.e), 0);
        settle(&l);
        assert_int_equal(l.learn.n_lines, 4);
        assert_non_null(find(&l, LEARN_HIDDEN, "/home/ann/notes/b"));
        assert_non_null(find(&l, LEARN_ALLOW, "10.0.0.0/8"));
        assert_non_null(find(&l, LEARN_DENY, "bad.org"));
        assert_non_null(find(&l, LEARN_HOST_PORT, "5432"));
        made_done(&run);
        finish(&l);
}

static void test_calls(void **state)
{
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/usr/bin/cc");
        settle(&l);
        assert_int_equal(l.learn.n_lines, 0); /* nobody has looked at all calls */
        finish(&l);

        start(&l);
        see(&l, OBSERVE_SYSCALL, 'r', "read", 0);
        see(&l, OBSERVE_SYSCALL, 'r', "shmget", 0);
        see_refused(&l, OBSERVE_SYSCALL, 'r', "ptrace", 0);
        settle(&l);
        assert_int_equal(l.learn.n_lines, 2);
        assert_non_null(find(&l, LEARN_DENY_CALLS, "@aio"));
        assert_non_null(find(&l, LEARN_DENY_CALLS, "@sandbox"));
        assert_int_equal(l.learn.n_refused, 1);
        finish(&l);
}

/* Puts the text through the reader of policies; the plan is for looking at what it gives. */
static void read_back(struct made *m, const char *text)
{
        static const char *const argv[] = { "--policy", "learnt.policy", "--", "x", NULL };

        made_start(m);
        m->policy_text = text;
        made_run(m, argv);
}

static bool plan_gives(const struct plan *p, enum plan_rule_kind kind, const char *path)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                if (p->files.rules[i].kind == kind && p->files.rules[i].host_path &&
                    str_eq(p->files.rules[i].host_path, path))
                        return true;
        }
        return false;
}

static void test_print_is_read_back(void **state)
{
        struct lesson l;
        struct made m;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/notes/a");
        reads(&l, "/home/ann/notes/b");
        reads(&l, "/home/ann/with \"blank\" *\\/a");
        reads(&l, "/home/ann/with \"blank\" *\\/b");
        reads(&l, "/home/ann/no\xfftext/a");
        reads(&l, "/home/ann/dash-/a");
        makes(&l, "/home/ann/.cache/tool/x");
        reads(&l, "/home/ann/.ssh/id_ed25519");
        see_refused(&l, OBSERVE_OPEN, 'w', "/srv/data/file", 0);
        settle(&l);
        const char *text = learn_print(&l.learn, &l.context, &l.e);
        assert_non_null(text);
        read_back(&m, text);
        assert_string_equal(made_text(&m), "");
        assert_true(plan_gives(&m.plan, PLAN_RULE_READABLE, "/home/ann/notes"));
        assert_true(plan_gives(&m.plan, PLAN_RULE_WRITABLE, "/home/ann/.cache/tool"));
        assert_true(plan_gives(&m.plan, PLAN_RULE_READABLE, "/home/ann/with \"blank\" *\\"));
        assert_true(plan_gives(&m.plan, PLAN_RULE_READABLE, "/home/ann/dash-/a"));
        assert_false(plan_gives(&m.plan, PLAN_RULE_READABLE, "/home/ann/.ssh"));
        assert_non_null(strstr(text, "a name that no policy can have was left out"));
        made_done(&m);
        finish(&l);
}

/* Each line that grants something has a comment right above it. */
static void test_each_line_has_its_reason(void **state)
{
        struct lines *at = test_malloc(sizeof(*at));
        bool is_comment = false;
        bool is_granting = false;
        size_t n = 0;
        struct lesson l;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/notes/a");
        makes(&l, "/home/ann/.cache/tool/x");
        see(&l, OBSERVE_HOST, 'r', "example.org", 443);
        settle(&l);
        const char *text = learn_print(&l.learn, &l.context, &l.e);
        assert_non_null(text);
        assert_int_equal(lines_start(at, text, "text", &l.e), 0);
        while (lines_next(at, &l.e) > 0) {
                is_granting = is_granting || str_eq(at->line, "[files]");
                if (is_granting && strchr(at->line, '=') && at->line[0] != '#') {
                        assert_true(is_comment);
                        n++;
                }
                is_comment = at->line[0] == '#';
        }
        assert_int_equal(n, 4);
        test_free(at);
        finish(&l);
}

/* Nothing that the command chose can begin a line of its own. */
static void test_names_stay_in_their_comments(void **state)
{
        struct lesson l;
        struct made m;

        (void)state;
        start(&l);
        l.context.command = "tool\n[files]\nreadable = ~/.ssh\n";
        see_refused(&l, OBSERVE_OPEN, 'w', "/srv/x\n[files]\nreadable = /home/ann/.ssh", 0);
        see_refused(&l, OBSERVE_HOST, 'r', "x\nreadable = /home/ann/.ssh", 80);
        makes(&l, "/home/ann/.x\nreadable = ~/.ssh\n/y");
        struct observe_event event = { .kind = OBSERVE_OPEN, .access = 'r', .count = 1 };
        snprintf(event.comm, sizeof(event.comm), "a\nreadable = /");
        snprintf(event.name, sizeof(event.name), "/home/ann/notes/a");
        assert_int_equal(learn_add(&l.learn, &event, &l.e), 0);
        settle(&l);
        const char *text = learn_print(&l.learn, &l.context, &l.e);
        assert_non_null(text);
        assert_null(strstr(text, "\nreadable = ~/.ssh"));
        assert_null(strstr(text, "\nreadable = /"));
        read_back(&m, text);
        assert_string_equal(made_text(&m), "");
        assert_false(plan_gives(&m.plan, PLAN_RULE_READABLE, "/home/ann/.ssh"));
        assert_true(plan_gives(&m.plan, PLAN_RULE_READABLE, "/home/ann/notes/a"));
        made_done(&m);
        finish(&l);
}

static void test_same_input_same_text(void **state)
{
        struct lesson one;
        struct lesson other;

        (void)state;
        start(&one);
        reads(&one, "/home/ann/notes/a");
        reads(&one, "/home/ann/lone/file");
        reads(&one, "/home/ann/.gitconfig");
        settle(&one);
        start(&other);
        reads(&other, "/home/ann/.gitconfig");
        reads(&other, "/home/ann/lone/file");
        reads(&other, "/home/ann/notes/a");
        settle(&other);
        assert_string_equal(learn_print(&one.learn, &one.context, &one.e),
                            learn_print(&other.learn, &other.context, &other.e));
        finish(&one);
        finish(&other);
}

static const char *merge(struct lesson *l, const char *text, size_t *ret_added,
                         const char **ret_note)
{
        return learn_merge(&l->learn, &l->context, "mine.policy", text, ret_added, ret_note, &l->e);
}

static void test_merge_keeps_what_is_there(void **state)
{
        static const char text[] = "# mine\n[policy]\nextends = sandbox\n\n[files]\n"
                                   "# my notes\nreadable = -~/notes\n\n# the end\n";
        const char *note;
        struct lesson l;
        size_t n;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/notes/a");
        reads(&l, "/home/ann/lone/file");
        settle(&l);
        const char *merged = merge(&l, text, &n, &note);
        assert_non_null(merged);
        assert_int_equal(n, 1);
        assert_null(note);
        assert_string_equal(merged, "# mine\n[policy]\nextends = sandbox\n\n[files]\n"
                                    "# my notes\nreadable = -~/notes\n"
                                    "# read by tool\nreadable = -~/lone/file\n\n# the end\n");
        finish(&l);
}

static void test_merge_of_the_same_adds_nothing(void **state)
{
        const char *note;
        struct lesson l;
        size_t n = 7;

        (void)state;
        start(&l);
        reads(&l, "/home/ann/notes/a");
        reads(&l, "/home/ann/with \"blank\" *\\/a");
        makes(&l, "/home/ann/.cache/tool/x");
        see(&l, OBSERVE_HOST, 'r', "example.org", 443);
        settle(&l);
        const char *text = learn_print(&l.learn, &l.context, &l.e);
        const char *merged = merge(&l, text, &n, &note);
        assert_non_null(merged);
        assert_int_equal(n, 0);
        assert_string_equal(merged, text);
        finish(&l);
}

static void test_merge_makes_sections(void **state)
{
        const char *note;
        struct lesson l;
        struct made m;
        size_t n;

        (void)state;
        start(&l);
        makes(&l, "/home/ann/.cache/tool/x");
        settle(&l);
        const char *merged = merge(&l, "[policy]\nextends = sandbox", &n, &note);
        assert_non_null(merged);
        assert_int_equal(n, 1);
        read_back(&m, merged);
        assert_string_equal(made_text(&m), "");
        assert_true(plan_gives(&m.plan, PLAN_RULE_WRITABLE, "/home/ann/.cache/tool"));
        made_done(&m);
        finish(&l);
}

/* A directory that is shown read-only does not do for what is written to it. */
static void test_merge_knows_read_from_write(void **state)
{
        const char *note;
        struct lesson l;
        size_t n;

        (void)state;
        start(&l);
        makes(&l, "/home/ann/.cache/tool/x");
        settle(&l);
        assert_non_null(merge(&l, "[files]\nreadable = ~/.cache/tool\n", &n, &note));
        assert_int_equal(n, 1);
        assert_non_null(merge(&l, "[files]\nwritable = ~/.cache/tool\n", &n, &note));
        assert_int_equal(n, 0);
        finish(&l);
}

static void test_merge_tells_what_is_in_the_way(void **state)
{
        const char *note = NULL;
        struct lesson l;
        size_t n;

        (void)state;
        start(&l);
        see(&l, OBSERVE_HOST, 'r', "example.org", 443);
        see(&l, OBSERVE_SYSCALL, 'r', "shmget", 0);
        settle(&l);
        assert_non_null(merge(&l, "[network]\nmode = none\n", &n, &note));
        assert_non_null(strstr(note, "mine.policy:2"));
        assert_non_null(merge(&l, "[network]\nmode = filtered\n", &n, &note));
        assert_null(note);
        assert_int_equal(n, 1);
        assert_non_null(merge(&l, "[syscalls]\ndeny = @aio @ipc\n", &n, &note));
        assert_non_null(strstr(note, "@ipc"));
        assert_non_null(merge(&l, "[syscalls]\ndeny = @aio\n", &n, &note));
        assert_null(note);
        finish(&l);
}

static void test_merge_refuses_what_it_cannot_read(void **state)
{
        const char *note = NULL;
        struct lesson l;
        size_t n;

        (void)state;
        start(&l);
        settle(&l);
        assert_null(merge(&l, "[files]\nreadable = \"~/a\n", &n, &note));
        assert_non_null(strstr(l.e.text, "mine.policy:2"));
        finish(&l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_given_needs_no_line),
                cmocka_unit_test(test_what_is_not_there_needs_no_line),
                cmocka_unit_test(test_one_file_is_a_file),
                cmocka_unit_test(test_several_files_are_their_directory),
                cmocka_unit_test(test_the_same_file_twice_is_one),
                cmocka_unit_test(test_a_listed_directory_is_shown),
                cmocka_unit_test(test_neighbours_become_the_one_above),
                cmocka_unit_test(test_the_home_is_never_granted),
                cmocka_unit_test(test_a_program_has_its_own_directories),
                cmocka_unit_test(test_writable_covers_readable),
                cmocka_unit_test(test_elsewhere),
                cmocka_unit_test(test_secrets_are_left_out),
                cmocka_unit_test(test_what_acts_outside_is_not_granted),
                cmocka_unit_test(test_what_acts_outside_stays_as_it_is_in_what_is_written),
                cmocka_unit_test(test_what_only_looks_like_that_is_granted),
                cmocka_unit_test(test_a_secret_in_what_is_shown_is_hidden),
                cmocka_unit_test(test_a_secret_that_nobody_asked_for_is_hidden_in_what_is_shown),
                cmocka_unit_test(test_a_part_of_a_secret_directory_shows_what_was_used),
                cmocka_unit_test(test_what_is_left_out_is_hidden_once),
                cmocka_unit_test(test_a_directory_whose_secrets_cannot_be_hidden_is_not_shown),
                cmocka_unit_test(test_a_secret_of_the_current_directory_is_told),
                cmocka_unit_test(test_hosts),
                cmocka_unit_test(test_symlinks),
                cmocka_unit_test(test_options_are_carried_over),
                cmocka_unit_test(test_calls),
                cmocka_unit_test(test_print_is_read_back),
                cmocka_unit_test(test_each_line_has_its_reason),
                cmocka_unit_test(test_names_stay_in_their_comments),
                cmocka_unit_test(test_same_input_same_text),
                cmocka_unit_test(test_merge_keeps_what_is_there),
                cmocka_unit_test(test_merge_of_the_same_adds_nothing),
                cmocka_unit_test(test_merge_makes_sections),
                cmocka_unit_test(test_merge_knows_read_from_write),
                cmocka_unit_test(test_merge_tells_what_is_in_the_way),
                cmocka_unit_test(test_merge_refuses_what_it_cannot_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
