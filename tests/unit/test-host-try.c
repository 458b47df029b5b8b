/* What the doctor tries: children, filters, servers; with a real kernel, as any user. */

#include "attempt.h"
#include "cause.h"
#include "dns.h"
#include "fd.h"
#include "hint.h"
#include "host-fake.h"
#include "io.h"
#include "probes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int setup(void **state)
{
        struct host_view *v = calloc(1, sizeof(*v));
        struct err e = { 0 };

        assert_int_equal(host_view_open(v, "/", &e), 0);
        *state = v;
        return 0;
}

static int teardown(void **state)
{
        host_view_done(*state);
        free(*state);
        return 0;
}

static void contains(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("'%s' is not in '%s'", part, text);
}

static int note_uid(void *data, char *note, struct err *e)
{
        (void)data;
        (void)e;
        snprintf(note, HOST_NOTE_SIZE, "%u", getuid());
        return 0;
}

static void test_attempt_notes(void **state)
{
        struct host_attempt attempt = { .run = note_uid };
        char note[HOST_NOTE_SIZE] = "";
        char own[16];
        struct err e = { 0 };

        assert_int_equal(host_attempt(*state, &attempt, note, &e), 0);
        snprintf(own, sizeof(own), "%u", getuid());
        assert_string_equal(note, own);
        attempt.in_userns = true;
        assert_int_equal(host_attempt(*state, &attempt, note, &e), 0);
        assert_string_equal(note, "0");
}

static int fail_on_purpose(void *data, char *note, struct err *e)
{
        (void)data;
        (void)note;
        return host_failed(e, HOST_TOPIC_TUN, err_set(e, ENXIO, "no 'thing'"));
}

static void test_attempt_fails(void **state)
{
        const struct host_attempt attempt = { .run = fail_on_purpose, .in_userns = true };
        struct err e = { 0 };

        assert_int_equal(host_attempt(*state, &attempt, NULL, &e), -ENXIO);
        assert_int_equal(e.step, HOST_TOPIC_TUN);
        assert_string_equal(e.text, "no 'thing'");
}

static int die_by_signal(void *data, char *note, struct err *e)
{
        (void)note;
        (void)e;
        signal(SIGSYS, SIG_DFL);
        raise(*(int *)data);
        return 0;
}

static void test_attempt_dies(void **state)
{
        int number = SIGSYS;
        const struct host_attempt attempt = { .run = die_by_signal, .data = &number };
        struct err e = { 0 };

        assert_int_equal(host_attempt(*state, &attempt, NULL, &e), -ENOSYS);
        contains(e.text, "killed by a system call filter");
        number = SIGKILL;
        assert_int_equal(host_attempt(*state, &attempt, NULL, &e), -EIO);
        contains(e.text, "137");
}

static int hang(void *data, char *note, struct err *e)
{
        (void)data;
        (void)note;
        (void)e;
        while (pause() < 0)
                continue;
        return 0;
}

static void test_attempt_hangs(void **state)
{
        const struct host_attempt attempt = { .run = hang };
        uint64_t start = io_now();
        struct err e = { 0 };

        assert_int_equal(host_attempt(*state, &attempt, NULL, &e), -ETIMEDOUT);
        assert_true(io_now() - start < 5000000000u);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
}

static void test_run_program(void **state)
{
        const char *const argv[] = { "/bin/sh", "-c", "echo out; echo err >&2; exit 3", NULL };
        const char *const missing[] = { "/nonexistent", NULL };
        struct err e = { 0 };
        char text[64];
        int code = 0;

        (void)state;
        assert_int_equal(host_run_program(argv, text, sizeof(text), &code, &e), 0);
        assert_string_equal(text, "out\nerr\n");
        assert_int_equal(code, 3);
        assert_int_equal(host_run_program(argv, text, 6, &code, &e), 0);
        assert_string_equal(text, "out\ne");
        assert_int_equal(host_run_program(missing, text, sizeof(text), &code, &e), -ENOENT);
}

/* Another root, whose files say what the security module would say. */
static void fake_label(struct fake *f, const char *label, const char *sysctl)
{
        fake_file(f, "proc/self/attr/current", label);
        fake_file(f, "proc/sys/kernel/apparmor_restrict_unprivileged_userns", sysctl);
        f->view.uid = geteuid();
        f->view.gid = getegid();
        strcpy(f->view.exe, "/opt/kelp");
}

