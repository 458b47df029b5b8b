#include "help.h"

#include "log.h"
#include "option.h"
#include "run-sandbox.h"

#include <stdio.h>
#include <string.h>

int help_end(void)
{
        if (fflush(stdout) == 0 && !ferror(stdout))
                return 0;
        log_error("cannot write to stdout");
        return EXIT_FAILED;
}

static int left_width(const struct option_row *row)
{
        return (int)(strlen(row->name) + (row->argument ? strlen(row->argument) + 1 : 0)) + 6;
}

static int widest(void)
{
        int width = 0;

        for (const struct option_row *row = option_table; row->name; row++) {
                if (row->help && left_width(row) > width)
                        width = left_width(row);
        }
        return width;
}

static void print_row(const struct option_row *row, int width)
{
        char letter[8] = "    ";

        if (row->letter)
                snprintf(letter, sizeof(letter), "-%c, ", row->letter);
        int used = printf("  %s--%s%s%s", letter, row->name, row->argument ? " " : "",
                          row->argument ? row->argument : "");
        printf("%*s  %s\n", used < width + 2 ? width + 2 - used : 0, "", row->help);
}

static void print_group(enum option_group group, int width)
{
        printf("\n%s\n", option_group_name(group));
        for (const struct option_row *row = option_table; row->name; row++) {
                if (row->help && row->group == group)
                        print_row(row, width);
        }
}

int help_print_run(void)
{
        int width = widest();

        fputs("Usage:  kelp run [OPTIONS] -- COMMAND [ARG...]\n"
              "        kelp run [OPTIONS] IMAGE [COMMAND [ARG...]]\n\n"
              "The first runs a command on a read-only view of this host, with the current\n"
              "directory writable and no network. The second runs a container of an image: a\n"
              "name in the store, or a path (a root directory, a tar archive of one, an archive\n"
              "of docker save, an OCI archive or an OCI layout), which is imported when new.\n",
              stdout);
        for (int group = 0; group < OPTION_GROUP_COUNT; group++)
                print_group((enum option_group)group, width);
        fputs("\nExit status: the command's own; 128+N when signal N ended it; 124 for --timeout;\n"
              "125 when kelp failed and the command never ran; 126 when it cannot be executed;\n"
              "127 when it was not found.\n",
              stdout);
        return help_end();
}
