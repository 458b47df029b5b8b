/*
 * The filters of policies of one's own, as the kernel would run them: what the words of a plan make
 * of the built-in policy, what they never can, and what is said of it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call-names.h"
#include "seccomp-filters.h"
#include "str.h"
#include "syscalls.h"
#include "test-seccomp-vm.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define ALLOWED       SECCOMP_RET_ALLOW
#define LOGGED        SECCOMP_RET_LOG
#define KILLED        SECCOMP_RET_KILL_PROCESS
#define REFUSED(code) (SECCOMP_RET_ERRNO | (uint32_t)(code))
#define MAX_WORDS     64

/* A plan with words of its own: "allow read write; deny mount" of one file, '/' before the next. */
struct own {
        struct plan plan;
        struct plan_syscall words[MAX_WORDS];
        char text[1024];
};

static enum plan_syscall_kind kind_of(const char *key)
{
        return str_eq(key, "default") ? PLAN_SYSCALL_DEFAULT
               : str_eq(key, "allow") ? PLAN_SYSCALL_ALLOW
               : str_eq(key, "deny")  ? PLAN_SYSCALL_DENY
                                      : PLAN_SYSCALL_LOG;
}

static void own_make(struct own *o, const char *filter, const char *text)
{
        static const char *const origins[] = { "my.policy:1", "my.policy:2", "my.policy:3",
                                               "my.policy:4", "my.policy:5", "my.policy:6" };
        unsigned layer = 5;
        size_t line = 0;

        memset(o, 0, sizeof(*o));
        o->plan.policy_name = "./my.policy";
        o->plan.confine.filter = filter;
        o->plan.confine.syscalls = o->words;
        assert_true(strlen(text) < sizeof(o->text));
        memcpy(o->text, text, strlen(text) + 1);
        char *files = o->text;
        for (char *file; (file = str_next_field(&files, '/')); layer++) {
                for (char *at; (at = str_next_field(&file, ';')); line++) {
                        const char *key = strtok_r(at, " ", &at);

                        for (char *word; key && (word = strtok_r(at, " ", &at));) {
                                assert_true(o->plan.confine.n_syscalls < MAX_WORDS && line < 6);
                                o->words[o->plan.confine.n_syscalls++] =
                                        (struct plan_syscall){ kind_of(key), word, origins[line],
                                                               layer };
                        }
                }
        }
}

static void own_done(struct own *o)
{
        arena_done(&o->plan.arena);
}

static struct call_program *own_compile(const struct own *o, bool fakes_root)
{
        struct call_program *program = NULL;
        struct err e = { 0 };

        if (syscalls_compile(&o->plan, fakes_root, &program, &e) < 0)
                fail_msg("%s", e.text);
        return program;
}

static uint32_t ask(const struct call_program *program, int nr, uint64_t a0, uint64_t a1)
{
        struct seccomp_data data = { .nr = nr, .arch = call_arch, .args = { a0, a1, 0 } };
        struct vm_result result = vm_run(program->insns, program->len, &data);

        assert_false(result.is_broken);
        return result.action;
}

/* Two ways lead to a filter: by the build and by the launcher.  They are one. */
static void test_same_as_built_in(void **state)
{
        static const struct {
                const char *filter;
                const char *name;
                bool allow_userns;
                bool fakes_root;
        } cases[] = {
                { "sandbox", "sandbox", false, false },
                { "sandbox", "sandbox+userns", true, false },
                { "container", "container", false, false },
                { "container", "container+userns", true, false },
                { "container", "container+fakeroot", false, true },
                { "container", "container+userns+fakeroot", true, true },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const struct seccomp_filter *built = seccomp_filter_find(cases[i].name);
                struct own o;

                own_make(&o, cases[i].filter, "");
                o.plan.confine.may_nest_userns = cases[i].allow_userns;
                autofree struct call_program *program = own_compile(&o, cases[i].fakes_root);
                assert_non_null(built);
                assert_int_equal(program->len, built->len);
                assert_memory_equal(program->insns, built->insns,
                                    built->len * sizeof(*built->insns));
        }
}

