#include "oci-text.h"

#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>

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
        assert_good_config("", &b);
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
        assert_good_config(text, &b);
        assert_string_equal(b.plan.net.host_name, "a_b");
        assert_string_equal(b.domain_name, "c.d");
        assert_good_config("'hostname':''", &b);
        assert_null(b.plan.net.host_name);
        assert_good_config("'hostname':'x','freebsd':{}", &b);
        assert_null(b.plan.net.host_name);
        assert_true(has_notice(&b, "hostname: there is no uts namespace, ignoring"));
        assert_bad_config("'hostname':'x'", "hostname: needs a uts namespace");
        snprintf(text, sizeof(text), "'domainname':'%065d',%s", 0, uts);
        assert_bad_config(text, "domainname: is longer than 64 bytes");
        bundle_done(&b);
}

static void labels(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config("'annotations':{'b':'2','a':''}", &b);
        assert_int_equal(b.n_labels, 2);
        assert_string_equal(b.labels[0].name, "b");
        assert_string_equal(b.labels[1].value, "");
        assert_bad_config("'annotations':{'':'x'}", "annotations[\"\"]: is an empty name");
        assert_bad_config("'annotations':{'a.b':1}", "annotations[\"a.b\"]: must be a string");
        bundle_done(&b);
}

static void hooks(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config("'hooks':{'poststop':[{'path':'/x'},{'path':'/y','args':['z','1'],"
                           "'env':['A=1'],'timeout':7}]}",
                           &b);
        const struct bundle_hooks *h = &b.hooks[BUNDLE_HOOK_POSTSTOP];
        assert_int_equal(h->n, 2);
        assert_string_equal(h->items[0].args[0], "/x");
        assert_null(h->items[0].args[1]);
        assert_null(h->items[0].env);
        assert_int_equal(h->items[0].timeout_s, 0);
        assert_string_equal(h->items[1].args[1], "1");
        assert_string_equal(h->items[1].env[0], "A=1");
        assert_int_equal(h->items[1].timeout_s, 7);
        assert_int_equal(b.hooks[BUNDLE_HOOK_PRESTART].n, 0);
        assert_bad_config("'hooks':{'prestart':[{'path':'x'}]}",
                          "hooks.prestart[0].path: 'x' is not an absolute path");
        assert_bad_config("'hooks':{'prestart':[{'path':'/x','timeout':0}]}",
                          "hooks.prestart[0].timeout: must be an integer from 1 to 4294967295");
        bundle_done(&b);
}

/* ------ process ------ */

#define PROCESS(more) "'process':{'args':['a'],'cwd':'/'" more "}"

static void environments(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(PROCESS(",'env':['A=1','B=2','AB=3','A=4','NAME','=x','','A=1=5']"), &b);
        assert_int_equal(b.plan.exec.n_env, 3);
        assert_string_equal(b.plan.exec.env[0], "B=2");
        assert_string_equal(b.plan.exec.env[1], "AB=3");
        assert_string_equal(b.plan.exec.env[2], "A=1=5");
        assert_null(b.plan.exec.env[3]);
        assert_true(has_notice(&b, "process.env[4]: is not NAME=VALUE, ignoring"));
        assert_int_equal(b.n_notices, 3);
        assert_good_config(PROCESS(""), &b);
        assert_int_equal(b.plan.exec.n_env, 0);
        assert_null(b.plan.exec.env[0]);
        assert_bad_config(PROCESS(",'env':['A=1',2]"), "process.env[1]: must be a string");
        bundle_done(&b);
}

static void users(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(PROCESS(",'user':{'uid':4294967294,'gid':7,'umask':63,"
                                   "'additionalGids':[0,5],'username':'x'}"),
                           &b);
        assert_int_equal(b.process.uid, 4294967294u);
        assert_int_equal(b.process.gid, 7);
        assert_true(b.process.has_umask);
        assert_int_equal(b.process.umask, 077);
        assert_int_equal(b.process.n_groups, 2);
        assert_int_equal(b.process.groups[1], 5);
        assert_true(has_notice(&b, "process.user.username"));
        assert_bad_config(PROCESS(",'user':{'uid':4294967295}"),
                          "process.user.uid: must be an integer from 0 to 4294967294");
        assert_bad_config(PROCESS(",'user':{'gid':1.0}"), "process.user.gid: must be an integer");
        assert_bad_config(PROCESS(",'user':{'additionalGids':[0,-1]}"),
                          "process.user.additionalGids[1]");
        bundle_done(&b);
}

