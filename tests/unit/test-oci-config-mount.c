#include "oci-text.h"

#include <linux/mount.h>
#include <sys/mount.h>

/* The one mount with these members, at /m. */
static const struct bundle_mount *read_mount(const char *members, struct bundle *b)
{
        struct err e = { 0 };
        char text[4096];

        snprintf(text, sizeof(text),
                 "'linux':{'namespaces':[{'type':'user'}]},'mounts':[{'destination':'/m'%s}]",
                 members);
        if (oci_text_read(text, b, &e) < 0)
                fail_msg("%s: %s", members, e.text);
        assert_int_equal(b->n_mounts, 1);
        assert_string_equal(b->mounts[0].where, "mounts[0]");
        return &b->mounts[0];
}

static const struct bundle_mount *read_words(const char *words, struct bundle *b)
{
        char text[2048];

        snprintf(text, sizeof(text), ",'type':'tmpfs','source':'t','options':[%s]", words);
        return read_mount(text, b);
}

static void assert_bad(const char *members, const char *said)
{
        struct bundle b = { 0 };
        struct err e = { 0 };
        char text[4096];

        snprintf(text, sizeof(text), "'mounts':[{'destination':'/m'%s}]", members);
        int r = oci_text_read(text, &b, &e);
        if (r != -EINVAL || !strstr(e.text, said))
                fail_msg("%s: %d '%s', not '%s'", members, r, e.text, said);
        bundle_done(&b);
}

