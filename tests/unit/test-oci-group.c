#include "group.h"
#include "oci-text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory with files as a cgroup has them: what is asked for reaches the right ones. */
struct place {
        char path[32];
        struct group group;
};

static int make_place(void **state)
{
        struct place *p = calloc(1, sizeof(*p));

        strcpy(p->path, "/tmp/kelp-unit-XXXXXX");
        if (!mkdtemp(p->path))
                return -1;
        p->group.dir = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        *state = p;
        return p->group.dir < 0 ? -1 : 0;
}

static int remove_place(void **state)
{
        static const char *const names[] = { "memory.max", "memory.current", "memory.swap.max",
                                             "io.weight",  "io.bfq.weight",  "pids.max" };
        struct place *p = *state;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                unlinkat(p->group.dir, names[i], 0);
        close(p->group.dir);
        int r = rmdir(p->path);
        free(p);
        return r;
}

static void make_file(const struct place *p, const char *name, const char *text)
{
        char path[100];

        snprintf(path, sizeof(path), "%s/%s", p->path, name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static void assert_file(const struct place *p, const char *name, const char *text)
{
        char path[100];
        char found[100] = "";

        snprintf(path, sizeof(path), "%s/%s", p->path, name);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        assert_true(fgets(found, sizeof(found), f) || *text == '\0');
        fclose(f);
        assert_string_equal(found, text);
}

static int update(const struct place *p, const char *resources, struct err *e)
{
        struct bundle b = { 0 };
        char text[1000];

        snprintf(text, sizeof(text), "'linux':{'resources':{%s}}", resources);
        if (oci_text_read(text, &b, e) < 0)
                fail_msg("%s", e->text);
        int r = group_update(&p->group, &b, e);
        bundle_done(&b);
        return r;
}

static void written(void **state)
{
        const struct place *p = *state;
        struct err e = { 0 };

        make_file(p, "memory.max", "");
        make_file(p, "memory.swap.max", "");
        make_file(p, "pids.max", "");
        assert_int_equal(update(p, "'memory':{'limit':5,'swap':7},'pids':{'limit':-1}", &e), 0);
        assert_file(p, "memory.max", "5");
        assert_file(p, "memory.swap.max", "2");
        assert_file(p, "pids.max", "max");
        assert_int_equal(update(p, "'cpu':{'shares':5}", &e), -ENOENT);
        assert_non_null(strstr(e.text, "linux.resources.cpu.shares: no controller 'cpu' was"));
}

static void other_files(void **state)
{
        const struct place *p = *state;
        struct err e = { 0 };

        make_file(p, "io.weight", "");
        assert_int_equal(update(p, "'blockIO':{'weight':1000}", &e), 0);
        assert_int_equal(e.code, 0);
        assert_file(p, "io.weight", "10000");
        make_file(p, "io.weight", "");
        make_file(p, "io.bfq.weight", "");
        assert_int_equal(update(p, "'blockIO':{'weight':1000}", &e), 0);
        assert_file(p, "io.weight", "");
        assert_file(p, "io.bfq.weight", "1000");
}

/* No swap is counted: there is nothing to limit. */
static void no_swap(void **state)
{
        const struct place *p = *state;
        struct err e = { 0 };

        assert_int_equal(update(p, "'memory':{'swap':0}", &e), -ENOENT);
        make_file(p, "memory.max", "");
        assert_int_equal(update(p, "'memory':{'limit':5,'swap':7}", &e), 0);
        assert_file(p, "memory.max", "5");
}

static void old_files(void **state)
{
        const struct place *p = *state;
        struct err e = { 0 };

        assert_int_equal(update(p, "'memory':{'swappiness':5}", &e), -EOPNOTSUPP);
        assert_string_equal(e.text, "linux.resources.memory.swappiness: version 2 of cgroups has "
                                    "nothing like it");
        assert_int_equal(update(p, "'network':{'classID':5}", &e), -EOPNOTSUPP);
        /* what v2 is like without being asked */
        assert_int_equal(update(p, "'memory':{'kernel':-1,'useHierarchy':false}", &e), 0);
}

static void usage(void **state)
{
        const struct place *p = *state;
        struct err e = { 0 };

        make_file(p, "memory.max", "");
        make_file(p, "memory.current", "4096\n");
        assert_int_equal(update(p, "'memory':{'limit':4096,'checkBeforeUpdate':true}", &e), -EBUSY);
        assert_string_equal(e.text, "linux.resources.memory.limit: 4096 bytes are in use already");
        assert_file(p, "memory.max", "");
        e = (struct err){ 0 };
        assert_int_equal(update(p, "'memory':{'limit':4097,'checkBeforeUpdate':true}", &e), 0);
        assert_int_equal(update(p, "'memory':{'limit':-1,'checkBeforeUpdate':true}", &e), 0);
        make_file(p, "memory.max", "");
        assert_int_equal(update(p, "'memory':{'limit':1}", &e), 0);
        assert_file(p, "memory.max", "1");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(written, make_place, remove_place),
                cmocka_unit_test_setup_teardown(other_files, make_place, remove_place),
                cmocka_unit_test_setup_teardown(no_swap, make_place, remove_place),
                cmocka_unit_test_setup_teardown(old_files, make_place, remove_place),
                cmocka_unit_test_setup_teardown(usage, make_place, remove_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
