/* The words of [syscalls]: what is understood, and what is refused with which words. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call-word.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct call_word parse(const char *text)
{
        struct call_word word;
        struct err e = { 0 };

        if (call_word_parse(text, &word, &e) < 0)
                fail_msg("'%s': %s", text, e.text);
        return word;
}

static void test_names(void **state)
{
        (void)state;
        assert_string_equal(parse("mount").name, "mount");
        assert_int_equal(parse("mount").number, -1);
        assert_int_equal(parse("mount").refuse, 0);
        assert_string_equal(parse("@new-mount-api").name, "@new-mount-api");
        assert_string_equal(parse("_sysctl").name, "_sysctl");
        assert_string_equal(parse("471").name, "");
        assert_int_equal(parse("471").number, 471);
        assert_int_equal(parse("0").number, 0);
}

static void test_answers(void **state)
{
        (void)state;
        assert_int_equal(parse("keyctl:EACCES").refuse, EACCES);
        assert_int_equal(parse("@mount:ENOSYS").refuse, ENOSYS);
        assert_int_equal(parse("471:EPERM").refuse, EPERM);
        assert_int_equal(parse("ptrace:kill").refuse, CALL_WORD_KILL);
        assert_int_equal(parse("ioctl(1=TIOCSTI):ENOTTY").refuse, ENOTTY);
        assert_int_equal(parse("ioctl(1=TIOCSTI)").refuse, 0);
}

static void test_conditions(void **state)
{
        (void)state;
        struct call_word word = parse("ioctl(1=TIOCSTI)");
        assert_string_equal(word.name, "ioctl");
        assert_int_equal(word.n_conds, 1);
        assert_int_equal(word.conds[0].test, CALL_TEST_EQUAL);
        assert_int_equal(word.conds[0].arg, 1);
        assert_int_equal(word.conds[0].mask, UINT32_MAX);
        assert_int_equal(word.conds[0].value, TIOCSTI);

        word = parse("clone(0&CLONE_NEWUSER|CLONE_NEWNS)");
        assert_int_equal(word.conds[0].test, CALL_TEST_ANY_BIT);
        assert_int_equal(word.conds[0].value, CLONE_NEWUSER | CLONE_NEWNS);

        word = parse("socket(0=AF_NETLINK,1!=SOCK_RAW,2=0x0f)");
        assert_int_equal(word.n_conds, 3);
        assert_int_equal(word.conds[0].value, AF_NETLINK);
        assert_int_equal(word.conds[1].test, CALL_TEST_DIFFERS);
        assert_int_equal(word.conds[1].value, SOCK_RAW);
        assert_int_equal(word.conds[2].value, 15);

        word = parse("ioctl(1&0xff00=0x5400)");
        assert_int_equal(word.conds[0].test, CALL_TEST_EQUAL);
        assert_int_equal(word.conds[0].mask, 0xff00);
        assert_int_equal(word.conds[0].value, 0x5400);

        word = parse("prctl(0=PR_SET_NAME)");
        assert_int_equal(word.conds[0].value, PR_SET_NAME);
        word = parse("personality(0=0xffffffff)");
        assert_int_equal(word.conds[0].value, UINT32_MAX);
}

/* SOCK_CLOEXEC beside the type is none of a rule's business: the kernel splits it off, too. */
static void test_socket_type_is_four_bits(void **state)
{
        (void)state;
        assert_int_equal(parse("socket(1=SOCK_DGRAM)").conds[0].mask, 0xf);
        assert_int_equal(parse("socketpair(1=SOCK_DGRAM)").conds[0].mask, 0xf);
        assert_int_equal(parse("socket(0=AF_UNIX)").conds[0].mask, UINT32_MAX);
}

