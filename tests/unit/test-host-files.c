/* What the doctor reads: parsers and verdicts over files of a made-up machine. */

#include "apparmor.h"
#include "cause.h"
#include "cgroup-place.h"
#include "dns.h"
#include "host-fake.h"
#include "mounts.h"
#include "outer.h"
#include "probes.h"
#include "subids.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int setup(void **state)
{
        struct fake *f = calloc(1, sizeof(*f));

        fake_setup(f);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        fake_done(*state);
        free(*state);
        return 0;
}

static void contains(const char *text, const char *part)
{
        if (!strstr(text, part))
                fail_msg("'%s' is not in '%s'", part, text);
}

static struct host_subids read_ids(struct fake *f, const char *text)
{
        struct host_subids ids;
        struct err e = { 0 };

        fake_file(f, "etc/subuid", text);
        assert_int_equal(host_subids_read(&f->view, "etc/subuid", &ids, &e), 0);
        return ids;
}

static void test_subids_by_name_and_number(void **state)
{
        struct host_subids ids = read_ids(*state, "bert:100000:65536\n"
                                                  "# a comment\n"
                                                  "\n"
                                                  "anna:165536:65536\n"
                                                  "annabel:300000:10\n"
                                                  "1000:400000:10\n");

        assert_int_equal(ids.n, 2);
        assert_int_equal(ids.ranges[0].start, 165536);
        assert_int_equal(ids.ranges[0].count, 65536);
        assert_int_equal(ids.ranges[1].start, 400000);
        assert_int_equal(ids.total, 65546);
        assert_int_equal(ids.bad_line, 0);
        assert_string_equal(ids.shared, "");
}

static void test_subids_none(void **state)
{
        struct fake *f = *state;
        struct host_subids ids = read_ids(f, "");
        struct err e = { 0 };

        assert_int_equal(ids.n, 0);
        assert_int_equal(host_subids_read(&f->view, "etc/subgid", &ids, &e), 0);
        assert_int_equal(ids.n, 0);
}

static void test_subids_bad_lines(void **state)
{
        static const char *const bad[] = {
                "anna:100000\n",       "anna:100000:65536:1\n",
                "anna:x:65536\n",      "anna:100000:0\n",
                "anna:-1:5\n",         "anna:4294967290:10\n",
                "anna:4294967295:1\n", "anna:100000:4294967296\n",
                "anna:500:1000\n", /* holds the user's own uid */
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct host_subids ids = read_ids(*state, bad[i]);

                if (ids.n != 0 || ids.bad_line != 1)
                        fail_msg("'%s' was taken", bad[i]);
        }
        /* the last id but one is the last that can be mapped */
        assert_int_equal(read_ids(*state, "anna:4294967285:10\n").n, 1);
}

static void test_subids_overlap(void **state)
{
        struct host_subids ids = read_ids(*state, "anna:100000:65536\nanna:165535:10\n");

        assert_int_equal(ids.n, 1);
        assert_int_equal(ids.bad_line, 2);
        ids = read_ids(*state, "bert:150000:10\nanna:100000:65536\n");
        assert_int_equal(ids.n, 1);
        assert_string_equal(ids.shared, "bert");
        ids = read_ids(*state, "bert:165536:10\nanna:100000:65536\n");
        assert_string_equal(ids.shared, "");
}

static void test_subids_verdict(void **state)
{
        struct fake *f = *state;
        struct host_fact fact = { 0 };

        fake_file(f, "etc/subuid", "bert:100000:65536\n");
        fake_file(f, "etc/subgid", "bert:100000:65536\nclara:165536:1\n");
        host_probe_subids(&f->view, &fact);
        assert_int_equal(fact.state, HOST_WEAKER);
        contains(fact.cause.why, "/etc/subuid has no line for 'anna'");
        /* free in both files */
        contains(fact.cause.fix, "usermod --add-subuids 231072-296607 --add-subgids 231072-296607 "
                                 "'anna'");

        fake_file(f, "etc/nsswitch.conf", "passwd: files sss\nsubid: sss\n");
        fact = (struct host_fact){ 0 };
        host_probe_subids(&f->view, &fact);
        contains(fact.cause.why, "directory service");

        fake_file(f, "etc/subuid", "anna:100000:1000\n");
        fact = (struct host_fact){ 0 };
        host_probe_subids(&f->view, &fact);
        assert_int_equal(fact.state, HOST_WEAKER);
        contains(fact.what, "1000 ids");

        fake_file(f, "etc/subuid", "anna:100000:65536\n");
        fake_file(f, "etc/subgid", "anna:100000:65536\n");
        fact = (struct host_fact){ 0 };
        host_probe_subids(&f->view, &fact);
        assert_int_equal(fact.state, HOST_OK);
}

