#include "oci-text.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>

#include <cmocka.h>

static void assert_bad(const char *members, const char *said)
{
        struct bundle b = { 0 };
        struct err e = { 0 };

        int r = oci_text_read(members, &b, &e);
        if (r != -EINVAL || !strstr(e.text, said) || strchr(e.text, '\n'))
                fail_msg("%s: %d '%s', not '%s'", members, r, e.text, said);
        bundle_done(&b);
}

static void assert_good(const char *members, struct bundle *b)
{
        struct err e = { 0 };

        if (oci_text_read(members, b, &e) < 0)
                fail_msg("%s: %s", members, e.text);
}

static bool has_notice(const struct bundle *b, const char *text)
{
        for (size_t i = 0; i < b->n_notices; i++) {
                if (strstr(b->notices[i], text))
                        return true;
        }
        return false;
}

/* ------ the top ------ */

static void versions(void **state)
{
        static const char *const good[] = { "1.0.0",          "1.0.2-dev",   "1.3.0",
                                            "1.0.2-rc.1+x.y", "1.10.200",    "1.1.0-0-a.b",
                                            "1.0.0+build",    "1.0.0-rc5-x", "0.5.0-dev" };
        static const char *const bad[] = { "",       "1",      "1.0",        "1.0.0.0", "v1.0.0",
                                           "1.0.x",  "01.0.0", "1.00.0",     "2.0.0",   "10.0.0",
                                           "1.0.0-", "1.0.0+", "1.0.0-a..b", " 1.0.0",  "1.0.0 " };
        struct bundle b = { 0 };
        struct err e = { 0 };
        char text[100];

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                snprintf(text, sizeof(text), "{'ociVersion':'%s','root':{'path':'/r'}}", good[i]);
                if (oci_text_read_all(text, &b, &e) < 0)
                        fail_msg("%s: %s", text, e.text);
                assert_string_equal(b.version, good[i]);
                bundle_done(&b);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                snprintf(text, sizeof(text), "{'ociVersion':'%s','root':{'path':'/r'}}", bad[i]);
                assert_int_equal(oci_text_read_all(text, &b, &e), -EINVAL);
                assert_memory_equal(e.text, "config.json: ociVersion: ", 25);
                bundle_done(&b);
        }
}

static void roots(void **state)
{
        struct bundle b = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_good("", &b);
        assert_string_equal(b.root, "/bundle/r");
        assert_string_equal(b.dir, "/bundle");
        assert_false(b.has_process);
        bundle_done(&b);
        assert_int_equal(oci_text_read_all("{'ociVersion':'1.0.0','root':{'path':'/x/..',"
                                           "'readonly':true}}",
                                           &b, &e),
                         0);
        assert_string_equal(b.root, "/x/..");
        assert_true(b.root_is_read_only);
        bundle_done(&b);
        assert_int_equal(oci_text_read_all("{'ociVersion':'1.0.0'}", &b, &e), -EINVAL);
        assert_string_equal(e.text, "config.json: root: is missing");
        bundle_done(&b);
}

static void host_names(void **state)
{
        static const char uts[] = "'linux':{'namespaces':[{'type':'uts'}]}";
        struct bundle b = { 0 };
        char text[400];

        (void)state;
        snprintf(text, sizeof(text), "'hostname':'a_b','domainname':'c.d',%s", uts);
        assert_good(text, &b);
        assert_string_equal(b.plan.net.host_name, "a_b");
        assert_string_equal(b.domain_name, "c.d");
        assert_good("'hostname':''", &b);
        assert_null(b.plan.net.host_name);
        assert_good("'hostname':'x','freebsd':{}", &b);
        assert_null(b.plan.net.host_name);
        assert_true(has_notice(&b, "hostname: there is no uts namespace, ignoring"));
        assert_bad("'hostname':'x'", "hostname: needs a uts namespace");
        snprintf(text, sizeof(text), "'domainname':'%065d',%s", 0, uts);
        assert_bad(text, "domainname: is longer than 64 bytes");
        bundle_done(&b);
}

