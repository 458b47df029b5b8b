#include "foreign.h"

#include "str.h"

#include <stddef.h>

struct foreign {
        const char *word;
        const char *second; /* NULL: it is one of a single word */
        const char *hint;
};

#define LIST "it is 'kelp ps'"
#define GOES_ON                                                                                    \
        "what has ended does not go on: kelp run starts it anew, with what it had changed if it "  \
        "was kept (--keep --name NAME)"
#define HALTS      "kelp kill -s STOP NAME halts a command, kelp kill -s CONT NAME lets it go on"
#define REMOVES    "it is 'kelp rm' for sandboxes, 'kelp rmi' for images"
#define GOES_IN    "it is 'kelp exec -it NAME sh'"
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
        { "pause", NULL, HALTS },
        { "unpause", NULL, HALTS },
        { "top", NULL, "kelp stats shows what sandboxes use, kelp exec NAME ps what runs in one" },
        { "port", NULL, "kelp run -p 8080:80 IMAGE says which ports lead into a sandbox" },
        { "list", NULL, "it is 'kelp ps', and 'kelp images' for images" },
        { "status", NULL, "it is 'kelp ps', and 'kelp inspect NAME'" },
        { "show", NULL, "it is 'kelp inspect NAME', and 'kelp policy show' for policies" },
        { "remove", NULL, REMOVES },
        { "delete", NULL, REMOVES },
        { "rename", NULL, "a sandbox keeps the name that kelp run --name has given it" },
        { "update", NULL, "kelp run -m, --cpus and --pids-limit say what a sandbox may use" },
        { "events", NULL, "kelp run --status-fd FD tells what becomes of a run" },
        { "search", NULL, "kelp pull NAME asks the registry of the name" },
        { "enter", NULL, GOES_IN },
        { "shell", NULL, GOES_IN },
        { "review", NULL, "kelp run --review -- COMMAND makes one, kelp diff lists them" },
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