static void terminals(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(PROCESS(",'terminal':true,'consoleSize':{'height':25,'width':80}"), &b);
        assert_true(b.process.has_terminal);
        assert_int_equal(b.process.rows, 25);
        assert_int_equal(b.process.columns, 80);
        /* must be ignored without a terminal */
        assert_good_config(PROCESS(",'consoleSize':7"), &b);
        assert_int_equal(b.process.rows, 0);
        assert_bad_config(PROCESS(",'terminal':true,'consoleSize':{'height':25}"),
                          "process.consoleSize.width: is missing");
        bundle_done(&b);
}

static void capabilities(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(PROCESS(",'capabilities':{'bounding':['CAP_CHOWN','CAP_KILL','CAP_NEW'],"
                                   "'ambient':['CAP_NEW','chown']}"),
                           &b);
        assert_true(b.process.caps.is_set);
        assert_int_equal(b.process.caps.bounding, 1 << 0 | 1 << 5);
        assert_int_equal(b.process.caps.ambient, 0);
        assert_int_equal(b.n_notices, 2);
        assert_true(has_notice(&b, "unknown capability 'CAP_NEW', ignoring"));
        assert_good_config(PROCESS(""), &b);
        assert_false(b.process.caps.is_set);
        assert_bad_config(PROCESS(",'capabilities':['CAP_KILL']"),
                          "process.capabilities: must be an object");
        bundle_done(&b);
}

static void limits(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(PROCESS(",'rlimits':[{'type':'RLIMIT_CORE','soft':18446744073709551615,"
                                   "'hard':18446744073709551615},"
                                   "{'type':'RLIMIT_NOFILE','soft':9223372036854775808,"
                                   "'hard':9223372036854775809}]"),
                           &b);
        assert_int_equal(b.plan.limits.n_rlimits, 2);
        assert_int_equal(b.plan.limits.rlimits[0].resource, RLIMIT_CORE);
        assert_true(b.plan.limits.rlimits[0].hard == RLIM_INFINITY);
        assert_true(b.plan.limits.rlimits[1].soft == 9223372036854775808u);
        assert_true(b.plan.limits.rlimits[1].hard == 9223372036854775809u);
        assert_bad_config(PROCESS(",'rlimits':[{'type':'RLIMIT_CORE','soft':2,'hard':1}]"),
                          "process.rlimits[0].soft: must not be above 'hard'");
        assert_bad_config(PROCESS(",'rlimits':[{'type':'RLIMIT_CORE','soft':1,'hard':1},"
                                  "{'type':'RLIMIT_CORE','soft':1,'hard':1}]"),
                          "process.rlimits[1].type: is the second");
        assert_bad_config(PROCESS(",'rlimits':[{'type':'RLIMIT_CORES','soft':1,'hard':1}]"),
                          "process.rlimits[0].type: 'RLIMIT_CORES' is not known here; "
                          "did you mean 'RLIMIT_CORE'?");
        bundle_done(&b);
}