static void labels(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good("'annotations':{'b':'2','a':''}", &b);
        assert_int_equal(b.n_labels, 2);
        assert_string_equal(b.labels[0].name, "b");
        assert_string_equal(b.labels[1].value, "");
        assert_bad("'annotations':{'':'x'}", "annotations[\"\"]: is an empty name");
        assert_bad("'annotations':{'a.b':1}", "annotations[\"a.b\"]: must be a string");
        bundle_done(&b);
}

static void hooks(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good("'hooks':{'poststop':[{'path':'/x'},{'path':'/y','args':['z','1'],"
                    "'env':['A=1'],'timeout':7}]}",
                    &b);
        const struct bundle_hooks *h = &b.hooks[BUNDLE_HOOK_POSTSTOP];
        assert_int_equal(h->n, 2);
        assert_string_equal(h->items[0].args[0], "/x");
        assert_null(h->items[0].args[1]);
        assert_null(h->items[0].env[0]);
        assert_int_equal(h->items[0].timeout_s, 0);
        assert_string_equal(h->items[1].args[1], "1");
        assert_string_equal(h->items[1].env[0], "A=1");
        assert_int_equal(h->items[1].timeout_s, 7);
        assert_int_equal(b.hooks[BUNDLE_HOOK_PRESTART].n, 0);
        assert_bad("'hooks':{'prestart':[{'path':'x'}]}",
                   "hooks.prestart[0].path: 'x' is not an absolute path");
        assert_bad("'hooks':{'prestart':[{'path':'/x','timeout':0}]}",
                   "hooks.prestart[0].timeout: must be an integer from 1 to 4294967295");
        bundle_done(&b);
}

/* ------ process ------ */

#define PROCESS(more) "'process':{'args':['a'],'cwd':'/'" more "}"

static void environments(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(PROCESS(",'env':['A=1','B=2','AB=3','A=4','NAME','=x','','A=1=5']"), &b);
        assert_int_equal(b.plan.exec.n_env, 3);
        assert_string_equal(b.plan.exec.env[0], "B=2");
        assert_string_equal(b.plan.exec.env[1], "AB=3");
        assert_string_equal(b.plan.exec.env[2], "A=1=5");
        assert_null(b.plan.exec.env[3]);
        assert_true(has_notice(&b, "process.env[4]: is not NAME=VALUE, ignoring"));
        assert_int_equal(b.n_notices, 3);
        assert_good(PROCESS(""), &b);
        assert_int_equal(b.plan.exec.n_env, 0);
        assert_null(b.plan.exec.env[0]);
        assert_bad(PROCESS(",'env':['A=1',2]"), "process.env[1]: must be a string");
        bundle_done(&b);
}

static void users(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(PROCESS(",'user':{'uid':4294967294,'gid':7,'umask':63,"
                            "'additionalGids':[0,5],'username':'x'}"),
                    &b);
        assert_int_equal(b.process.uid, 4294967294u);
        assert_int_equal(b.process.gid, 7);
        assert_true(b.process.has_umask);
        assert_int_equal(b.process.umask, 077);
        assert_int_equal(b.process.n_groups, 2);
        assert_int_equal(b.process.groups[1], 5);
        assert_true(has_notice(&b, "process.user.username"));
        assert_bad(PROCESS(",'user':{'uid':4294967295}"),
                   "process.user.uid: must be an integer from 0 to 4294967294");
        assert_bad(PROCESS(",'user':{'gid':1.0}"), "process.user.gid: must be an integer");
        assert_bad(PROCESS(",'user':{'additionalGids':[0,-1]}"), "process.user.additionalGids[1]");
        bundle_done(&b);
}