struct question {
        int nr;
        uint64_t a0, a1;
        uint32_t want;
};

#define MAX_QUESTIONS 6

static const struct {
        const char *words;
        struct question questions[MAX_QUESTIONS];
} cases[] = {
        { "deny lseek", { { SYS_lseek, 0, 0, REFUSED(EPERM) }, { SYS_write, 0, 0, ALLOWED } } },
        { "deny keyctl:EACCES",
          { { SYS_keyctl, 0, 0, REFUSED(EACCES) }, { SYS_add_key, 0, 0, REFUSED(ENOSYS) } } },
        { "deny @aio:EIO",
          { { SYS_io_setup, 0, 0, REFUSED(EIO) },
            { SYS_io_destroy, 0, 0, REFUSED(EIO) },
            { SYS_futex, 0, 0, ALLOWED } } },
        { "deny lseek:kill", { { SYS_lseek, 0, 0, KILLED } } },
        { "allow ptrace", { { SYS_ptrace, 0, 0, ALLOWED }, { SYS_kcmp, 0, 0, REFUSED(EPERM) } } },
        { "allow 500", { { 500, 0, 0, ALLOWED }, { 501, 0, 0, REFUSED(ENOSYS) } } },
        { "deny 500:EACCES", { { 500, 0, 0, REFUSED(EACCES) } } },
        /* of one file deny wins whatever the order is, a later file wins over an earlier one */
        { "deny lseek; allow lseek", { { SYS_lseek, 0, 0, REFUSED(EPERM) } } },
        { "allow lseek; deny lseek", { { SYS_lseek, 0, 0, REFUSED(EPERM) } } },
        { "deny lseek / allow lseek", { { SYS_lseek, 0, 0, ALLOWED } } },
        { "allow ptrace / deny @debug", { { SYS_ptrace, 0, 0, REFUSED(EPERM) } } },
        { "default kill",
          { { 500, 0, 0, KILLED },
            { SYS_lseek, 0, 0, ALLOWED },
            { SYS_mount, 0, 0, REFUSED(EPERM) } } },
        { "default EPERM",
          { { 500, 0, 0, REFUSED(EPERM) }, { 0x40000000, 0, 0, REFUSED(EPERM) } } },
        { "log lseek", { { SYS_lseek, 0, 0, LOGGED }, { SYS_mount, 0, 0, REFUSED(EPERM) } } },
        { "log @aio / deny io_setup",
          { { SYS_io_setup, 0, 0, REFUSED(EPERM) }, { SYS_io_destroy, 0, 0, LOGGED } } },
        { "log ioctl", { { SYS_ioctl, 0, TIOCSTI, REFUSED(EPERM) }, { SYS_ioctl, 0, 1, LOGGED } } },
        /* arguments */
        { "deny ioctl(1=TIOCGWINSZ):ENOTTY",
          { { SYS_ioctl, 0, TIOCGWINSZ, REFUSED(ENOTTY) },
            { SYS_ioctl, 0, 5, ALLOWED },
            { SYS_ioctl, TIOCGWINSZ, 5, ALLOWED },
            { SYS_ioctl, 0, (7ULL << 32) | TIOCGWINSZ, REFUSED(ENOTTY) },
            { SYS_ioctl, 0, TIOCSTI, REFUSED(EPERM) } } },
        { "deny ioctl(1=TIOCSTI):ENOTTY", { { SYS_ioctl, 0, TIOCSTI, REFUSED(ENOTTY) } } },
        { "deny ioctl(1!=TIOCGWINSZ)",
          { { SYS_ioctl, 0, TIOCGWINSZ, ALLOWED }, { SYS_ioctl, 0, 1, REFUSED(EPERM) } } },
        { "deny ioctl(1&0xff00=0x5400)",
          { { SYS_ioctl, 0, TIOCGWINSZ, REFUSED(EPERM) }, { SYS_ioctl, 0, 0x5301, ALLOWED } } },
        { "deny clone(0&CLONE_VM)",
          { { SYS_clone, 0x100, 0, REFUSED(EPERM) },
            { SYS_clone, 0x11, 0, ALLOWED },
            { SYS_clone, 0x10000011, 0, REFUSED(EPERM) } } },
        { "deny socket; allow socket(0=AF_UNIX)",
          { { SYS_socket, AF_UNIX, 1, ALLOWED },
            { SYS_socket, (1ULL << 32) | 1, 1, ALLOWED },
            { SYS_socket, AF_INET, 1, REFUSED(EPERM) },
            { SYS_socket, AF_VSOCK, 1, REFUSED(EPERM) } } },
        { "deny socket(1=SOCK_DGRAM)",
          { { SYS_socket, AF_INET, SOCK_DGRAM, REFUSED(EPERM) },
            { SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, REFUSED(EPERM) },
            { SYS_socket, AF_INET, SOCK_STREAM, ALLOWED } } },
        { "deny socket(0=AF_UNIX,1=SOCK_DGRAM)",
          { { SYS_socket, AF_UNIX, SOCK_DGRAM, REFUSED(EPERM) },
            { SYS_socket, AF_UNIX, SOCK_STREAM, ALLOWED },
            { SYS_socket, AF_INET, SOCK_DGRAM, ALLOWED } } },
        /* one that denies is tried before one that allows, whatever the order is */
        { "allow socket(0=AF_UNIX); deny socket(0=AF_UNIX)",
          { { SYS_socket, AF_UNIX, 1, REFUSED(EPERM) } } },
        { "allow socket(0&0xff=1); deny socket socket(0=AF_UNIX):EACCES",
          { { SYS_socket, AF_UNIX, 1, REFUSED(EACCES) },
            { SYS_socket, AF_INET, 1, REFUSED(EPERM) } } },
        /* a later file that names the whole call takes exceptions away, one that does not keeps them */
        { "deny ioctl(1=TIOCGWINSZ) / allow ioctl",
          { { SYS_ioctl, 0, TIOCGWINSZ, ALLOWED }, { SYS_ioctl, 0, TIOCSTI, REFUSED(EPERM) } } },
        { "deny socket; allow socket(0=AF_UNIX) / deny socket",
          { { SYS_socket, AF_UNIX, 1, REFUSED(EPERM) } } },
        { "deny ioctl(1=TIOCGWINSZ) / deny lseek",
          { { SYS_ioctl, 0, TIOCGWINSZ, REFUSED(EPERM) } } },
        { "deny ioctl(1=TIOCGWINSZ) / allow ioctl(1=TIOCGWINSZ)",
          { { SYS_ioctl, 0, TIOCGWINSZ, ALLOWED } } },
        { "deny socket; allow socket(0=AF_UNIX); log socket",
          { { SYS_socket, AF_UNIX, 1, LOGGED }, { SYS_socket, AF_INET, 1, REFUSED(EPERM) } } },
        { "allow personality(0=PER_LINUX32)",
          { { SYS_personality, 8, 0, ALLOWED }, { SYS_personality, 0x40000, 0, REFUSED(EPERM) } } },
        { "deny prctl(0=PR_SET_NAME):EINVAL",
          { { SYS_prctl, 15, 0, REFUSED(EINVAL) },
            { SYS_prctl, 35, 0, REFUSED(EPERM) },
            { SYS_prctl, 16, 0, ALLOWED } } },
        /* names that another architecture has: known, and without effect */
        { "allow socketcall; deny stat64", { { SYS_lseek, 0, 0, ALLOWED } } },
};