static void test_apparmor_restricts(void **state)
{
        struct host_fact fact = { 0 };
        struct host_cause cause = { 0 };
        struct fake f;

        (void)state;
        fake_setup(&f);
        fake_label(&f, "unprivileged_userns (enforce)\n", "1\n");
        host_probe_apparmor(&f.view, &fact);
        assert_int_equal(fact.state, HOST_MISSING);
        contains(fact.cause.fix, "'/opt/kelp' doctor --apparmor-profile | ");
        contains(fact.cause.fix, "tee /etc/apparmor.d/opt.kelp ");
        /* the profile first, the switch for all programs last */
        assert_true(strstr(fact.cause.fix, "apparmor_parser -r") <
                    strstr(fact.cause.fix, "sysctl -w"));
        assert_true(host_find_cause(&f.view, HOST_TOPIC_LOOPBACK, EPERM, &cause));
        contains(cause.why, "AppArmor denies user namespaces");
        assert_true(host_find_cause(&f.view, HOST_TOPIC_ID_MAP, EACCES, &cause));
        contains(cause.why, "AppArmor denies user namespaces");
        fake_done(&f);
}

static void test_apparmor_allows(void **state)
{
        struct host_fact fact = { 0 };
        struct host_cause cause;
        struct fake f;

        (void)state;
        fake_setup(&f);
        fake_label(&f, "opt.kelp (unconfined)\n", "1\n");
        host_probe_apparmor(&f.view, &fact);
        assert_int_equal(fact.state, HOST_OK);
        contains(fact.what, "as 'opt.kelp (unconfined)'");
        assert_false(host_find_cause(&f.view, HOST_TOPIC_LOOPBACK, EPERM, &cause));

        fake_label(&f, "unconfined\n", "0\n");
        fact = (struct host_fact){ 0 };
        host_probe_apparmor(&f.view, &fact);
        assert_int_equal(fact.state, HOST_OK);
        fake_done(&f);
}

/* Refuses one call, as the filter of an outer container does, for good. */
static int refuse(unsigned number)
{
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { .len = 4, .filter = filter };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

struct refusal {
        unsigned number;
        void (*probe)(const struct host_view *v, struct host_fact *ret);
        enum host_topic topic;
};

/* Runs in a child; 0 when both the fact and the hint name the filter. */
static int refused_main(const struct refusal *r)
{
        struct host_fact fact = { 0 };
        struct host_view v;
        struct err e = { 0 };

        if (refuse(r->number) < 0 || host_view_open(&v, "/", &e) < 0)
                return 1;
        r->probe(&v, &fact);
        if (fact.state != HOST_MISSING || !strstr(fact.cause.why, "system call filter"))
                return 2;
        err_set(&e, EPERM, "cannot do it");
        host_hint(&e, r->topic);
        if (!err_get_hint(&e) || !strstr(err_get_hint(&e), "system call filter"))
                return 3;
        return 0;
}

static void test_refused_by_filter(void **state)
{
        static const struct refusal refusals[] = {
                { SYS_unshare, host_probe_userns, HOST_TOPIC_USERNS },
                { SYS_sethostname, host_probe_namespaces, HOST_TOPIC_NAMESPACES },
                { SYS_open_tree, host_probe_view, HOST_TOPIC_MOUNT },
                { SYS_mount, host_probe_proc, HOST_TOPIC_PROC },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
                int status = 0;
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0)
                        _exit(refused_main(&refusals[i]));
                assert_int_equal(waitpid(pid, &status, 0), pid);
                if (status != 0)
                        fail_msg("refusal %zu: status %#x", i, (unsigned)status);
        }
}