static void terminals(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(PROCESS(",'terminal':true,'consoleSize':{'height':25,'width':80}"), &b);
        assert_true(b.process.has_terminal);
        assert_int_equal(b.process.rows, 25);
        assert_int_equal(b.process.columns, 80);
        /* must be ignored without a terminal */
        assert_good(PROCESS(",'consoleSize':7"), &b);
        assert_int_equal(b.process.rows, 0);
        assert_bad(PROCESS(",'terminal':true,'consoleSize':{'height':25}"),
                   "process.consoleSize.width: is missing");
        bundle_done(&b);
}

static void capabilities(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(PROCESS(",'capabilities':{'bounding':['CAP_CHOWN','CAP_KILL','CAP_NEW'],"
                            "'ambient':['CAP_NEW','chown']}"),
                    &b);
        assert_true(b.process.caps.is_set);
        assert_int_equal(b.process.caps.bounding, 1 << 0 | 1 << 5);
        assert_int_equal(b.process.caps.ambient, 0);
        assert_int_equal(b.n_notices, 2);
        assert_true(has_notice(&b, "unknown capability 'CAP_NEW', ignoring"));
        assert_good(PROCESS(""), &b);
        assert_false(b.process.caps.is_set);
        assert_bad(PROCESS(",'capabilities':['CAP_KILL']"),
                   "process.capabilities: must be an object");
        bundle_done(&b);
}

static void limits(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(PROCESS(",'rlimits':[{'type':'RLIMIT_CORE','soft':18446744073709551615,"
                            "'hard':18446744073709551615},"
                            "{'type':'RLIMIT_NOFILE','soft':9223372036854775808,"
                            "'hard':9223372036854775809}]"),
                    &b);
        assert_int_equal(b.plan.limits.n_rlimits, 2);
        assert_int_equal(b.plan.limits.rlimits[0].resource, RLIMIT_CORE);
        assert_true(b.plan.limits.rlimits[0].hard == RLIM_INFINITY);
        assert_true(b.plan.limits.rlimits[1].soft == 9223372036854775808u);
        assert_true(b.plan.limits.rlimits[1].hard == 9223372036854775809u);
        assert_bad(PROCESS(",'rlimits':[{'type':'RLIMIT_CORE','soft':2,'hard':1}]"),
                   "process.rlimits[0].soft: must not be above 'hard'");
        assert_bad(PROCESS(",'rlimits':[{'type':'RLIMIT_CORE','soft':1,'hard':1},"
                           "{'type':'RLIMIT_CORE','soft':1,'hard':1}]"),
                   "process.rlimits[1].type: is the second");
        assert_bad(PROCESS(",'rlimits':[{'type':'RLIMIT_CORES','soft':1,'hard':1}]"),
                   "process.rlimits[0].type: 'RLIMIT_CORES' is not known here; "
                   "did you mean 'RLIMIT_CORE'?");
        bundle_done(&b);
}

static void schedules(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(PROCESS(",'scheduler':{'policy':'SCHED_RR','priority':3,'nice':-5,"
                            "'flags':['SCHED_FLAG_RESET_ON_FORK','SCHED_FLAG_UTIL_CLAMP_MAX']},"
                            "'ioPriority':{'class':'IOPRIO_CLASS_IDLE','priority':7},"
                            "'oomScoreAdj':-1000,'execCPUAffinity':{'initial':'0-3, 7',"
                            "'final':''}"),
                    &b);
        assert_int_equal(b.process.scheduler.policy, SCHED_RR);
        assert_int_equal(b.process.scheduler.nice, -5);
        assert_int_equal(b.process.scheduler.flags, 0x41);
        assert_int_equal(b.process.io_class, IOPRIO_CLASS_IDLE);
        assert_int_equal(b.process.io_priority, 7);
        assert_int_equal(b.process.oom_score, -1000);
        assert_string_equal(b.process.cpu_affinity_initial, "0-3, 7");
        assert_null(b.process.cpu_affinity_final);
        assert_good(PROCESS(",'scheduler':{'policy':'SCHED_DEADLINE','runtime':1,'deadline':2,"
                            "'period':3}"),
                    &b);
        assert_int_equal(b.process.scheduler.policy, 6);
        assert_bad(PROCESS(",'scheduler':{'policy':'SCHED_DEADLINE','runtime':3,'deadline':2}"),
                   "process.scheduler.runtime: must be above 0");
        assert_bad(PROCESS(",'scheduler':{'policy':'SCHED_FIFO'}"),
                   "process.scheduler.priority: must be from 1 to 99");
        assert_bad(PROCESS(",'scheduler':{'policy':'SCHED_OTHER','priority':1}"),
                   "process.scheduler.priority: must be 0 with this policy");
        assert_bad(PROCESS(",'execCPUAffinity':{'final':'3-1'}"),
                   "process.execCPUAffinity.final: '3-1' is not a list as 0-3,7");
        bundle_done(&b);
}