static void test_words(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct plan_problems problems = { 0 };
                struct own o;

                own_make(&o, "sandbox", cases[i].words);
                syscalls_judge(&o.plan, &problems);
                if (problems.n > 0)
                        fail_msg("'%s': %s", cases[i].words, problems.items[0].text);
                autofree struct call_program *program = own_compile(&o, false);
                own_done(&o);
                for (size_t q = 0; q < MAX_QUESTIONS && cases[i].questions[q].want; q++) {
                        const struct question *asked = &cases[i].questions[q];
                        uint32_t have = ask(program, asked->nr, asked->a0, asked->a1);

                        if (have != asked->want)
                                fail_msg("'%s': call %d (%llx, %llx): %s, not %s", cases[i].words,
                                         asked->nr, (unsigned long long)asked->a0,
                                         (unsigned long long)asked->a1, call_action_name(have),
                                         call_action_name(asked->want));
                }
        }
}

static const struct {
        const char *words;
        bool allow_userns;
        const char *want; /* NULL: nothing is wrong */
} judged[] = {
        { "allow mount", false, "my.policy:1: 'mount' cannot be allowed: 'mount' could undo" },
        { "allow mount", false, "\n--allow-userns is for sandboxes inside" },
        { "allow mount", true, NULL },
        { "allow fsopen", false, "'fsopen' cannot be allowed" },
        { "allow fsopen", true, "'fsopen' cannot be allowed" },
        { "allow @new-mount-api", true, "'@new-mount-api' cannot be allowed: 'fsopen' could" },
        { "allow 165", false, "'165' cannot be allowed: 'mount' could" },
        { "allow unshare", false, "'unshare' cannot be allowed" },
        { "allow @nesting", false, "'@nesting' cannot be allowed" },
        { "allow @nesting", true, NULL },
        { "allow clone3", false, "'clone3' cannot be allowed" },
        { "allow open_by_handle_at", true, "'open_by_handle_at' cannot be allowed" },
        { "deny @mount @new-mount-api", false, NULL },
        { "allow ioctl(1=TIOCSTI)", false, "stays refused whatever a policy says: TIOCSTI" },
        { "allow ioctl(1=TIOCSTI)", true, "stays refused whatever a policy says: TIOCSTI" },
        { "allow ioctl(1=0x4b33)", false, "stays refused whatever a policy says: KD*" },
        { "allow ioctl(1&0xffff=0x5412)", false, NULL },
        { "allow ioctl(1=TIOCGWINSZ)", false, NULL },
        { "allow socket(0=AF_VSOCK)", false, "stays refused whatever a policy says: any other" },
        { "allow socket(0=AF_NETLINK,2=NETLINK_AUDIT)", false, "AF_NETLINK, any other protocol" },
        { "allow socket(0=AF_NETLINK)", false, NULL },
        { "allow socket(0=AF_INET,1=SOCK_SEQPACKET)", false, "any other type" },
        { "allow socketpair(0=AF_INET)", false, "any other family" },
        { "allow clone(0&CLONE_NEWUSER)", false, "flags have a namespace bit" },
        { "allow clone(0&CLONE_NEWUSER|CLONE_NEWNS)", false, "flags have a namespace bit" },
        { "allow clone(0&CLONE_NEWUSER|CLONE_VM)", false, NULL },
        { "allow clone(0=0x10000011)", false, "flags have a namespace bit" },
        { "allow clone(0&CLONE_NEWUSER)", true, NULL },
        { "allow prctl(0=PR_SET_MM)", false, "PR_SET_MM" },
        { "allow personality(0=ADDR_NO_RANDOMIZE)", false, "any other but PER_LINUX" },
        { "log mount", false, "my.policy:1: 'mount' is in 'log', but is not allowed" },
        { "log @mount bpf", false, "my.policy:1: 'bpf' is in 'log'" },
        { "allow ptrace; log ptrace", false, NULL },
        { "deny @basic-io", false, "my.policy:1: without 'read' no command can be started" },
        { "deny execve:EACCES", false, "my.policy:1: without 'execve' no command" },
        { "log execve read write", false, NULL },
};

