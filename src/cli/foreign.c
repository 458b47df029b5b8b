#include "foreign.h"

#include "str.h"

#include <stddef.h>

struct foreign {
        const char *word;
        const char *second; /* NULL: it is one of a single word */
        const char *hint;
};

#define LIST       "it is 'kelp ps'"
#define GOES_ON    "kelp run --keep --name NAME IMAGE goes on with a sandbox that was kept"
#define FROM_LOGIN "kelp pull takes the logins that docker, podman and skopeo login have written"

static const struct foreign rows[] = {
        { "load", NULL, "it is 'kelp import FILE [NAME]'" },
        { "save", NULL, "it is 'kelp export NAME -o FILE'" },
        { "tag", NULL, "an image gets its name from kelp pull, kelp import or kelp commit" },
        { "push", NULL, "kelp export NAME -o FILE writes an archive, which skopeo copy can push" },
        { "build", NULL,
          "kelp run --keep --name BOX IMAGE COMMAND, and kelp commit BOX NAME, make an image" },
        { "create", NULL, "kelp run makes and runs it at once" },
        { "start", NULL, GOES_ON },
        { "restart", NULL, GOES_ON },
        { "cp", NULL, "kelp run -v SRC:DST shares files, kelp export writes an image to a file" },
        { "history", NULL, "kelp images --json tells what is known of images" },
        { "info", NULL, "it is 'kelp doctor'" },
        { "login", NULL, FROM_LOGIN },
        { "logout", NULL, FROM_LOGIN },
        { "container", "ls", LIST },
        { "container", "list", LIST },
        { "container", NULL, "it is 'kelp ps', and run, stop, kill, wait and rm" },
        { "image", "ls", "it is 'kelp images'" },
        { "image", "list", "it is 'kelp images'" },
        { "image", "inspect", "kelp images --json tells of images" },
        { "image", "rm", "it is 'kelp rmi'" },
        { "image", NULL, "it is 'kelp images', and pull, import, export, rmi, prune and verify" },
        { "system", "df", "kelp images has the sizes, kelp prune --dry-run what can go" },
        { "system", NULL, "it is 'kelp doctor' and 'kelp prune'" },
        { "volume", NULL, "there are no named volumes: kelp run -v ./DIR:DST shares a directory" },
        { "network", NULL, "kelp run --network none, user or host says what there is" },
};

const char *foreign_hint(const char *word, const char *second)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct foreign *row = &rows[i];

                if (str_eq(row->word, word) && !row->second == !second &&
                    (!second || str_eq(row->second, second)))
                        return row->hint;
        }
        return NULL;
}

bool foreign_is_group(const char *word)
{
        return str_eq(word, "container") || str_eq(word, "image") || str_eq(word, "system");
}