static void attributes(void **state)
{
        struct bundle b = { 0 };
        const struct bundle_mount *m =
                read_words("'nosuid','nodev','ro','suid','noexec','exec'", &b);

        (void)state;
        assert_int_equal(m->set, MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
        assert_int_equal(m->clear, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        m = read_words("'rw','ro','rro','rnosuid','rsuid','rnosymfollow','nodiratime'", &b);
        assert_int_equal(m->set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODIRATIME);
        assert_int_equal(m->clear, 0);
        assert_int_equal(m->set_all, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSYMFOLLOW);
        assert_int_equal(m->clear_all, MOUNT_ATTR_NOSUID);
        bundle_done(&b);
}

/* One field: the last word that says something of it counts. */
static void access_times(void **state)
{
        static const struct {
                const char *words;
                uint64_t set;
                uint64_t clear;
        } rows[] = {
                { "'noatime'", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
                { "'strictatime'", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
                { "'relatime'", 0, MOUNT_ATTR__ATIME },
                { "'noatime','strictatime'", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
                { "'noatime','relatime'", 0, MOUNT_ATTR__ATIME },
                { "'noatime','atime'", 0, MOUNT_ATTR__ATIME },
                { "'strictatime','atime'", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
                { "'atime'", 0, MOUNT_ATTR__ATIME },
                { "'nostrictatime'", 0, MOUNT_ATTR__ATIME },
                { "'noatime','norelatime'", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
                { "'strictatime','nodiratime'", MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_NODIRATIME,
                  MOUNT_ATTR__ATIME },
                { "'diratime'", 0, MOUNT_ATTR_NODIRATIME },
        };
        struct bundle b = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct bundle_mount *m = read_words(rows[i].words, &b);

                if (m->set != rows[i].set || m->clear != rows[i].clear)
                        fail_msg("%s: set %#lx, clear %#lx", rows[i].words, (long)m->set,
                                 (long)m->clear);
        }
        const struct bundle_mount *m = read_words("'rstrictatime','noatime'", &b);
        assert_int_equal(m->set_all, MOUNT_ATTR_STRICTATIME);
        assert_int_equal(m->clear_all, MOUNT_ATTR__ATIME);
        assert_int_equal(m->set, MOUNT_ATTR_NOATIME);
        bundle_done(&b);
}

static void supers(void **state)
{
        struct bundle b = { 0 };
        const struct bundle_mount *m =
                read_words("'sync','dirsync','async','lazytime','silent','loud','mand','iversion',"
                           "'noiversion','defaults','mode=755','','size=1k'",
                           &b);

        (void)state;
        assert_int_equal(m->super, MS_DIRSYNC | MS_LAZYTIME | MS_MANDLOCK);
        assert_string_equal(m->data, "mode=755,size=1k");
        assert_string_equal(m->type, "tmpfs");
        assert_string_equal(m->source, "t");
        assert_false(m->copies_up);
        assert_true(read_words("'tmpcopyup'", &b)->copies_up);
        bundle_done(&b);
}

static void propagations(void **state)
{
        struct bundle b = { 0 };
        const struct bundle_mount *m = read_words("'rslave','shared','runbindable','private'", &b);

        (void)state;
        assert_int_equal(m->n_propagations, 4);
        assert_int_equal(m->propagations[0], MS_SLAVE | MS_REC);
        assert_int_equal(m->propagations[1], MS_SHARED);
        assert_int_equal(m->propagations[2], MS_UNBINDABLE | MS_REC);
        assert_int_equal(m->propagations[3], MS_PRIVATE);
        bundle_done(&b);
}

static void binds(void **state)
{
        struct bundle b = { 0 };
        const struct bundle_mount *m =
                read_mount(",'type':'none','source':'x/y','options':['rbind','nosuid']", &b);

        (void)state;
        assert_true(m->is_bind);
        assert_true(m->is_recursive);
        assert_string_equal(m->type, "bind");
        assert_string_equal(m->source, "/bundle/x/y");
        m = read_mount(",'type':'bind','source':'/x'", &b);
        assert_true(m->is_bind);
        assert_false(m->is_recursive);
        assert_string_equal(m->source, "/x");
        m = read_mount(",'source':'/x','options':['bind','foo=1']", &b);
        assert_string_equal(m->data, "foo=1");
        assert_string_equal(b.notices[0],
                            "mounts[0].options: some of them mean nothing to a bind mount, "
                            "ignoring");
        assert_bad(",'type':'bind'", "mounts[0].source: is missing, of a bind mount");
        assert_bad(",'options':['ro']", "mounts[0].type: is missing");
        assert_bad(",'type':'bind','source':'/x','options':['src-nofollow']",
                   "mounts[0].options[0]: 'src-nofollow' is not supported");
        assert_bad(",'type':'bind','source':'/x','options':['tmpcopyup']", "is for tmpfs alone");
        bundle_done(&b);
}

static void idmaps(void **state)
{
        static const char maps[] = "'uidMappings':[{'containerID':0,'hostID':7,'size':1}],"
                                   "'gidMappings':[{'containerID':0,'hostID':8,'size':1}]";
        struct bundle b = { 0 };
        char text[1000];

        (void)state;
        snprintf(text, sizeof(text), ",'type':'tmpfs','options':['ridmap'],%s", maps);
        const struct bundle_mount *m = read_mount(text, &b);
        assert_int_equal(m->idmap, BUNDLE_IDMAP_RECURSIVE);
        assert_int_equal(m->uids.ranges[0].outer, 7);
        assert_int_equal(m->gids.ranges[0].outer, 8);
        snprintf(text, sizeof(text), ",'type':'tmpfs',%s", maps);
        assert_int_equal(read_mount(text, &b)->idmap, BUNDLE_IDMAP_MOUNT);
        assert_int_equal(read_words("'idmap'", &b)->uids.n, 0);
        assert_bad(",'type':'tmpfs','options':['idmap']", "mounts[0]: an idmap needs maps");
        assert_bad(",'type':'tmpfs','options':['idmap=uids=0-1-1']",
                   "mounts[0].options[0]: maps in an option are not supported");
        assert_bad(",'type':'tmpfs','uidMappings':[{'containerID':0,'hostID':7,'size':1}]",
                   "mounts[0].gidMappings: must be given");
        bundle_done(&b);
}

static void places(void **state)
{
        struct bundle b = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(oci_text_read("'mounts':[{'destination':'a/../../b/','type':'proc'},"
                                       "{'destination':'/','type':'proc'}]",
                                       &b, &e),
                         0);
        assert_string_equal(b.mounts[0].box_path, "/b");
        assert_string_equal(b.mounts[0].source, "");
        assert_string_equal(b.mounts[1].box_path, "/");
        assert_string_equal(b.notices[0],
                            "mounts[0].destination: is not absolute, which is deprecated, "
                            "ignoring");
        bundle_done(&b);
}

/* find_word() halves the list. */
static void words_in_order(void **state)
{
        const char *const *words = config_mount_options();
        struct bundle b = { 0 };
        char text[100];

        (void)state;
        for (size_t i = 0; words[i]; i++) {
                if (i > 0 && strcmp(words[i - 1], words[i]) >= 0)
                        fail_msg("'%s' stands before '%s'", words[i - 1], words[i]);
                snprintf(text, sizeof(text), ",'source':'/x','options':['%s'],'type':'tmpfs'",
                         words[i]);
                assert_string_equal(read_mount(text, &b)->data, "");
        }
        bundle_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(attributes), cmocka_unit_test(access_times),
                cmocka_unit_test(supers),     cmocka_unit_test(propagations),
                cmocka_unit_test(binds),      cmocka_unit_test(idmaps),
                cmocka_unit_test(places),     cmocka_unit_test(words_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
