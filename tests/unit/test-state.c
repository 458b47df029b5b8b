#include "control.h"
#include "fd.h"
#include "proc.h"
#include "state.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The state directory by itself: each test has a runtime directory of its own. */

static char runtime[64];

static int set_up(void **unused)
{
        (void)unused;
        snprintf(runtime, sizeof(runtime), "/tmp/kelp-test-state-XXXXXX");
        assert_non_null(mkdtemp(runtime));
        assert_int_equal(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
        return 0;
}

/* Also proves that nothing is left in it. */
static int tear_down(void **unused)
{
        static const char *const parts[] = { "kelp/boxes", "kelp/names", "kelp" };
        char path[128];

        (void)unused;
        for (int i = 0; i < 3; i++) {
                snprintf(path, sizeof(path), "%s/%s", runtime, parts[i]);
                if (rmdir(path) < 0 && errno != ENOENT)
                        return -1;
        }
        return rmdir(runtime);
}

static struct state_box make(const char *name, bool is_transient)
{
        struct state_box box = STATE_BOX_NONE;
        struct box_status status = { .phase = BOX_RUNNING, .is_transient = is_transient };
        struct err e = { 0 };

        assert_int_equal(state_make_box(name, NULL, &box, &e), 0);
        memcpy(status.id, box.id, sizeof(status.id));
        if (name)
                box_status_set_text(status.name, sizeof(status.name), name);
        status.supervisor = getpid();
        assert_int_equal(state_write_status(&box, &status, &e), 0);
        return box;
}

static int count(void *arg, const struct box_status *status, struct err *e)
{
        (void)status;
        (void)e;
        ++*(int *)arg;
        return 0;
}

static int count_boxes(void)
{
        autostate s = STATE_NONE;
        struct err e = { 0 };
        int n = 0;

        assert_int_equal(state_open(&s, &e), 0);
        assert_int_equal(state_list(&s, count, &n, &e), 0);
        return n;
}

static int find(const char *word, struct box_status *ret, struct err *e)
{
        autostate s = STATE_NONE;

        assert_int_equal(state_open(&s, e), 0);
        return state_find(&s, word, ret, e);
}

static int remove_box(const char *word)
{
        autostate s = STATE_NONE;
        struct box_status status;
        struct err e = { 0 };

        assert_int_equal(state_open(&s, &e), 0);
        assert_int_equal(state_find(&s, word, &status, &e), 0);
        return state_remove(&s, status.id, &e);
}

static void status_comes_back_as_it_was_written(void **unused)
{
        static const char *const argv[] = { "sh", "-c", "a\nb \033[2J", "", NULL };
        struct box_status in = { .id = "0123456789ab",
                                 .phase = BOX_EXITED,
                                 .supervisor = 4711,
                                 .init_start = UINT64_MAX,
                                 .created_s = 1700000000,
                                 .exit_code = -1,
                                 .is_detached = true };
        struct box_status out;
        char text[BOX_STATUS_SIZE];
        struct err e = { 0 };

        (void)unused;
        box_status_set_command(&in, argv);
        text[box_status_print(&in, text)] = '\0';
        assert_int_equal(box_status_parse(text, &out, &e), 0);
        assert_memory_equal(&in, &out, sizeof(in));
        assert_string_equal(out.command, "sh -c 'a\\x0ab \\x1b[2J' ''");
}

static void the_longest_status_fits(void **unused)
{
        struct box_status in = { .id = "0123456789ab" };
        struct box_status out;
        char text[BOX_STATUS_SIZE];
        char longest[2000];
        struct err e = { 0 };

        (void)unused;
        memset(longest, '\001', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        box_status_set_text(in.command, sizeof(in.command), longest);
        box_status_set_text(in.policy, sizeof(in.policy), longest);
        box_status_set_text(in.image, sizeof(in.image), longest);
        text[box_status_print(&in, text)] = '\0';
        assert_int_equal(box_status_parse(text, &out, &e), 0);
        assert_memory_equal(&in, &out, sizeof(in));
}

static void a_status_that_cannot_be_is_refused(void **unused)
{
        static const char *const bad[] = {
                "",
                "id 0123456789aB\n",
                "id 0123456789ab\nphase done\n",
                "id 0123456789ab\ninit 99999999999\n",
                "id 0123456789ab\ninit -2\n",
                "id 0123456789ab\ndetached 2\n",
                "id 0123456789ab\ncreated -1\n",
                "id 0123456789ab\nname a\033b\n",
                "id 0123456789ab\nreason longer-than-sixteen\n",
                "id 0123456789ab\nlonely\n",
        };

        (void)unused;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct box_status out;
                char text[BOX_STATUS_SIZE];
                struct err e = { 0 };

                snprintf(text, sizeof(text), "%s", bad[i]);
                assert_int_equal(box_status_parse(text, &out, &e), -EBADMSG);
        }
}

static void a_box_is_found_by_name_and_id(void **unused)
{
        struct state_box box = make("web", true);
        struct box_status status;
        struct err e = { 0 };
        char start[5];

        (void)unused;
        snprintf(start, sizeof(start), "%.4s", box.id);
        assert_int_equal(find("web", &status, &e), 0);
        assert_int_equal(find(box.id, &status, &e), 0);
        assert_int_equal(find(start, &status, &e), 0);
        assert_string_equal(status.name, "web");
        assert_int_equal(find("we", &status, &e), -ENOENT);
        assert_int_equal(find("", &status, &e), -EINVAL);
        assert_int_equal(find("../names/web", &status, &e), -ENOENT);
        state_remove_own(&box);
        assert_int_equal(find("web", &status, &e), -ENOENT);
}

static void an_ambiguous_start_names_them(void **unused)
{
        struct state_box boxes[17];
        struct box_status status;
        struct err e = { 0 };
        char start[2] = "";

        (void)unused;
        /* of seventeen two begin with the same digit */
        for (size_t i = 0; i < 17; i++) {
                boxes[i] = make(NULL, true);
                for (size_t k = 0; k < i; k++) {
                        if (boxes[k].id[0] == boxes[i].id[0])
                                start[0] = boxes[i].id[0];
                }
        }
        assert_int_equal(find(start, &status, &e), -ENOTUNIQ);
        assert_non_null(strstr(e.text, "several sandboxes: "));
        for (size_t i = 0; i < 17; i++)
                state_remove_own(&boxes[i]);
}

static void a_name_is_given_once(void **unused)
{
        struct state_box box = make("one", true);
        struct state_box other = STATE_BOX_NONE;
        struct err e = { 0 };

        (void)unused;
        assert_int_equal(state_make_box("one", NULL, &other, &e), -EEXIST);
        assert_non_null(strstr(e.text, "kelp stop one"));
        assert_int_equal(count_boxes(), 1);
        state_remove_own(&box);
        assert_int_equal(count_boxes(), 0);
}

static void who_is_gone_is_swept(void **unused)
{
        struct state_box box = make("gone", true);

        (void)unused;
        /* as the kernel does at the end of a process */
        state_box_done(&box);
        assert_int_equal(count_boxes(), 0);
        /* the name is free again; and what stays says that it was lost */
        box = make("gone", false);
        state_box_done(&box);
        struct box_status status;
        struct err e = { 0 };
        assert_int_equal(find("gone", &status, &e), 0);
        assert_int_equal(status.phase, BOX_EXITED);
        assert_string_equal(status.reason, "lost");
        assert_int_equal(status.exit_code, -1);
        struct state_box other = STATE_BOX_NONE;
        assert_int_equal(state_make_box("gone", NULL, &other, &e), -EEXIST);
        assert_non_null(strstr(e.text, "kelp rm gone"));
        assert_int_equal(remove_box("gone"), 0);
}

static void who_was_killed_on_the_way_is_swept(void **unused)
{
        struct state_box box = STATE_BOX_NONE;
        struct err e = { 0 };

        (void)unused;
        /* no status yet */
        assert_int_equal(state_make_box("half", NULL, &box, &e), 0);
        assert_int_equal(count_boxes(), 0);
        state_box_done(&box);
        assert_int_equal(count_boxes(), 0);
        /* no lock either */
        box = make(NULL, true);
        assert_int_equal(unlinkat(box.dir, "status", 0), 0);
        assert_int_equal(unlinkat(box.dir, "lock", 0), 0);
        state_box_done(&box);
        assert_int_equal(count_boxes(), 0);
        box = make("half", true);
        state_remove_own(&box);
}

/* As pid 1 of a namespace below this one, or beside this process. */
static pid_t fork_sleeper(bool is_init, const char *name)
{
        unsigned long flags = is_init ? CLONE_NEWUSER | CLONE_NEWPID : 0;
        int ready[2];
        char byte;

        assert_int_equal(pipe(ready), 0);
        pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0) {
                prctl(PR_SET_NAME, name);
                if (write(ready[1], "", 1) != 1)
                        _exit(1);
                pause();
                _exit(0);
        }
        assert_true(pid > 0);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        close(ready[1]);
        return pid;
}