/* ------ linux ------ */

#define LINUX(more)  "'linux':{" more "}"
#define USER_NS      "'namespaces':[{'type':'user'}]"
#define MAP(i, o, n) "{'containerID':" #i ",'hostID':" #o ",'size':" #n "}"

static void namespaces(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(LINUX("'namespaces':[{'type':'pid','path':''},"
                          "{'type':'network','path':'/n'},{'type':'time'}],"
                          "'timeOffsets':{'boottime':{'secs':-5,'nanosecs':999999999}}"),
                    &b);
        assert_true(b.ns[BUNDLE_NS_PID].is_asked);
        assert_null(b.ns[BUNDLE_NS_PID].path);
        assert_string_equal(b.ns[BUNDLE_NS_NETWORK].path, "/n");
        assert_false(b.ns[BUNDLE_NS_USER].is_asked);
        assert_true(b.boottime.is_set);
        assert_int_equal(b.boottime.s, -5);
        assert_int_equal(b.boottime.ns, 999999999);
        assert_false(b.monotonic.is_set);
        assert_bad(LINUX("'namespaces':[{'type':'net'}]"), "linux.namespaces[0].type: 'net' is ");
        assert_bad(LINUX("'namespaces':[{'type':'pid'},{'type':'pid'}]"),
                   "linux.namespaces[1].type: is the second namespace of this kind");
        assert_bad(LINUX("'namespaces':[{'type':'pid','path':'p'}]"),
                   "linux.namespaces[0].path: 'p' is not an absolute path");
        assert_bad(LINUX("'timeOffsets':{'monotonic':{}}"), "linux.timeOffsets: needs a new time");
        assert_bad(LINUX("'timeOffsets':{'realtime':{}}"),
                   "linux.timeOffsets.realtime: is no clock");
        bundle_done(&b);
}

static void maps(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(LINUX(USER_NS ",'uidMappings':[" MAP(0, 1000, 1) "," MAP(
                            1, 65536, 10) "],"
                                          "'gidMappings':[" MAP(0, 5, 1) "]"),
                    &b);
        assert_true(b.has_maps);
        assert_int_equal(b.maps.uids.n, 2);
        assert_int_equal(b.maps.uids.ranges[1].outer, 65536);
        assert_int_equal(b.maps.gids.ranges[0].outer, 5);
        /* podman's, with a user namespace that is joined */
        assert_good(LINUX("'namespaces':[{'type':'user','path':'/u'}],"
                          "'uidMappings':[" MAP(0, 0, 1) "],'gidMappings':[" MAP(0, 0, 1) "]"),
                    &b);
        assert_false(b.has_maps);
        assert_bad(LINUX("'namespaces':[{'type':'user','path':'/u'}],"
                         "'uidMappings':[" MAP(0, 0, 2) "],'gidMappings':[" MAP(0, 0, 1) "]"),
                   "linux.uidMappings: cannot be given for a user namespace that is joined");
        assert_bad(LINUX("'uidMappings':[" MAP(0, 0, 1) "],'gidMappings':[" MAP(0, 0, 1) "]"),
                   "linux.uidMappings: needs a user namespace");
        assert_bad(LINUX(USER_NS ",'uidMappings':[" MAP(0, 0, 1) "]"),
                   "linux.gidMappings: must be given");
        assert_bad(LINUX(USER_NS ",'uidMappings':[" MAP(0, 0, 2) "," MAP(1, 7, 2) "]"),
                   "linux.uidMappings[1]: the range 7:2 overlaps another one");
        assert_bad(LINUX(USER_NS ",'uidMappings':[" MAP(5, 4294967290, 6) "]"),
                   "linux.uidMappings[0].size: makes ids above 4294967294");
        assert_bad(LINUX(USER_NS ",'uidMappings':[" MAP(0, 0, 0) "]"),
                   "linux.uidMappings[0].size: must be an integer from 1 to 4294967294");
        bundle_done(&b);
}