static void test_mounts(void **state)
{
        char text[] = "22 27 0:21 / /proc rw,relatime shared:5 master:1 - proc proc rw\n"
                      "broken line\n"
                      "23 22 0:22 /a /proc/with\\040space ro,nosuid - tmpfs tmpfs rw\n";
        struct host_mount mount;
        char *at = text;

        (void)state;
        assert_true(host_next_mount(&at, &mount));
        assert_int_equal(mount.id, 22);
        assert_int_equal(mount.parent, 27);
        assert_string_equal(mount.type, "proc");
        assert_true(host_next_mount(&at, &mount));
        assert_string_equal(mount.point, "/proc/with space");
        assert_string_equal(mount.root, "/a");
        assert_true(host_has_option(mount.options, "ro"));
        assert_false(host_has_option("rw,errors=remount-ro,rootcontext", "ro"));
        assert_false(host_next_mount(&at, &mount));
}

static void test_root_mount(void **state)
{
        struct fake *f = *state;

        fake_file(f, "proc/self/mountinfo", "22 27 0:21 / /proc rw - proc proc rw\n");
        assert_false(host_is_root_a_mount(&f->view));
        fake_file(f, "proc/self/mountinfo", "27 1 8:1 / / rw - ext4 /dev/sda rw\n");
        assert_true(host_is_root_a_mount(&f->view));
}

static void test_resolv_conf(void **state)
{
        char text[] = "# nameserver 1.1.1.1\n"
                      "nameserver 192.0.2.1\n"
                      "nameserver\tfe80::1%lo  # here\n"
                      "nameservers 192.0.2.9\n"
                      "nameserver not.an.address\n"
                      "nameserver 192.0.2.3%lo\n"
                      "search example.org\n"
                      "nameserver 2001:db8::1\n"
                      "nameserver 192.0.2.4\n";
        struct host_dns_server servers[HOST_DNS_MAX];

        (void)state;
        assert_int_equal(host_dns_parse(text, servers, HOST_DNS_MAX), 3);
        assert_string_equal(servers[0].text, "192.0.2.1");
        assert_int_equal(servers[0].address.ss_family, AF_INET);
        assert_string_equal(servers[1].text, "fe80::1%lo");
        assert_int_equal(((struct sockaddr_in6 *)&servers[1].address)->sin6_scope_id, 1);
        assert_string_equal(servers[2].text, "2001:db8::1");
        assert_int_equal(servers[2].address.ss_family, AF_INET6);
}

static void test_dns_verdict(void **state)
{
        struct fake *f = *state;
        struct host_fact fact = { 0 };

        host_probe_dns(&f->view, &fact);
        assert_int_equal(fact.state, HOST_WEAKER);
        contains(fact.cause.why, "cannot be read");

        /* a link is followed inside the view, not to this machine's own files */
        fake_link(f, "/run/systemd/resolve/stub-resolv.conf", "etc/resolv.conf");
        fact = (struct host_fact){ 0 };
        host_probe_dns(&f->view, &fact);
        contains(fact.cause.why, "stub-resolv.conf");
        contains(fact.cause.fix, "systemctl enable --now systemd-resolved");

        fake_file(f, "run/systemd/resolve/stub-resolv.conf", "search example.org\n");
        fact = (struct host_fact){ 0 };
        host_probe_dns(&f->view, &fact);
        contains(fact.cause.why, "names no server");
}

static void test_find_program(void **state)
{
        struct fake *f = *state;
        char path[200];

        assert_false(host_find_program(&f->view, "slirp4netns", path, sizeof(path)));
        fake_file(f, "usr/bin/slirp4netns", "");
        fake_mode(f, "usr/bin/slirp4netns", 0644);
        assert_false(host_find_program(&f->view, "slirp4netns", path, sizeof(path)));
        fake_mode(f, "usr/bin/slirp4netns", 0755);
        assert_true(host_find_program(&f->view, "slirp4netns", path, sizeof(path)));
        assert_string_equal(path, "/usr/bin/slirp4netns");
}

