#include "commands.h"
#include "run-sandbox.h"

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
        (void)argc;
        (void)argv;
        printf("kelp %s\n", KELP_VERSION);
        printf("%s, %s, glibc %s, %s\n", MACHINE, KELP_LINKED, gnu_get_libc_version(), COMPILER);
        return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}
