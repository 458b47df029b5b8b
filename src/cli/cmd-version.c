#include "commands.h"
#include "help.h"
#include "log.h"
#include "run-sandbox.h"
#include "str.h"

#include <gnu/libc-version.h>
#include <stdio.h>

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#if defined(__x86_64__)
#define MACHINE "x86_64"
#elif defined(__aarch64__)
#define MACHINE "aarch64"
#elif defined(__riscv)
#define MACHINE "riscv64"
#else
#define MACHINE "unknown machine"
#endif

int cmd_version(int argc, char **argv)
{
        if (argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h"))) {
                fputs("Usage:  kelp version\n\nPrints the version, and how this kelp was built.\n",
                      stdout);
                return help_end();
        }
        if (argc > 1) {
                log_error("unexpected word '%s'", argv[1]);
                log_hint("kelp version takes none");
                return EXIT_FAILED;
        }
        printf("kelp %s\n", KELP_VERSION);
        printf("%s, %s, glibc %s, %s\n", MACHINE, KELP_LINKED, gnu_get_libc_version(), COMPILER);
        return help_end();
}
