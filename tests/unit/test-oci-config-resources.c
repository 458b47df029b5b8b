#include "oci-text.h"

#include <unistd.h>

/* `lines`: "file=value;" of all of them. */
static void assert_lines(const char *resources, const char *lines)
{
        struct bundle b = { 0 };
        struct err e = { 0 };
        char text[2048];
        char all[2048] = "";
        size_t used = 0;

        snprintf(text, sizeof(text), "'linux':{'resources':{%s}}", resources);
        if (oci_text_read(text, &b, &e) < 0)
                fail_msg("%s: %s", resources, e.text);
        for (size_t i = 0; i < b.group.n_lines; i++)
                used += (size_t)snprintf(all + used, sizeof(all) - used, "%s=%s;",
                                         b.group.lines[i].file, b.group.lines[i].value);
        assert_string_equal(all, lines);
        bundle_done(&b);
}

static void assert_bad(const char *resources, const char *said)
{
        struct bundle b = { 0 };
        struct err e = { 0 };
        char text[2048];

        snprintf(text, sizeof(text), "'linux':{'resources':{%s}}", resources);
        int r = oci_text_read(text, &b, &e);
        if (r != -EINVAL || !strstr(e.text, said))
                fail_msg("%s: %d '%s', not '%s'", resources, r, e.text, said);
        bundle_done(&b);
}

static void memory(void **state)
{
        (void)state;
        assert_lines("", "");
        assert_lines("'memory':{'limit':1000,'swap':1500,'reservation':5}",
                     "memory.max=1000;memory.swap.max=500;memory.low=5;");
        assert_lines("'memory':{'limit':-1,'swap':-1,'reservation':-1}",
                     "memory.max=max;memory.swap.max=max;memory.low=max;");
        assert_lines("'memory':{'swap':0}", "memory.swap.max=0;");
        assert_lines("'memory':{'kernel':7,'swappiness':60,'disableOOMKiller':true}",
                     "memory.kmem.limit_in_bytes=7;memory.swappiness=60;memory.oom_control=1;");
        assert_lines("'memory':{'disableOOMKiller':false,'useHierarchy':true}", "");
        assert_bad("'memory':{'swap':5}", "linux.resources.memory.swap: needs a 'limit'");
        assert_bad("'memory':{'limit':6,'swap':5}", "memory.swap: must not be below 'limit'");
        assert_bad("'memory':{'limit':-2}", "memory.limit: must be an integer from -1 to");
}

static void processors(void **state)
{
        (void)state;
        assert_lines("'cpu':{'shares':0}", "");
        assert_lines("'cpu':{'shares':1}", "cpu.weight=1;");
        assert_lines("'cpu':{'shares':1024}", "cpu.weight=39;");
        assert_lines("'cpu':{'shares':4321}", "cpu.weight=165;");
        assert_lines("'cpu':{'shares':262144}", "cpu.weight=10000;");
        assert_lines("'cpu':{'shares':18446744073709551615}", "cpu.weight=10000;");
        assert_lines("'cpu':{'quota':5000}", "cpu.max=5000 100000;");
        assert_lines("'cpu':{'quota':5000,'period':20000,'burst':5000}",
                     "cpu.max=5000 20000;cpu.max.burst=5000;");
        assert_lines("'cpu':{'period':20000}", "cpu.max=max 20000;");
        assert_lines("'cpu':{'quota':-1,'period':20000}", "cpu.max=max 20000;");
        assert_lines("'cpu':{'quota':-1}", "cpu.max=max;");
        assert_lines("'cpu':{'quota':0}", "");
        assert_lines("'cpu':{'idle':1,'cpus':'0-3','mems':'','realtimeRuntime':9}",
                     "cpu.idle=1;cpuset.cpus=0-3;cpu.rt_runtime_us=9;");
        assert_bad("'cpu':{'quota':5,'burst':6}", "cpu.burst: must not be above 'quota'");
        assert_bad("'cpu':{'cpus':'0-'}", "cpu.cpus: '0-' is not a list as 0-3,7");
        assert_bad("'cpu':{'cpus':'0,'}", "cpu.cpus: '0,' is not a list");
        assert_bad("'cpu':{'mems':'9999999'}", "cpu.mems: ");
        assert_bad("'cpu':{'idle':2}", "cpu.idle: must be an integer from 0 to 1");
}