static void test_install_command(void **state)
{
        static const struct {
                const char *release;
                const char *command;
        } cases[] = {
                { "NAME=x\nID=debian\n", "sudo apt-get install uidmap" },
                { "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "sudo apt-get install uidmap" },
                { "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                  "sudo dnf install shadow-utils" },
                { "ID=arch\n", "sudo pacman -S shadow" },
                { "ID=archaic\n", "install the package that has 'newuidmap'" },
                { "", "install the package that has 'newuidmap'" },
        };
        struct fake *f = *state;
        char command[128];

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                fake_file(f, "etc/os-release", cases[i].release);
                host_install_command(&f->view, "newuidmap", command, sizeof(command));
                assert_string_equal(command, cases[i].command);
        }
        fake_file(f, "etc/os-release", "ID=alpine\n");
        f->view.uid = 0;
        host_install_command(&f->view, "slirp4netns", command, sizeof(command));
        assert_string_equal(command, "apk add slirp4netns");
}

static void test_outer(void **state)
{
        struct fake *f = *state;

        unsetenv("KUBERNETES_SERVICE_HOST");
        fake_file(f, "proc/self/uid_map", "         0          0 4294967295\n");
        assert_int_equal(host_find_outer(&f->view), HOST_OUTER_NONE);
        fake_file(f, "proc/self/uid_map", "         0       1000          1\n");
        assert_int_equal(host_find_outer(&f->view), HOST_OUTER_USERNS);
        fake_file(f, "run/systemd/container", "lxc\n");
        assert_int_equal(host_find_outer(&f->view), HOST_OUTER_LXC);
        fake_file(f, ".dockerenv", "");
        assert_int_equal(host_find_outer(&f->view), HOST_OUTER_DOCKER);
        fake_file(f, "run/.containerenv", "");
        assert_int_equal(host_find_outer(&f->view), HOST_OUTER_PODMAN);
        setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1", 1);
        assert_int_equal(host_find_outer(&f->view), HOST_OUTER_KUBERNETES);
        unsetenv("KUBERNETES_SERVICE_HOST");
}

static void test_outer_fixes(void **state)
{
        (void)state;
        for (int outer = 0; outer < HOST_OUTER_COUNT; outer++) {
                for (int wish = 0; wish < HOST_OUTER_WISHES; wish++) {
                        struct host_cause cause = { 0 };

                        host_outer_fix((enum host_outer)outer, (enum host_outer_wish)wish, &cause);
                        assert_true(strlen(cause.fix) > 10);
                }
        }
}

static void test_limits(void **state)
{
        struct fake *f = *state;
        struct host_cause cause = { 0 };

        fake_file(f, "proc/sys/user/max_user_namespaces", "0\n");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_USERNS, ENOSPC, &cause));
        contains(cause.why, "user.max_user_namespaces is 0");
        contains(cause.fix, "sudo sysctl -w user.max_user_namespaces=15000");
        fake_file(f, "proc/sys/user/max_user_namespaces", "20000\n");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_USERNS, EUSERS, &cause));
        contains(cause.why, "user.max_user_namespaces is 20000");
        contains(cause.fix, "user.max_user_namespaces=40000");
}

static void test_userns_switch(void **state)
{
        struct fake *f = *state;
        struct host_cause cause = { 0 };

        fake_file(f, "proc/sys/kernel/unprivileged_userns_clone", "0\n");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_USERNS, EPERM, &cause));
        contains(cause.fix, "sysctl -w kernel.unprivileged_userns_clone=1");
}

static void test_userns_unmapped(void **state)
{
        struct fake *f = *state;
        struct host_cause cause = { 0 };

        fake_file(f, "proc/self/uid_map", "0 5000 1\n2000 6000 10\n");
        fake_file(f, "proc/self/gid_map", "0 5000 1\n");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_USERNS, EPERM, &cause));
        contains(cause.why, "your user id 1000 has no place");
        fake_file(f, "proc/self/uid_map", "1000 6000 10\n");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_ID_MAP, EPERM, &cause));
        contains(cause.why, "your group id 1000 has no place");
}