static void test_judgement(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
                struct plan_problems problems = { 0 };
                struct own o;

                own_make(&o, "sandbox", judged[i].words);
                o.plan.confine.may_nest_userns = judged[i].allow_userns;
                syscalls_judge(&o.plan, &problems);
                own_done(&o);
                if (!judged[i].want && problems.n > 0)
                        fail_msg("'%s': %s", judged[i].words, problems.items[0].text);
                if (!judged[i].want)
                        continue;
                bool is_said = false;
                for (size_t p = 0; p < problems.n; p++)
                        is_said = is_said || strstr(problems.items[p].text, judged[i].want);
                if (!is_said)
                        fail_msg("'%s': '%s', not '%s'", judged[i].words,
                                 problems.n ? problems.items[0].text : "", judged[i].want);
        }
}

/* All that is wrong is said at once. */
static void test_all_problems(void **state)
{
        struct plan_problems problems = { 0 };
        struct own o;

        (void)state;
        own_make(&o, "sandbox", "allow mount ioctl(1=TIOCSTI); log bpf kcmp / allow setns");
        syscalls_judge(&o.plan, &problems);
        assert_int_equal(problems.n, 5);
        /* and nothing is made of it */
        struct call_program *program = NULL;
        struct err e = { 0 };
        own_done(&o);
        o.plan.confine.judged = NULL;
        assert_int_equal(syscalls_compile(&o.plan, false, &program, &e), -EPERM);
        assert_null(program);
}