/* A filter that is there is not to blame for what works. */
static void test_filter_is_innocent(void **state)
{
        int status = 0;

        (void)state;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct err e = { 0 };

                if (refuse(SYS_reboot) < 0)
                        _exit(1);
                err_set(&e, EPERM, "cannot mount 'x'");
                host_hint(&e, HOST_TOPIC_MOUNT);
                _exit(err_get_hint(&e) ? 2 : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void test_hint(void **state)
{
        struct err e = { 0 };

        (void)state;
        err_set(&e, ENOSPC, "cannot make a user namespace");
        host_hint(&e, HOST_TOPIC_USERNS);
        contains(e.text, "cannot make a user namespace\n");
        contains(err_get_hint(&e), "user.max_user_namespaces is ");
        contains(err_get_hint(&e), "sysctl -w user.max_user_namespaces=");
        /* one line: the best way alone */
        assert_null(strchr(err_get_hint(&e), '\n'));

        /* one that is there already is better: it was set where the failure was */
        err_hint(&e, "own");
        host_hint(&e, HOST_TOPIC_USERNS);
        assert_string_equal(err_get_hint(&e), "own");

        /* what is not understood gets none */
        err_set(&e, ENOMEM, "cannot make a user namespace");
        host_hint(&e, HOST_TOPIC_USERNS);
        assert_null(err_get_hint(&e));
        err_set(&e, EPERM, "cannot");
        host_hint(&e, HOST_TOPIC_NONE);
        assert_null(err_get_hint(&e));
}

static void test_hint_in_little_room(void **state)
{
        struct err e = { 0 };
        char name[400];

        (void)state;
        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        err_set(&e, ENOSPC, "cannot %s", name);
        host_hint(&e, HOST_TOPIC_USERNS);
        assert_non_null(err_get_hint(&e));
        assert_true(strlen(e.text) < sizeof(e.text));
        contains(e.text, name);
}

/* A server on the loopback that answers one question as `mode` says. */
static int start_server(struct host_dns_server *ret)
{
        struct sockaddr_in *in = (struct sockaddr_in *)&ret->address;
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        *ret = (struct host_dns_server){ .text = "127.0.0.1", .len = sizeof(*in) };
        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)in, sizeof(*in)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)in, &ret->len), 0);
        return fd;
}

static pid_t answer_later(int fd, bool is_right)
{
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid > 0)
                return pid;
        struct sockaddr_in from;
        socklen_t len = sizeof(from);
        unsigned char text[512];
        ssize_t n = recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &len);

        if (n != 17)
                _exit(1);
        text[0] = (unsigned char)(text[0] ^ !is_right);
        text[2] |= 0x80;
        sendto(fd, text, (size_t)n, 0, (struct sockaddr *)&from, len);
        _exit(0);
}

static void test_dns_answer(void **state)
{
        struct host_dns_server servers[2];
        int silent = start_server(&servers[0]);
        int good = start_server(&servers[1]);
        unsigned ms = 0;
        int failure = 0;
        int status = 1;

        (void)state;
        pid_t pid = answer_later(good, true);
        assert_int_equal(host_dns_ask(servers, 2, &ms, &failure), 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        fd_close(&silent);
        fd_close(&good);
}

static void test_dns_wrong_answer(void **state)
{
        struct host_dns_server server;
        int fd = start_server(&server);
        uint64_t start = io_now();
        unsigned ms = 0;
        int failure = 0;

        (void)state;
        pid_t pid = answer_later(fd, false);
        assert_int_equal(host_dns_ask(&server, 1, &ms, &failure), -1);
        assert_int_equal(failure, 0);
        assert_true(io_now() - start < 1500000000u);
        waitpid(pid, NULL, 0);
        fd_close(&fd);
}

static void test_dns_refused(void **state)
{
        struct host_dns_server server;
        int fd = start_server(&server);
        uint64_t start = io_now();
        unsigned ms = 0;
        int failure = 0;

        (void)state;
        fd_close(&fd);
        assert_int_equal(host_dns_ask(&server, 1, &ms, &failure), -1);
        assert_int_equal(failure, ECONNREFUSED);
        assert_true(io_now() - start < 500000000u);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                T(test_attempt_notes),       T(test_attempt_fails),
                T(test_attempt_dies),        T(test_attempt_hangs),
                T(test_run_program),         T(test_apparmor_restricts),
                T(test_apparmor_allows),     T(test_refused_by_filter),
                T(test_filter_is_innocent),  T(test_hint),
                T(test_hint_in_little_room), T(test_dns_answer),
                T(test_dns_wrong_answer),    T(test_dns_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