static void test_tun_absent(void **state)
{
        struct fake *f = *state;
        struct host_cause cause = { 0 };

        fake_file(f, "proc/self/uid_map", "0 0 4294967295\n");
        fake_file(f, "proc/misc", "235 autofs\n");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_TUN, ENOENT, &cause));
        contains(cause.fix, "sudo modprobe tun");

        fake_file(f, "proc/misc", "200 tun\n");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_TUN, ENOENT, &cause));
        contains(cause.fix, "mknod -m 666 /dev/net/tun c 10 200");

        fake_file(f, ".dockerenv", "");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_NETWORK, ENOENT, &cause));
        contains(cause.why, "'slirp4netns' is not installed");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_TUN, ENOENT, &cause));
        contains(cause.fix, "docker run --device /dev/net/tun");
}

/* What the running kernel could load, as its depmod(8) has listed it. */
static void test_veth_absent(void **state)
{
        struct fake *f = *state;
        struct host_cause cause = { 0 };
        struct utsname kernel;
        char path[256];

        assert_int_equal(uname(&kernel), 0);
        snprintf(path, sizeof(path), "lib/modules/%s/modules.dep", kernel.release);
        fake_file(f, "proc/self/uid_map", "0 0 4294967295\n");
        assert_true(host_cause_veth(&f->view, EOPNOTSUPP, &cause));
        contains(cause.why, "the kernel has no veth devices");

        fake_file(f, path, "kernel/drivers/net/tun.ko.xz:\nkernel/drivers/net/myveth.ko:\n");
        cause = (struct host_cause){ 0 };
        assert_true(host_has_module(&f->view, "tun"));
        assert_true(host_cause_veth(&f->view, EOPNOTSUPP, &cause));
        contains(cause.why, "the kernel has no veth devices");

        fake_file(f, path, "kernel/drivers/net/veth.ko.xz:\n");
        cause = (struct host_cause){ 0 };
        assert_false(host_has_module(&f->view, "tun"));
        assert_true(host_cause_veth(&f->view, EOPNOTSUPP, &cause));
        contains(cause.fix, "sudo modprobe veth");
}

static void test_newuidmap_absent(void **state)
{
        struct fake *f = *state;
        struct host_cause cause = { 0 };

        fake_file(f, "etc/os-release", "ID=debian\n");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_NEWIDMAP, ENOENT, &cause));
        contains(cause.why, "'newuidmap' is not installed");
        contains(cause.fix, "apt-get install uidmap");

        fake_file(f, "usr/bin/newuidmap", "");
        fake_mode(f, "usr/bin/newuidmap", 0755);
        assert_true(host_find_cause(&f->view, HOST_TOPIC_NEWIDMAP, EIO, &cause));
        contains(cause.why, "lost its setuid bit");
        contains(cause.fix, "sudo chmod u+s /usr/bin/newuidmap");

        fake_mode(f, "usr/bin/newuidmap", 04755);
        fake_file(f, "usr/bin/newgidmap", "");
        fake_mode(f, "usr/bin/newgidmap", 04755);
        fake_file(f, "proc/self/status", "Name:\tkelp\nNoNewPrivs:\t1\nSeccomp:\t2\n");
        assert_true(host_find_cause(&f->view, HOST_TOPIC_NEWIDMAP, EIO, &cause));
        contains(cause.why, "no_new_privs");
}

