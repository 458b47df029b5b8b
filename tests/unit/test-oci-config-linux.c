#include "oci-text.h"

#include <sys/mount.h>
#include <sys/personality.h>

#define LINUX(more)  "'linux':{" more "}"
#define USER_NS      "'namespaces':[{'type':'user'}]"
#define MAP(i, o, n) "{'containerID':" #i ",'hostID':" #o ",'size':" #n "}"

static void namespaces(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(LINUX("'namespaces':[{'type':'pid','path':''},"
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
        assert_bad_config(LINUX("'namespaces':[{'type':'net'}]"),
                          "linux.namespaces[0].type: 'net' is ");
        assert_bad_config(LINUX("'namespaces':[{'type':'pid'},{'type':'pid'}]"),
                          "linux.namespaces[1].type: is the second namespace of this kind");
        assert_bad_config(LINUX("'namespaces':[{'type':'pid','path':'p'}]"),
                          "linux.namespaces[0].path: 'p' is not an absolute path");
        assert_bad_config(LINUX("'timeOffsets':{'monotonic':{}}"),
                          "linux.timeOffsets: needs a new time");
        assert_bad_config(LINUX("'timeOffsets':{'realtime':{}}"),
                          "linux.timeOffsets.realtime: is no clock");
        bundle_done(&b);
}

static void maps(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(LINUX(USER_NS ",'uidMappings':[" MAP(0, 1000, 1) "," MAP(
                                   1, 65536, 10) "],"
                                                 "'gidMappings':[" MAP(0, 5, 1) "]"),
                           &b);
        assert_true(b.has_maps);
        assert_int_equal(b.maps.uids.n, 2);
        assert_int_equal(b.maps.uids.ranges[1].outer, 65536);
        assert_int_equal(b.maps.gids.ranges[0].outer, 5);
        /* podman's, with a user namespace that is joined */
        assert_good_config(
                LINUX("'namespaces':[{'type':'user','path':'/u'}],"
                      "'uidMappings':[" MAP(0, 0, 1) "],'gidMappings':[" MAP(0, 0, 1) "]"),
                &b);
        assert_false(b.has_maps);
        assert_true(b.n_notices == 0);
        /* containerd's */
        assert_good_config(
                LINUX("'namespaces':[{'type':'user','path':'/u'}],"
                      "'uidMappings':[" MAP(0, 5, 9) "],'gidMappings':[" MAP(0, 5, 9) "]"),
                &b);
        assert_false(b.has_maps);
        assert_true(has_notice(&b, "linux.uidMappings: the user namespace that is joined has"));
        assert_bad_config(
                LINUX("'uidMappings':[" MAP(0, 0, 1) "],'gidMappings':[" MAP(0, 0, 1) "]"),
                "linux.uidMappings: needs a user namespace");
        assert_bad_config(LINUX(USER_NS ",'uidMappings':[" MAP(0, 0, 1) "]"),
                          "linux.gidMappings: must be given");
        assert_bad_config(LINUX(USER_NS ",'uidMappings':[" MAP(0, 0, 2) "," MAP(1, 7, 2) "]"),
                          "linux.uidMappings[1]: the range 7:2 overlaps another one");
        assert_bad_config(LINUX(USER_NS ",'uidMappings':[" MAP(5, 4294967290, 6) "]"),
                          "linux.uidMappings[0].size: makes ids above 4294967294");
        assert_bad_config(LINUX(USER_NS ",'uidMappings':[" MAP(0, 0, 0) "]"),
                          "linux.uidMappings[0].size: must be an integer from 1 to 4294967294");
        bundle_done(&b);
}

static void sysctls(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(
                LINUX("'namespaces':[{'type':'network'},{'type':'ipc'}],"
                      "'sysctl':{'net.ipv4.conf.eth0/7.forwarding':'1',"
                      "'net/ipv4/conf/eth0.7/rp_filter':'0','kernel.shm_rmid_forced':'1'}"),
                &b);
        assert_int_equal(b.n_sysctls, 3);
        assert_string_equal(b.sysctls[0].file, "net/ipv4/conf/eth0.7/forwarding");
        assert_string_equal(b.sysctls[1].file, "net/ipv4/conf/eth0.7/rp_filter");
        assert_string_equal(b.sysctls[2].value, "1");
        assert_bad_config(LINUX("'sysctl':{'net.ipv4.ip_forward':'1'}"),
                          "linux.sysctl[\"net.ipv4.ip_forward\"]: needs a network namespace");
        assert_bad_config(LINUX("'sysctl':{'vm.swappiness':'1'}"),
                          "is no setting that a container can");
        assert_bad_config(LINUX("'sysctl':{'net/../kernel/core_pattern':'1'}"),
                          "is no name of a sysctl");
        assert_bad_config(LINUX("'sysctl':{'/net/x':'1'}"), "is no name of a sysctl");
        assert_bad_config(LINUX("'sysctl':{'kernel.hostname':'1'}"), "needs a uts namespace");
        assert_bad_config("'domainname':'a'," LINUX("'namespaces':[{'type':'uts'}],"
                                                    "'sysctl':{'kernel.domainname':'b'}"),
                          "is not what 'domainname' says");
        bundle_done(&b);
}

static void devices(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(LINUX("'devices':[{'path':'/dev/../dev/fuse','type':'c','major':10,"
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
        assert_bad_config(LINUX("'devices':[{'path':'/x','type':'c','major':1}]"),
                          "linux.devices[0].minor: is missing");
        assert_bad_config(LINUX("'devices':[{'path':'/x/..','type':'p'}]"),
                          "is no place for a device");
        assert_bad_config(LINUX("'netDevices':{'a b':{}}"),
                          "linux.netDevices[\"a b\"]: 'a b' is no name");
        bundle_done(&b);
}

static void confinement(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(
                LINUX("'maskedPaths':['/a/../b'],'readonlyPaths':['/c'],"
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
        assert_bad_config(LINUX("'seccomp':{'defaultAction':'X','listenerMetadata':'m'}"),
                          "linux.seccomp.listenerMetadata: needs a 'listenerPath'");
        assert_bad_config(LINUX("'personality':{'domain':'LINUX','flags':['X']}"),
                          "linux.personality.flags: there are none that are supported");
        assert_bad_config(LINUX("'cgroupsPath':'/a/../b'"),
                          "linux.cgroupsPath: '/a/../b' must not have");
        assert_bad_config(LINUX("'intelRdt':{}"), "linux.intelRdt: ");
        assert_bad_config(LINUX("'rootfsPropagation':'none'"),
                          "linux.rootfsPropagation: 'none' is ");
        bundle_done(&b);
}

static void memory_policies(void **state)
{
        struct bundle b = { 0 };

        (void)state;
        assert_good_config(LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0-1,64',"
                                 "'flags':['MPOL_F_STATIC_NODES']}"),
                           &b);
        assert_int_equal(b.memory_policy.mode, 2 | 1 << 15);
        assert_int_equal(b.memory_policy.nodes[0], 3);
        assert_int_equal(b.memory_policy.nodes[1], 1);
        assert_bad_config(LINUX("'memoryPolicy':{'mode':'MPOL_BIND'}"),
                          "linux.memoryPolicy.nodes: must be given with this mode");
        assert_bad_config(LINUX("'memoryPolicy':{'mode':'MPOL_LOCAL','nodes':'0'}"),
                          "linux.memoryPolicy.nodes: must not be given with this mode");
        assert_bad_config(LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0,'}"),
                          "is not a list");
        assert_bad_config(LINUX("'memoryPolicy':{'mode':'MPOL_BIND','nodes':'1024'}"),
                          "has nodes from 1024 on");
        bundle_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(namespaces),  cmocka_unit_test(maps),
                cmocka_unit_test(sysctls),     cmocka_unit_test(devices),
                cmocka_unit_test(confinement), cmocka_unit_test(memory_policies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