/* --- what no policy can do --- */

static uint32_t next_random(uint32_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}

static const char *const wild[] = {
        "ioctl",
        "ioctl(1&0xff=0x12)",
        "ioctl(1!=TIOCGWINSZ)",
        "socket",
        "socket(0!=AF_UNIX)",
        "socket(1=SOCK_STREAM)",
        "socket(2!=0)",
        "socketpair",
        "clone",
        "clone(0&CLONE_VM|CLONE_NEWUSER)",
        "clone(0!=0)",
        "prctl",
        "prctl(0!=0)",
        "personality",
        "personality(0!=0)",
        "@default-allow",
        "@process",
        "@basic-io",
        "@network",
        "ptrace",
        "@io-uring",
        "bpf",
        "@keyring",
};

static void random_words(struct own *o, uint32_t *state)
{
        for (size_t i = 0; i < 12; i++) {
                uint32_t kind = next_random(state) % 8;

                o->words[i] = (struct plan_syscall){
                        kind < 5 ? PLAN_SYSCALL_ALLOW : PLAN_SYSCALL_DENY,
                        wild[next_random(state) % (sizeof(wild) / sizeof(wild[0]))], "my.policy:1",
                        5 + (unsigned)i / 4
                };
        }
        o->plan.confine.n_syscalls = 12;
}

struct comparison {
        const struct call_program *own;
        const struct seccomp_filter *everything; /* built in, where the call is allowed */
};

/* What kelp's own rules refuse of an allowed call is never let through. */
static void expect_no_looser(const struct seccomp_data *data, void *user)
{
        const struct comparison *c = user;
        struct vm_result own = vm_run(c->own->insns, c->own->len, data);
        struct vm_result built = vm_run(c->everything->insns, c->everything->len, data);

        assert_false(own.is_broken);
        if (built.action != ALLOWED && own.action == ALLOWED)
                fail_msg("call %d (%llx, %llx, %llx) is allowed", data->nr,
                         (unsigned long long)data->args[0], (unsigned long long)data->args[1],
                         (unsigned long long)data->args[2]);
}

static void test_own_rules_stay(void **state)
{
        static const int with_rules[] = { SYS_ioctl, SYS_socket,      SYS_socketpair,
                                          SYS_clone, SYS_personality, SYS_prctl };
        uint32_t seed = 2463534242u;

        (void)state;
        for (int round = 0; round < 60; round++) {
                struct own o;

                own_make(&o, "sandbox", "");
                random_words(&o, &seed);
                autofree struct call_program *program = own_compile(&o, false);
                struct comparison c = { program, seccomp_filter_find("sandbox") };
                for (size_t i = 0; i < sizeof(with_rules) / sizeof(with_rules[0]); i++)
                        vm_sweep_args(call_arch, with_rules[i], expect_no_looser, &c);
                for (int nr = 0; nr < CALL_TABLE_MAX; nr++)
                        if (call_is_never[nr])
                                assert_int_not_equal(ask(program, nr, 0, 0), ALLOWED);
                struct seccomp_data foreign = { .nr = SYS_read, .arch = call_arch ^ 1 };
                assert_int_equal(vm_run(program->insns, program->len, &foreign).action, KILLED);
                for (int nr = 0; nr < 600; nr++)
                        assert_int_equal(ask(program, 0x40000000 | nr, 0, 0), REFUSED(ENOSYS));
        }
}