static void sysctls(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(LINUX("'namespaces':[{'type':'network'},{'type':'ipc'}],"
                          "'sysctl':{'net.ipv4.conf.eth0/7.forwarding':'1',"
                          "'net/ipv4/conf/eth0.7/rp_filter':'0','kernel.shm_rmid_forced':'1'}"),
                    &b);
        assert_int_equal(b.n_sysctls, 3);
        assert_string_equal(b.sysctls[0].file, "net/ipv4/conf/eth0.7/forwarding");
        assert_string_equal(b.sysctls[1].file, "net/ipv4/conf/eth0.7/rp_filter");
        assert_string_equal(b.sysctls[2].value, "1");
        assert_bad(LINUX("'sysctl':{'net.ipv4.ip_forward':'1'}"),
                   "linux.sysctl[\"net.ipv4.ip_forward\"]: needs a network namespace");
        assert_bad(LINUX("'sysctl':{'vm.swappiness':'1'}"), "is no setting that a container can");
        assert_bad(LINUX("'sysctl':{'net/../kernel/core_pattern':'1'}"), "is no name of a sysctl");
        assert_bad(LINUX("'sysctl':{'/net/x':'1'}"), "is no name of a sysctl");
        assert_bad(LINUX("'sysctl':{'kernel.hostname':'1'}"), "needs a uts namespace");
        assert_bad("'domainname':'a'," LINUX("'namespaces':[{'type':'uts'}],"
                                             "'sysctl':{'kernel.domainname':'b'}"),
                   "is not what 'domainname' says");
        bundle_done(&b);
}

static void devices(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(LINUX("'devices':[{'path':'/dev/../dev/fuse','type':'c','major':10,"
                          "'minor':229,'fileMode':8630,'gid':5},{'path':'/p','type':'p'}],"
                          "'netDevices':{'eth0':{'name':'box%d'},'lo':{}}"),
                    &b);
        assert_int_equal(b.n_devices, 2);
        assert_string_equal(b.devices[0].box_path, "/dev/fuse");
        assert_int_equal(b.devices[0].minor, 229);
        assert_int_equal(b.devices[0].mode, 0666);
        assert_false(b.devices[0].has_uid);
        assert_true(b.devices[0].has_gid);
        assert_int_equal(b.devices[1].type, 'p');
        assert_int_equal(b.n_net_devices, 2);
        assert_string_equal(b.net_devices[0].box_name, "box%d");
        assert_string_equal(b.net_devices[1].box_name, "lo");
        assert_bad(LINUX("'devices':[{'path':'/x','type':'c','major':1}]"),
                   "linux.devices[0].minor: is missing");
        assert_bad(LINUX("'devices':[{'path':'/x/..','type':'p'}]"), "is no place for a device");
        assert_bad(LINUX("'netDevices':{'a b':{}}"), "linux.netDevices[\"a b\"]: 'a b' is no name");
        bundle_done(&b);
}

