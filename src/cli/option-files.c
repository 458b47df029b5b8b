#include "option-files.h"

#include "io.h"
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int option_files_read(struct arena *arena, struct option_list *options, struct err *e)
{
        for (size_t i = 0; i < options->n; i++) {
                struct option_use *use = &options->uses[i];
                autofree char *text = NULL;
                size_t len = 0;

                if (!(use->row->flags & OPTION_NAMES_FILE))
                        continue;
                if (io_read_file(AT_FDCWD, use->value, LINES_MAX_TEXT, &text, &len, e) < 0) {
                        if (e->code == ENOENT && use->value[0] != '/')
                                err_hint(e, "the name counts from the current directory");
                        return err_prefix(e, "option '--%s'", use->row->name);
                }
                if (strlen(text) != len) {
                        err_set(e, EINVAL, "'%s' is no text: it holds a NUL byte", use->value);
                        return err_prefix(e, "option '--%s'", use->row->name);
                }
                use->text = arena_copy_n(arena, text, len, e);
                if (!use->text)
                        return -e->code;
        }
        return 0;
}
