#include "step.h"

#include <assert.h>
#include <stddef.h>

static const char *const step_names[] = {
        [STEP_NONE] = "none",
        [STEP_SOURCES] = "sources",
        [STEP_USERNS] = "userns",
        [STEP_ID_MAPS] = "id-maps",
        [STEP_NETWORK] = "network",
        [STEP_STATE] = "state",
        [STEP_NAMESPACES] = "namespaces",
        [STEP_CLONE_INIT] = "clone-init",
        [STEP_NETNS] = "netns",
        [STEP_LOOPBACK] = "loopback",
        [STEP_BIND_LIFE] = "bind-life",
        [STEP_PROPAGATION] = "propagation",
        [STEP_ROOT] = "root",
        [STEP_OVERLAY] = "overlay",
        [STEP_STREAMS] = "streams",
        [STEP_JOIN_NETNS] = "join-netns",
        [STEP_KERNEL_VIEW] = "kernel-view",
        [STEP_PIVOT] = "pivot",
        [STEP_TERMINAL] = "terminal",
        [STEP_IDENTITY] = "identity",
        [STEP_KEYRING] = "keyring",
        [STEP_NESTING] = "nesting",
        [STEP_AUDIT] = "audit",
        [STEP_BOUNDING] = "bounding-set",
        [STEP_LANDLOCK] = "landlock",
        [STEP_GO] = "go",
        [STEP_START] = "start",
        [STEP_LIMITS] = "limits",
        [STEP_CREDENTIALS] = "credentials",
        [STEP_DESCRIPTORS] = "descriptors",
        [STEP_SECCOMP] = "seccomp",
        [STEP_EXEC] = "exec",
        [STEP_SUPERVISE] = "supervise",
};
static_assert(sizeof(step_names) / sizeof(step_names[0]) == STEP_COUNT, "a name for every step");

const char *step_name(enum step step)
{
        return (unsigned)step < STEP_COUNT ? step_names[step] : "unknown";
}
