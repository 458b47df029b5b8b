#include "commands.h"
#include "create.h"

int cmd_create(const struct globals *g, int argc, char **argv, struct err *e)
{
        struct words_option options[CREATE_N_OPTIONS];
        struct create_options asked = { .bundle = NULL };
        autocreation c = CREATION_NONE;
        const struct words w = {
                .command = argv[0],
                .options = options,
                .n_options = CREATE_N_OPTIONS,
        };
        char **operands;
        size_t n;

        create_list_options(&asked, options);
        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID", operands, n, e) < 0)
                return -e->code;
        c.globals = g;
        c.options = &asked;
        return creation_make(&c, operands[0], e);
}
