#include "end-words.h"

#include "log.h"

const char *end_reason_name(enum supervise_reason reason)
{
        static const char *const names[] = {
                [SUPERVISE_EXIT] = "exit",       [SUPERVISE_SIGNAL] = "signal",
                [SUPERVISE_TIMEOUT] = "timeout", [SUPERVISE_MEMORY] = "memory",
                [SUPERVISE_PIDS] = "pids",
        };

        return names[reason];
}

void end_tell_limit(const struct plan_limits *limits, enum supervise_reason reason)
{
        switch (reason) {
        case SUPERVISE_TIMEOUT:
                log_notice("the time limit ended the run");
                break;
        case SUPERVISE_MEMORY:
                log_notice("the limit of %llu MiB of memory ended the run",
                           (unsigned long long)(limits->memory >> 20));
                break;
        case SUPERVISE_PIDS:
                log_notice("the limit of %llu processes ended the run",
                           (unsigned long long)limits->processes);
                break;
        case SUPERVISE_EXIT:
        case SUPERVISE_SIGNAL:
                break;
        }
}