static void test_cgroup(void **state)
{
        struct fake *f = *state;
        struct host_fact fact = { 0 };

        fake_file(f, "proc/self/mountinfo", "27 1 8:1 / / rw - ext4 /dev/sda rw\n");
        host_probe_cgroup(&f->view, &fact);
        contains(fact.cause.why, "version 2 is not mounted");

        fake_file(f, "proc/self/mountinfo",
                  "30 27 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        fake_file(f, "proc/self/cgroup", "0::/a/b\n");
        fact = (struct host_fact){ 0 };
        host_probe_cgroup(&f->view, &fact);
        assert_int_equal(fact.state, HOST_WEAKER);
        contains(fact.cause.why, "no controller belongs to version 2");

        fake_file(f, "sys/fs/cgroup/cgroup.controllers", "cpuset io memory pids\n");
        fact = (struct host_fact){ 0 };
        host_probe_cgroup(&f->view, &fact);
        assert_int_equal(fact.state, HOST_WEAKER);
        contains(fact.cause.why, "no cgroup was delegated");
        contains(fact.cause.fix, "echo +memory +cpu +pids >cgroup.subtree_control");
}

/* A cgroup with what a user needs to make others in it. */
static void fake_cgroup(struct fake *f, const char *name, const char *procs,
                        const char *handed_down, const char *controllers)
{
        const char *const files[][2] = { { "procs", procs },
                                         { "subtree_control", handed_down },
                                         { "controllers", controllers } };

        for (size_t i = 0; i < 3; i++) {
                char path[192];

                snprintf(path, sizeof(path), "sys/fs/cgroup/%s/cgroup.%s", name, files[i][0]);
                fake_file(f, path, files[i][1]);
        }
}

/* A cgroup that was delegated is the one above ours, without processes of its own. */
static void test_cgroup_place(void **state)
{
        struct fake *f = *state;
        struct host_fact fact = { 0 };
        struct cgroup_place place;
        char path[128];

        fake_file(f, "proc/self/mountinfo",
                  "30 27 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        fake_file(f, "proc/self/cgroup", "0::/a/b\n");
        fake_cgroup(f, "a", "", "", "cpuset io memory pids\n");
        assert_true(cgroup_find_place(&f->view, 0, &place));
        assert_string_equal(place.dir, "/sys/fs/cgroup/a");
        assert_int_equal(place.controllers, CGROUP_MEMORY | CGROUP_PIDS);
        assert_false(place.is_own);
        host_probe_cgroup(&f->view, &fact);
        assert_int_equal(fact.state, HOST_WEAKER);
        contains(fact.what, "without cpu");

        fake_cgroup(f, "a", "", "", "cpu memory pids\n");
        fact = (struct host_fact){ 0 };
        host_probe_cgroup(&f->view, &fact);
        assert_int_equal(fact.state, HOST_OK);

        /* with processes in it nothing more can be handed down */
        fake_cgroup(f, "a", "1\n", "", "cpu memory pids\n");
        assert_false(cgroup_find_place(&f->view, 0, &place));
        fake_cgroup(f, "a", "1\n", "pids\n", "cpu memory pids\n");
        assert_true(cgroup_find_place(&f->view, 0, &place));
        assert_int_equal(place.controllers, CGROUP_PIDS);

        /* to root all is writable: only a mark says something */
        f->view.uid = 0;
        assert_false(cgroup_find_place(&f->view, 0, &place));
        f->view.uid = 1000;

        /* alone in a service of the system's that was given to us */
        snprintf(path, sizeof(path), "%d\n", (int)getpid());
        fake_cgroup(f, "a/s.service", path, "", "memory pids\n");
        fake_file(f, "proc/self/cgroup", "0::/a/s.service\n");
        fake_file(f, "run/systemd/system/x", "");
        assert_true(cgroup_find_place(&f->view, 0, &place));
        assert_true(place.is_own);
        assert_string_equal(place.dir, "/sys/fs/cgroup/a/s.service");
        snprintf(path, sizeof(path), "1\n%d\n", (int)getpid());
        fake_cgroup(f, "a/s.service", path, "", "memory pids\n");
        assert_true(cgroup_find_place(&f->view, 0, &place));
        assert_false(place.is_own);
        /* with who has started us in the background, who goes along */
        assert_true(cgroup_find_place(&f->view, 1, &place));
        assert_true(place.is_own);
        assert_int_equal(place.companion, 1);
        assert_true(cgroup_find_place(&f->view, 2, &place));
        assert_false(place.is_own);

        /* never above the mount */
        fake_file(f, "proc/self/cgroup", "0::/\n");
        assert_false(cgroup_find_place(&f->view, 0, &place));
}

/* The beginning of a path is another path. */
static void test_cgroup_mount_that_is_too_long(void **state)
{
        struct fake *f = *state;
        char mount[sizeof("/sys/fs/cgroup")];

        fake_file(f, "proc/self/mountinfo",
                  "30 27 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_true(cgroup_find_mount(&f->view, mount, sizeof(mount)));
        assert_string_equal(mount, "/sys/fs/cgroup");
        assert_false(cgroup_find_mount(&f->view, mount, sizeof(mount) - 1));
}

/* Below a systemd of the user's all can be written, and is not ours for that. */
static void test_cgroup_of_systemd(void **state)
{
        struct fake *f = *state;
        struct cgroup_place place;
        char path[128];

        fake_file(f, "proc/self/mountinfo",
                  "30 27 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        fake_cgroup(f, "user@7.service", "", "memory\n", "memory\n");
        fake_cgroup(f, "user@7.service/app.slice", "", "memory\n", "memory\n");
        fake_file(f, "proc/self/cgroup", "0::/user@7.service/app.slice/x.scope\n");
        assert_false(cgroup_find_place(&f->view, 0, &place));
        fake_file(f, "proc/self/cgroup", "0::/user@7.service/init.scope\n");
        assert_false(cgroup_find_place(&f->view, 0, &place));

        /* but for what it was asked to delegate */
        fake_cgroup(f, "user@7.service/app.slice/run-1.scope", "", "", "memory pids\n");
        fake_file(f, "proc/self/cgroup", "0::/user@7.service/app.slice/run-1.scope/shell\n");
        assert_false(cgroup_find_place(&f->view, 0, &place));
        snprintf(path, sizeof(path), "run/user/%u/systemd/transient/run-1.scope", f->view.uid);
        fake_file(f, path, "# made\n[Scope]\nDelegate=yes\n");
        assert_true(cgroup_find_place(&f->view, 0, &place));
        assert_int_equal(place.controllers, CGROUP_MEMORY | CGROUP_PIDS);
        fake_file(f, path, "[Scope]\nDelegate=no\n");
        assert_false(cgroup_find_place(&f->view, 0, &place));
}

/* It can be asked for a scope; what that has is what the systemd itself was given. */
static void test_cgroup_of_manager(void **state)
{
        struct fake *f = *state;
        struct host_fact fact = { 0 };
        char path[128];

        fake_file(f, "proc/self/mountinfo",
                  "30 27 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        fake_file(f, "proc/self/cgroup", "0::/x.scope\n");
        snprintf(path, sizeof(path), "user.slice/user-%u.slice/user@%u.service", f->view.uid,
                 f->view.uid);
        fake_cgroup(f, path, "", "", "memory pids\n");
        assert_false(cgroup_has_manager(&f->view));
        assert_int_equal(cgroup_get_manager_controllers(&f->view), 0);
        snprintf(path, sizeof(path), "run/user/%u/bus", f->view.uid);
        fake_file(f, path, "");
        assert_false(cgroup_has_manager(&f->view));
        fake_file(f, "run/systemd/system/x", "");
        assert_true(cgroup_has_manager(&f->view));
        assert_int_equal(cgroup_get_manager_controllers(&f->view), CGROUP_MEMORY | CGROUP_PIDS);
        host_probe_cgroup(&f->view, &fact);
        assert_int_equal(fact.state, HOST_WEAKER);
        contains(fact.cause.why, "your systemd was not given the controllers cpu");
        contains(fact.cause.fix, "Delegate=cpu");
}

static void test_profile(void **state)
{
        struct arena arena = { 0 };
        struct err e = { 0 };
        char name[160];

        (void)state;
        const char *text = host_apparmor_profile(&arena, "/opt/a b/ke[l]p", &e);
        assert_non_null(text);
        contains(text, "profile opt.a_b.ke_l_p \"/opt/a b/ke\\[l\\]p\" flags=(unconfined) {\n"
                       "  userns,\n");
        contains(text, "abi <abi/4.0>,\n");
        assert_null(host_apparmor_profile(&arena, "/opt/a\"b/kelp", &e));
        assert_null(host_apparmor_profile(&arena, "", &e));
        host_apparmor_name("/usr/bin/kelp", name, sizeof(name));
        assert_string_equal(name, "usr.bin.kelp");
        arena_done(&arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                T(test_subids_by_name_and_number),
                T(test_subids_none),
                T(test_subids_bad_lines),
                T(test_subids_overlap),
                T(test_subids_verdict),
                T(test_mounts),
                T(test_root_mount),
                T(test_resolv_conf),
                T(test_dns_verdict),
                T(test_find_program),
                T(test_install_command),
                T(test_outer),
                T(test_outer_fixes),
                T(test_limits),
                T(test_userns_switch),
                T(test_userns_unmapped),
                T(test_tun_absent),
                T(test_veth_absent),
                T(test_newuidmap_absent),
                T(test_cgroup),
                T(test_cgroup_place),
                T(test_cgroup_mount_that_is_too_long),
                T(test_cgroup_of_systemd),
                T(test_cgroup_of_manager),
                T(test_profile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