static void test_too_many_arguments(void **state)
{
        static struct plan_syscall words[CALL_TABLE_MAX_ROWS + 1];
        static char texts[CALL_TABLE_MAX_ROWS + 1][40];
        struct call_program *program = NULL;
        struct err e = { 0 };
        struct own o;

        (void)state;
        own_make(&o, "sandbox", "");
        for (size_t i = 0; i <= CALL_TABLE_MAX_ROWS; i++) {
                snprintf(texts[i], sizeof(texts[i]), "ioctl(1=0x%zx):EBADF", 0x10000 + i * 7);
                words[i] = (struct plan_syscall){ PLAN_SYSCALL_DENY, texts[i], "my.policy:1", 5 };
        }
        o.plan.confine.syscalls = words;
        o.plan.confine.n_syscalls = CALL_TABLE_MAX_ROWS;
        autofree struct call_program *most = own_compile(&o, false);
        assert_int_equal(ask(most, SYS_ioctl, 0, 0x10000), REFUSED(EBADF));
        assert_int_equal(ask(most, SYS_ioctl, 0, 0x10000 + 999 * 7), REFUSED(EBADF));
        assert_int_equal(ask(most, SYS_ioctl, 0, 0x10001), ALLOWED);
        assert_int_equal(ask(most, SYS_ioctl, 0, TIOCSTI), REFUSED(EPERM));
        o.plan.confine.n_syscalls = CALL_TABLE_MAX_ROWS + 1;
        assert_int_equal(syscalls_compile(&o.plan, false, &program, &e), -E2BIG);
        assert_non_null(strstr(e.text, "too many words with arguments"));
}

/* The kernel takes so many instructions, and no more: three conditions each go beyond them. */
static void test_too_long(void **state)
{
        static struct plan_syscall words[CALL_TABLE_MAX_ROWS];
        static char texts[CALL_TABLE_MAX_ROWS][60];
        struct call_program *program = NULL;
        struct err e = { 0 };
        struct own o;

        (void)state;
        own_make(&o, "sandbox", "");
        for (size_t i = 0; i < CALL_TABLE_MAX_ROWS; i++) {
                snprintf(texts[i], sizeof(texts[i]), "socket(0=%zu,1=%zu,2=%zu)", i, i % 7, i * 3);
                words[i] = (struct plan_syscall){ PLAN_SYSCALL_DENY, texts[i], "my.policy:1", 5 };
        }
        o.plan.confine.syscalls = words;
        o.plan.confine.n_syscalls = CALL_TABLE_MAX_ROWS;
        assert_int_equal(syscalls_compile(&o.plan, false, &program, &e), -E2BIG);
        assert_non_null(strstr(e.text, "does not fit into 4096 instructions"));
        assert_null(program);
}

/* --- what is said of it --- */

static void note(void *user, const char *origin, const char *calls)
{
        char *text = user;
        size_t used = strlen(text);

        snprintf(text + used, 1000 - used, "%s: %s\n", origin, calls);
}

static void expect_told(const char *words, const char *want)
{
        struct plan_problems problems = { 0 };
        char told[1000] = "";
        struct own o;

        own_make(&o, "sandbox", words);
        syscalls_judge(&o.plan, &problems);
        assert_int_equal(problems.n, 0);
        syscalls_tell_weaker(&o.plan, note, told);
        own_done(&o);
        assert_string_equal(told, want);
}

static void test_weaker_is_told(void **state)
{
        (void)state;
        expect_told("deny lseek", "");
        expect_told("allow lseek", "");
        expect_told("allow ptrace lseek; allow bpf kcmp 500",
                    "my.policy:1: ptrace\nmy.policy:2: kcmp bpf 500\n");
        expect_told("allow @debug @keyring @default-allow ptrace",
                    "my.policy:1: ptrace @keyring @debug\n");
        expect_told("deny socket; allow socket(0=AF_UNIX)", "");
        expect_told("allow ptrace bpf / deny ptrace", "my.policy:1: bpf\n");
        expect_told("allow ioctl(1=TIOCGWINSZ)", "");
}