static void confinement(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(LINUX("'maskedPaths':['/a/../b'],'readonlyPaths':['/c'],"
                          "'personality':{'domain':'LINUX32'},'rootfsPropagation':'rslave',"
                          "'cgroupsPath':'user.slice:x:y','seccomp':{'syscalls':[{'args':"
                          "[{'value':18446744073709551615,'index':0}]}],'defaultAction':'X'}"),
                    &b);
        assert_string_equal(b.masked[0], "/b");
        assert_string_equal(b.read_only[0], "/c");
        assert_int_equal(b.personality, PER_LINUX32);
        assert_int_equal(b.propagation, MS_SLAVE);
        assert_string_equal(b.group.path, "user.slice:x:y");
        assert_string_equal(b.seccomp, "{\"defaultAction\":\"X\",\"syscalls\":[{\"args\":"
                                       "[{\"index\":0,\"value\":18446744073709551615}]}]}");
        assert_bad(LINUX("'seccomp':{'defaultAction':'X','listenerMetadata':'m'}"),
                   "linux.seccomp.listenerMetadata: needs a 'listenerPath'");
        assert_bad(LINUX("'personality':{'domain':'LINUX','flags':['X']}"),
                   "linux.personality.flags: there are none that are supported");
        assert_bad(LINUX("'cgroupsPath':'/a/../b'"), "linux.cgroupsPath: '/a/../b' must not have");
        assert_bad(LINUX("'intelRdt':{}"), "linux.intelRdt: ");
        assert_bad(LINUX("'rootfsPropagation':'none'"), "linux.rootfsPropagation: 'none' is ");
        bundle_done(&b);
}

static void memory_policies(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good(LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0-1,64',"
                          "'flags':['MPOL_F_STATIC_NODES']}"),
                    &b);
        assert_int_equal(b.memory_policy.mode, 2 | 1 << 15);
        assert_int_equal(b.memory_policy.nodes[0], 3);
        assert_int_equal(b.memory_policy.nodes[1], 1);
        assert_bad(LINUX("'memoryPolicy':{'mode':'MPOL_BIND'}"),
                   "linux.memoryPolicy.nodes: must be given with this mode");
        assert_bad(LINUX("'memoryPolicy':{'mode':'MPOL_LOCAL','nodes':'0'}"),
                   "linux.memoryPolicy.nodes: must not be given with this mode");
        assert_bad(LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0,'}"), "is not a list");
        assert_bad(LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'1024'}"),
                   "has nodes from 1024 on");
        bundle_done(&b);
}

/* ------ what is not judged ------ */

static void others(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good("'unknown':{'x':[1,99999999999999999999999,-9223372036854775809]},'process':null,'linux':{'new':1,'seccomp':null}", &b);
        assert_int_equal(b.n_notices, 0);
        assert_null(b.seccomp);
        assert_good("'windows':{},'vm':{'kernel':{}}", &b);
        assert_true(has_notice(&b, "windows: is for another platform, ignoring"));
        assert_int_equal(b.n_notices, 2);
        assert_bad("'freebsd':{'jail':{'vnet':'disable'}}", "freebsd.jail.vnet: 'disable'");
        assert_bad("'solaris':7", "solaris: must be an object");
        bundle_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions),
                cmocka_unit_test(roots),
                cmocka_unit_test(host_names),
                cmocka_unit_test(labels),
                cmocka_unit_test(hooks),
                cmocka_unit_test(environments),
                cmocka_unit_test(users),
                cmocka_unit_test(terminals),
                cmocka_unit_test(capabilities),
                cmocka_unit_test(limits),
                cmocka_unit_test(schedules),
                cmocka_unit_test(namespaces),
                cmocka_unit_test(maps),
                cmocka_unit_test(sysctls),
                cmocka_unit_test(devices),
                cmocka_unit_test(confinement),
                cmocka_unit_test(memory_policies),
                cmocka_unit_test(others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