static const struct {
        const char *text;
        const char *want;
} wrong[] = {
        { "", "'' is not the name" },
        { "@", "'@' is not the name" },
        { "mo unt", "is not the name" },
        { "mount;", "is not the name" },
        { "1024", "is not between 0 and 1023" },
        { "4294967295", "is not between 0 and 1023" },
        { "0x1", "is not a whole number" },
        { "-x/", "'-x/' is not the name" },
        { "mount:", "'' is not an error" },
        { "mount:0", "'0' is not an error" },
        { "mount:EPREM", "did you mean 'EPERM'" },
        { "mount:eperm", "'eperm' is not an error" },
        { "mount:Kill", "did you mean 'kill'" },
        { "mount:EPERM:EPERM", "'EPERM:EPERM' is not an error" },
        { "ioctl(1=TIOCSTI", "has no ')'" },
        { "socket(0=AF_NETLINK,", "has no ')'" },
        { "ioctl(1=TIOCSTI)x", "text behind its ')'" },
        { "ioctl(1=TIOCSTI)(0=1)", "text behind its ')'" },
        { "ioctl()", "does not begin with the number of an argument" },
        { "ioctl(1=TIOCSTI,)", "does not begin with the number of an argument" },
        { "ioctl(request=TIOCSTI)", "does not begin with the number of an argument" },
        { "ioctl(6=1)", "does not begin with the number of an argument" },
        { "ioctl(11=1)", "does not begin with the number of an argument" },
        { "ioctl(2=1)", "argument 2 of 'ioctl' cannot be judged by a filter\nargument 1 can" },
        { "read(0=1)", "the arguments of 'read' cannot be judged" },
        { "clone3(0=1)", "the arguments of 'clone3' cannot be judged" },
        { "prctl(1=1)", "argument 1 of 'prctl' cannot be judged by a filter\nargument 0 can" },
        { "@mount(0=1)", "'@mount' is a group" },
        { "16(1=1)", "need the name of a call, not the number 16" },
        { "ioctl(1=TIOCSIT)", "did you mean 'TIOCSTI'" },
        { "ioctl(1=AF_UNIX)", "'AF_UNIX' is not a known value of argument 1 of 'ioctl'" },
        { "ioctl(1=)", "'' is not a known value" },
        { "ioctl(1)", "has no '=', '!=' or '&'" },
        { "ioctl(1<3)", "has no '=', '!=' or '&'" },
        { "ioctl(1!3)", "has no '=', '!=' or '&'" },
        { "ioctl(1==3)", "'=3' is not a known value" },
        { "ioctl(1=0x)", "'0x' is not a number" },
        { "ioctl(1=0x100000000)", "is not a number of 32 bits" },
        { "ioctl(1=4294967296)", "is not between 0 and 4294967295" },
        { "ioctl(1=1|)", "'' is not a known value" },
        { "ioctl(1&0)", "never has one of these bits" },
        { "ioctl(1&0=0)", "is compared in no bit" },
        { "ioctl(1&1=2)", "never has that value" },
        { "socket(1=0x80000)", "never has that value" },
        { "socket(1&0x80000)", "never has one of these bits" },
        { "socket(0=1,0=2,0=3,0=4)", "more than 3 conditions" },
};

static void test_wrong(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct call_word word = { .number = 77 };
                struct err e = { 0 };

                if (call_word_parse(wrong[i].text, &word, &e) == 0)
                        fail_msg("'%s' was taken", wrong[i].text);
                if (!strstr(e.text, wrong[i].want))
                        fail_msg("'%s': '%s', not '%s'", wrong[i].text, e.text, wrong[i].want);
                /* nothing is written but on success */
                assert_int_equal(word.number, 77);
        }
}

static void test_default(void **state)
{
        int refuse = 0;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(call_word_parse_default("ENOSYS", &refuse, &e), 0);
        assert_int_equal(refuse, ENOSYS);
        assert_int_equal(call_word_parse_default("EPERM", &refuse, &e), 0);
        assert_int_equal(refuse, EPERM);
        assert_int_equal(call_word_parse_default("kill", &refuse, &e), 0);
        assert_int_equal(refuse, CALL_WORD_KILL);
        assert_int_equal(call_word_parse_default("allow", &refuse, &e), -EINVAL);
        assert_int_equal(call_word_parse_default("EACCES", &refuse, &e), -EINVAL);
        assert_int_equal(call_word_parse_default("ENOSYSS", &refuse, &e), -EINVAL);
        assert_non_null(strstr(e.text, "did you mean 'ENOSYS'"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),      cmocka_unit_test(test_answers),
                cmocka_unit_test(test_conditions), cmocka_unit_test(test_socket_type_is_four_bits),
                cmocka_unit_test(test_wrong),      cmocka_unit_test(test_default),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