/* A box that was lost, with this process as its pid 1. */
static void lose(pid_t init, uint64_t start)
{
        struct state_box box = make(NULL, true);
        struct box_status status = {
                .phase = BOX_RUNNING, .is_transient = true, .init = init, .init_start = start
        };
        struct err e = { 0 };

        memcpy(status.id, box.id, sizeof(status.id));
        assert_int_equal(state_write_status(&box, &status, &e), 0);
        state_box_done(&box);
        assert_int_equal(count_boxes(), 0);
}

static void pid_1_of_a_lost_box_dies(void **unused)
{
        pid_t pid = fork_sleeper(true, "kelp-init");
        uint64_t start = 0;
        int status = 0;

        (void)unused;
        assert_int_equal(proc_start_time(pid, &start), 0);
        lose(pid, start);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void lives(pid_t pid, int64_t later)
{
        uint64_t start = 0;
        int status = 0;

        assert_int_equal(proc_start_time(pid, &start), 0);
        lose(pid, start + (uint64_t)later);
        /* what it was killed by before would come first */
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
        assert_true(WIFSTOPPED(status));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void who_has_got_the_number_of_pid_1_lives(void **unused)
{
        (void)unused;
        lives(fork_sleeper(true, "kelp-init"), -1);
}

/* A status that says of a process of the host that it is pid 1 of a sandbox. */
static void who_is_no_pid_1_of_kelps_lives(void **unused)
{
        (void)unused;
        lives(fork_sleeper(false, "sleep"), 0);
        lives(fork_sleeper(false, "kelp-init"), 0);
        lives(fork_sleeper(true, "catatonit"), 0);
}

static void what_others_may_look_into_is_refused(void **unused)
{
        char path[128];
        autostate s = STATE_NONE;
        struct state_box box = STATE_BOX_NONE;
        struct err e = { 0 };

        (void)unused;
        snprintf(path, sizeof(path), "%s/kelp", runtime);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(chmod(path, 0755), 0);
        assert_int_equal(state_open(&s, &e), -EPERM);
        assert_int_equal(state_make_box(NULL, NULL, &box, &e), -EPERM);
        assert_non_null(strstr(e.text, "chmod 700"));
        assert_int_equal(rmdir(path), 0);
        /* a symlink is not followed, wherever it leads */
        assert_int_equal(symlink(runtime, path), 0);
        assert_int_equal(state_make_box(NULL, NULL, &box, &e), -ENOTDIR);
        assert_int_equal(unlink(path), 0);
}

static void another_directory_serves_where_the_sessions_is_open(void **unused)
{
        char path[PATH_MAX];
        char want[64];
        struct err e = { 0 };

        (void)unused;
        snprintf(want, sizeof(want), "/tmp/kelp-%u", (unsigned)getuid());
        assert_int_equal(chmod(runtime, 0755), 0);
        assert_int_equal(state_find_path(path, &e), 0);
        assert_string_equal(path, want);
        assert_true(state_find_session(path));
        assert_true(str_has_prefix(path, runtime));
        assert_int_equal(chmod(runtime, 0700), 0);
        assert_int_equal(state_find_path(path, &e), 0);
        assert_true(str_has_prefix(path, runtime));
}

/* A payload that is given the session's directory can open it. */
static void a_session_that_was_opened_is_not_taken_for_an_empty_one(void **unused)
{
        autostate s = STATE_NONE;
        struct err e = { 0 };

        (void)unused;
        struct state_box box = make("there", true);
        assert_int_equal(chmod(runtime, 0755), 0);
        assert_int_equal(state_open(&s, &e), -EPERM);
        assert_non_null(strstr(e.text, "chmod 700"));
        assert_int_equal(chmod(runtime, 0700), 0);
        assert_int_equal(count_boxes(), 1);
        state_remove_own(&box);
}

/* In a process of its own: makes and removes, and returns what went wrong. */
static int come_and_go(int times)
{
        struct err e = { 0 };

        for (int i = 0; i < times; i++) {
                struct state_box box = STATE_BOX_NONE;
                const char *name = i % 2 ? "shared" : NULL;
                int r = state_make_box(name, NULL, &box, &e);

                if (r == -EEXIST && name)
                        continue;
                if (r < 0)
                        return -r;
                state_remove_own(&box);
        }
        return 0;
}

/* The root comes and goes under their hands. */
static void many_come_and_go(void **unused)
{
        (void)unused;
        for (int i = 0; i < 8; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0)
                        _exit(come_and_go(200));
        }
        for (int i = 0; i < 8; i++) {
                int status = -1;

                assert_true(wait(&status) > 0);
                assert_int_equal(status, 0);
        }
        assert_int_equal(count_boxes(), 0);
}

static struct box_status this_one(void)
{
        struct box_status status = { .id = "0123456789ab", .supervisor = getpid() };

        assert_int_equal(proc_start_time(status.supervisor, &status.supervisor_start), 0);
        return status;
}

/* What is asked and what is answered, by one process that plays both. */
static void a_request_and_its_answer(void **unused)
{
        struct state_box box = make(NULL, true);
        struct control_request request = CONTROL_REQUEST_NONE;
        struct err e = { 0 };
        struct err why = { 0 };
        int value = 0;

        (void)unused;
        autofd listener = control_listen(box.dir, &e);
        assert_true(listener >= 0);
        assert_int_equal(control_accept(listener), -1);
        const struct box_status self = this_one();
        autofd client = control_connect(box.dir, &self, &e);
        assert_true(client >= 0);
        autofd server = control_accept(listener);
        assert_true(server >= 0);
        assert_int_equal(control_take(server, &request), 0);
        int fds[] = { STDIN_FILENO, STDOUT_FILENO };
        assert_int_equal(control_send(client, CONTROL_ATTACH, 7, fds, 2, &e), 0);
        assert_int_equal(control_take(server, &request), 1);
        assert_int_equal(request.msg.type, CONTROL_ATTACH);
        assert_int_equal(request.n_fds, 2);
        control_request_done(&request);
        assert_true(control_answer(server, CONTROL_DONE, 3));
        assert_int_equal(control_await(client, &value, &e), CONTROL_DONE);
        assert_int_equal(value, 3);
        err_set(&why, EBUSY, "not now");
        assert_true(control_refuse(server, &why));
        assert_int_equal(control_await(client, &value, &e), -EBUSY);
        assert_string_equal(e.text, "not now");
        /* what is no message ends the connection */
        assert_int_equal(write(client, "x", 1), 1);
        assert_int_equal(control_take(server, &request), -1);
        fd_close(&server);
        assert_int_equal(control_await(client, &value, &e), 0);
        state_remove_own(&box);
}

/* Who does not read what it asked for costs the supervisor nothing. */
static void who_does_not_read_is_not_waited_for(void **unused)
{
        struct state_box box = make(NULL, true);
        struct err e = { 0 };
        int n = 0;

        (void)unused;
        autofd listener = control_listen(box.dir, &e);
        const struct box_status self = this_one();
        autofd client = control_connect(box.dir, &self, &e);
        autofd server = control_accept(listener);
        assert_true(server >= 0);
        while (control_answer(server, CONTROL_DONE, 0))
                n++;
        assert_true(n > 0);
        state_remove_own(&box);
        assert_true(client >= 0);
}

/* A payload that could make the socket, and write what status it likes. */
static void pose(int box_dir, int ready)
{
        struct err e = { 0 };
        int listener = control_listen(box_dir, &e);

        if (listener < 0 || write(ready, "", 1) != 1)
                _exit(1);
        pause();
        _exit(0);
}

static void is_refused(int box_dir, const struct box_status *status)
{
        struct err e = { 0 };

        assert_int_equal(control_connect(box_dir, status, &e), -EPERM);
        assert_non_null(strstr(e.text, "is not its supervisor"));
}

static void nobody_but_the_supervisor_is_asked(void **unused)
{
        struct state_box box = make(NULL, true);
        struct box_status status = this_one();
        struct err e = { 0 };
        int ready[2];
        char byte;

        (void)unused;
        assert_int_equal(pipe(ready), 0);
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0)
                pose(box.dir, ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        is_refused(box.dir, &status);
        /* also when it has found out what number it has outside */
        status.supervisor = pid;
        assert_int_equal(proc_start_time(pid, &status.supervisor_start), 0);
        is_refused(box.dir, &status);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(unlinkat(box.dir, "control", 0), 0);
        /* the control: this process as its own supervisor, and with another start */
        status = this_one();
        autofd listener = control_listen(box.dir, &e);
        autofd client = control_connect(box.dir, &status, &e);
        assert_true(listener >= 0 && client >= 0);
        status.supervisor_start--;
        is_refused(box.dir, &status);
        close(ready[0]);
        close(ready[1]);
        state_remove_own(&box);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(status_comes_back_as_it_was_written),
                cmocka_unit_test(the_longest_status_fits),
                cmocka_unit_test(a_status_that_cannot_be_is_refused),
                TEST(a_box_is_found_by_name_and_id),
                TEST(an_ambiguous_start_names_them),
                TEST(a_name_is_given_once),
                TEST(who_is_gone_is_swept),
                TEST(who_was_killed_on_the_way_is_swept),
                TEST(pid_1_of_a_lost_box_dies),
                TEST(who_has_got_the_number_of_pid_1_lives),
                TEST(who_is_no_pid_1_of_kelps_lives),
                TEST(what_others_may_look_into_is_refused),
                TEST(another_directory_serves_where_the_sessions_is_open),
                TEST(a_session_that_was_opened_is_not_taken_for_an_empty_one),
                TEST(many_come_and_go),
                TEST(a_request_and_its_answer),
                TEST(who_does_not_read_is_not_waited_for),
                TEST(nobody_but_the_supervisor_is_asked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
