#include "commands.h"

#include "facts.h"
#include "helper-find.h"
#include "log.h"
#include "run-sandbox.h"
#include "store.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/*
 * import, images and rmi are the work of kelp-image, which takes this process's place: it has the
 * archive and JSON libraries, and it confines itself before it reads what others wrote.
 */

static int become_helper(struct arena *arena, int argc, char **argv, struct err *e)
{
        static const char *const env[] = {
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                NULL,
        };
        struct plan_facts facts;
        const char **words;

        if (facts_find(arena, &facts, e) < 0)
                return -e->code;
        const char *store = store_path(arena, facts.home, e);
        const char *helper = store ? helper_find(arena, "kelp-image", e) : NULL;
        if (!helper)
                return -e->code;
        words = arena_alloc(arena, ((size_t)argc + 4) * sizeof(*words), e);
        if (!words)
                return -e->code;
        words[0] = "kelp-image";
        words[1] = "--store";
        words[2] = store;
        for (int i = 0; i < argc; i++)
                words[3 + i] = argv[i];
        signal(SIGPIPE, SIG_DFL);
        execve(helper, (char *const *)words, (char *const *)env);
        return err_sys(e, "cannot execute '%s'", helper);
}

int cmd_image(int argc, char **argv)
{
        struct arena arena = { 0 };
        struct err e = { 0 };

        become_helper(&arena, argc, argv, &e);
        log_err(&e);
        arena_done(&arena);
        return EXIT_FAILED;
}