static void test_dump(void **state)
{
        struct own o;
        struct err e = { 0 };
        char *text = NULL;
        size_t len = 0;

        (void)state;
        own_make(&o, "sandbox",
                 "allow ptrace; deny read:EIO; deny ioctl(1=TIOCGWINSZ); default kill");
        FILE *out = open_memstream(&text, &len);
        assert_int_equal(syscalls_dump(out, &o.plan, false, &e), 0);
        fclose(out);
        assert_string_equal(text,
                            "\nSystem calls, where the policy does not say what 'sandbox' says:\n"
                            "      what is not named              kill        (my.policy:4)\n"
                            "      read                           EIO         (my.policy:2)\n"
                            "      ptrace                         allow       (my.policy:1)\n"
                            "      ioctl(1=TIOCGWINSZ)            EPERM       (my.policy:3)\n");
        free(text);
}

static struct syscalls_answer why(const struct own *o, const char *call, struct arena *arena)
{
        struct syscalls_answer answer;
        struct err e = { 0 };

        if (syscalls_ask(&o->plan, false, call, arena, &answer, &e) < 0)
                fail_msg("%s", e.text);
        return answer;
}

static void test_why(void **state)
{
        struct arena arena = { 0 };
        struct syscalls_answer a;
        struct err e = { 0 };
        struct own o;

        (void)state;
        own_make(&o, "sandbox", "allow ptrace; deny ioctl(1=TIOCGWINSZ):ENOTTY; deny 500");
        a = why(&o, "ptrace", &arena);
        assert_int_equal(a.action, ALLOWED);
        assert_string_equal(a.origin, "my.policy:1");
        assert_string_equal(a.word, "ptrace");
        assert_true(a.is_refused_by_builtin);
        a = why(&o, "mount", &arena);
        assert_int_equal(a.action, REFUSED(EPERM));
        assert_non_null(strstr(a.origin, "sandbox.policy:"));
        assert_string_equal(a.word, "@mount");
        assert_true(a.is_never);
        a = why(&o, "ioctl", &arena);
        assert_int_equal(a.action, ALLOWED);
        assert_int_equal(a.n_rows, 7);
        assert_string_equal(a.rows[0].text, "ioctl(1=TIOCGWINSZ):ENOTTY");
        assert_string_equal(a.rows[0].origin, "my.policy:2");
        assert_int_equal(a.rows[0].action, REFUSED(ENOTTY));
        assert_string_equal(a.rows[1].text, "TIOCSTI");
        assert_null(a.rows[1].origin);
        a = why(&o, "501", &arena);
        assert_null(a.name);
        assert_int_equal(a.action, REFUSED(ENOSYS));
        assert_null(a.word);
        assert_non_null(strstr(a.origin, "sandbox.policy:"));
        a = why(&o, "500", &arena);
        assert_string_equal(a.origin, "my.policy:3");
        a = why(&o, "stat64", &arena);
        assert_int_equal(a.number, -1);
        assert_int_equal(a.action, REFUSED(ENOSYS));
        assert_int_equal(syscalls_ask(&o.plan, false, "ptrce", &arena, &a, &e), -ENOENT);
        assert_non_null(strstr(e.text, "did you mean 'ptrace'"));
        assert_int_equal(syscalls_ask(&o.plan, false, "@mount", &arena, &a, &e), -EINVAL);
        o.plan.confine.may_nest_userns = true;
        a = why(&o, "mount", &arena);
        assert_int_equal(a.action, ALLOWED);
        assert_string_equal(a.origin, "--allow-userns");
        arena_done(&arena);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_same_as_built_in),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_judgement),
                cmocka_unit_test(test_all_problems),
                cmocka_unit_test(test_own_rules_stay),
                cmocka_unit_test(test_too_many_arguments),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_weaker_is_told),
                cmocka_unit_test(test_dump),
                cmocka_unit_test(test_why),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