static void block_devices(void **state)
{
        struct bundle b = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_lines("'blockIO':{'weight':0}", "");
        assert_lines("'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':600}],"
                     "'throttleWriteIOPSDevice':[{'major':8,'minor':1,'rate':0}]}",
                     "io.max=8:0 rbps=600;io.max=8:1 wiops=max;");
        assert_int_equal(oci_text_read("'linux':{'resources':{'blockIO':{'weight':1000,"
                                       "'weightDevice':[{'major':8,'minor':0,'weight':10}]}}}",
                                       &b, &e),
                         0);
        assert_int_equal(b.group.n_lines, 2);
        assert_string_equal(b.group.lines[0].file, "io.bfq.weight");
        assert_string_equal(b.group.lines[0].value, "1000");
        assert_string_equal(b.group.lines[0].other_file, "io.weight");
        assert_string_equal(b.group.lines[0].other_value, "10000");
        assert_string_equal(b.group.lines[1].other_value, "8:0 1");
        assert_bad("'blockIO':{'weight':9}", "blockIO.weight: must be 0 or from 10 to 1000");
        assert_bad("'blockIO':{'weightDevice':[{'major':8,'minor':0}]}",
                   "blockIO.weightDevice[0]: must have 'weight' or 'leafWeight'");
        assert_bad("'blockIO':{'throttleReadIOPSDevice':[{'major':8,'rate':1}]}",
                   "blockIO.throttleReadIOPSDevice[0].minor: is missing");
        bundle_done(&b);
}

static void others(void **state)
{
        (void)state;
        assert_lines("'pids':{'limit':0}", "");
        assert_lines("'pids':{'limit':-1}", "pids.max=max;");
        assert_lines("'pids':{'limit':5}", "pids.max=5;");
        assert_lines("'hugepageLimits':[{'pageSize':'2MB','limit':18446744073709551615}]",
                     "hugetlb.2MB.max=18446744073709551615;");
        assert_lines("'rdma':{'mlx5_1':{'hcaHandles':3,'hcaObjects':4}}",
                     "rdma.max=mlx5_1 hca_handle=3 hca_object=4;");
        assert_lines("'network':{'classID':5,'priorities':[{'name':'a','priority':1}]}",
                     "net_cls.classid=5;net_prio.ifpriomap=a 1;");
        assert_lines("'pids':{'limit':5},'unified':{'io.max':'8:0 rbps=1\\n\\n8:1 rbps=2',"
                     "'cpu.weight':'7','memory.high':''}",
                     "pids.max=5;io.max=8:0 rbps=1;io.max=8:1 rbps=2;cpu.weight=7;");
        assert_bad("'hugepageLimits':[{'pageSize':'64kB','limit':1}]",
                   "hugepageLimits[0].pageSize: '64kB' is not a size as 2MB");
        assert_bad("'rdma':{'a':{}}", "rdma.a: must have 'hcaHandles' or 'hcaObjects'");
        assert_bad("'unified':{'../pids.max':'1'}", "unified[\"../pids.max\"]: is no file");
        assert_bad("'unified':{'pids':'1'}", "unified.pids: is no file of a cgroup");
        assert_bad("'pids':{}", "pids.limit: is missing");
}

static void device_rules(void **state)
{
        struct bundle b = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(oci_text_read("'linux':{'resources':{'devices':[{'allow':false,"
                                       "'access':'rwm'},{'allow':true,'type':'c','major':-1}]}}",
                                       &b, &e),
                         0);
        assert_true(b.group.has_devices);
        assert_bad("'devices':[{}]", "devices[0].allow: is missing");
        assert_bad("'devices':[{'allow':true,'access':'rx'}]", "devices[0].access: 'rx' has");
        assert_bad("'devices':[{'allow':true,'type':'p'}]", "devices[0].type: 'p' is ");
        bundle_done(&b);
}

static void alone(void **state)
{
        static const char text[] = "{\"memory\":{\"limit\":7,\"checkBeforeUpdate\":true}}";
        char path[] = "/tmp/kelp-unit-XXXXXX";
        struct bundle b = { 0 };
        struct err e = { 0 };
        int fd = mkstemp(path);

        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(config_read_resources(path, &b, &e), 0);
        assert_int_equal(b.group.n_lines, 1);
        assert_string_equal(b.group.lines[0].where, "memory.limit");
        assert_true(b.group.checks_usage);
        bundle_done(&b);
        assert_int_equal(config_read_process(path, &b, &e), -EINVAL);
        assert_string_equal(e.text, "process: args: is missing");
        bundle_done(&b);
        close(fd);
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(memory),        cmocka_unit_test(processors),
                cmocka_unit_test(block_devices), cmocka_unit_test(others),
                cmocka_unit_test(device_rules),  cmocka_unit_test(alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
