#include "image-helper.h"

#include "helper-exit.h"
#include "helper-said.h"
#include "io.h"
#include "mem.h"
#include "proc.h"
#include "step.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the helper said last: "kelp: MESSAGE", and perhaps "hint: HINT". */
static int read_error(int fd, struct err *e)
{
        autofree char *text = NULL;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot read what kelp-image said");
        if (io_read_all(fd, 65536, "what kelp-image said", &text, NULL, e) < 0)
                return -e->code;
        return helper_said(text, "kelp-image", e);
}

int image_helper_judge(int said, int status, struct err *e)
{
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (!WIFEXITED(status) ||
            (WEXITSTATUS(status) != HELPER_FAILED && WEXITSTATUS(status) != HELPER_NO_IDS))
                return err_set(e, EIO, "kelp-image ended with status %d", proc_exit_code(status));
        read_error(said, e);
        if (WEXITSTATUS(status) == HELPER_NO_IDS)
                e->step = STEP_ID_MAPS;
        return -e->code;
}