static void schedules(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(
                PROCESS(",'scheduler':{'policy':'SCHED_RR','priority':3,'nice':-5,"
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
        assert_good_config(
                PROCESS(",'scheduler':{'policy':'SCHED_DEADLINE','runtime':1,'deadline':2,"
                        "'period':3}"),
                &b);
        assert_int_equal(b.process.scheduler.policy, 6);
        assert_bad_config(
                PROCESS(",'scheduler':{'policy':'SCHED_DEADLINE','runtime':3,'deadline':2}"),
                "process.scheduler.runtime: must be above 0");
        assert_bad_config(PROCESS(",'scheduler':{'policy':'SCHED_FIFO'}"),
                          "process.scheduler.priority: must be from 1 to 99");
        assert_bad_config(PROCESS(",'scheduler':{'policy':'SCHED_OTHER','priority':1}"),
                          "process.scheduler.priority: must be 0 with this policy");
        assert_bad_config(PROCESS(",'execCPUAffinity':{'final':'3-1'}"),
                          "process.execCPUAffinity.final: '3-1' is not a list as 0-3,7");
        bundle_done(&b);
}

#define LINUX(more) "'linux':{" more "}"

/* ------ what is not judged ------ */

static void others(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(
                "'unknown':{'x':[1,99999999999999999999999,-9223372036854775809]},'process':null,'linux':{'new':1,'seccomp':null}",
                &b);
        assert_int_equal(b.n_notices, 0);
        assert_null(b.seccomp);
        assert_good_config("'windows':{},'vm':{'kernel':{}}", &b);
        assert_true(has_notice(&b, "windows: is for another platform, ignoring"));
        assert_int_equal(b.n_notices, 2);
        assert_bad_config("'freebsd':{'jail':{'vnet':'disable'}}", "freebsd.jail.vnet: 'disable'");
        assert_bad_config("'solaris':7", "solaris: must be an object");
        bundle_done(&b);
}

/* What the schema of the specification has as good examples, in other words. */
static void examples(void **state)
{
        static const char *const texts[] = {
                "",
                PROCESS(",'user':{'uid':0,'gid':0}"),
                LINUX("'netDevices':{'eth0':{'name':'container_eth0'},'ens4':{},'ens5':{}}"),
                LINUX("'resources':{'rdma':{'mlx5_1':{'hcaHandles':3,'hcaObjects':10000},"
                      "'mlx4_0':{'hcaObjects':1000}}}"),
                "'freebsd':{}",
                "'zos':{}",
                "'hostname':'h'," PROCESS(
                        ",'terminal':true") ",'mounts':[{'destination':'/dev',"
                                            "'type':'devfs','source':'devfs','options':['ruleset=4']},{'destination':'/dev/fd',"
                                            "'type':'fdescfs','source':'fdescfs','options':[]}],'freebsd':{'devices':[{'path':"
                                            "'pf','mode':448}],'jail':{'host':'new','vnet':'new','enforceStatfs':1,"
                                            "'allow':{'rawSockets':true,'mount':['tmpfs']}}}",
                "'hostname':'h'," PROCESS(
                        ",'noNewPrivileges':true") ",'mounts':[{'destination':"
                                                   "'/dev','type':'tfs','source':'tmpfs','options':['nosuid','-p 1755','-s 64']}],"
                                                   "'zos':{'namespaces':[{'type':'pid'},{'type':'mount'}]}",
                LINUX("'namespaces':[{'type':'user'},{'type':'network'},{'type':'time'}],"
                      "'sysctl':{'net.ipv4.ip_forward':'1','net.core.somaxconn':'256'},"
                      "'resources':{'network':{'classID':1048577,'priorities':[{'name':'eth0',"
                      "'priority':500}]},'hugepageLimits':[{'pageSize':'2MB',"
                      "'limit':9223372036854772000},{'pageSize':'64KB','limit':1000000}],"
                      "'oomScoreAdj':100,'memory':{'limit':536870912,'swap':536870912,'kernel':-1,"
                      "'kernelTCP':-1,'swappiness':0,'disableOOMKiller':false,'useHierarchy':"
                      "false},'cpu':{'shares':1024,'quota':1000000,'burst':1000000,'period':500000,"
                      "'realtimeRuntime':950000,'realtimePeriod':1000000,'cpus':'2-3','mems':'0-7'},"
                      "'blockIO':{'weight':10,'leafWeight':10,'weightDevice':[{'major':8,'minor':0,"
                      "'weight':500,'leafWeight':300}]}},'timeOffsets':{'monotonic':{'secs':172800,"
                      "'nanosecs':0}},'mountLabel':'system_u:object_r:svirt_sandbox_file_t:s0'"),
        };
        struct bundle b = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_good_config(texts[i], &b);
        bundle_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions),     cmocka_unit_test(roots),
                cmocka_unit_test(host_names),   cmocka_unit_test(labels),
                cmocka_unit_test(hooks),        cmocka_unit_test(environments),
                cmocka_unit_test(users),        cmocka_unit_test(terminals),
                cmocka_unit_test(capabilities), cmocka_unit_test(limits),
                cmocka_unit_test(schedules),    cmocka_unit_test(others),
                cmocka_unit_test(examples),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
