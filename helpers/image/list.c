/* How a catalog is shown. */

#include "catalog.h"

#include "doc.h"
#include "mem.h"
#include "ref.h"
#include "str.h"
#include "usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* When the image says that it was made, or else when it was imported. */
static void print_time(char *buffer, size_t size, const struct catalog_image *entry)
{
        struct tm tm;

        if (entry->image.store.created) {
                snprintf(buffer, size, "%.10s %.5s", entry->image.store.created,
                         entry->image.store.created + 11);
                return;
        }
        if (!gmtime_r(&entry->imported, &tm) || !strftime(buffer, size, "%Y-%m-%d %H:%M", &tm))
                snprintf(buffer, size, "-");
}

typedef int print_row(void *context, const char *name, const struct catalog_image *entry,
                      struct err *e);

/* One row a name; an image without one has a row without one. */
static int each_row(const struct catalog *c, print_row *row, void *context, struct err *e)
{
        for (size_t i = 0; i < c->n_images; i++) {
                const struct catalog_image *entry = &c->images[i];
                bool has_name = false;

                for (size_t j = 0; j < c->n_names; j++) {
                        if (!digest_is_same(&c->names[j].id, &entry->image.id))
                                continue;
                        has_name = true;
                        if (row(context, c->names[j].name, entry, e) < 0)
                                return -e->code;
                }
                if (!has_name && row(context, NULL, entry, e) < 0)
                        return -e->code;
        }
        return 0;
}

struct table {
        FILE *out;
        int width;
};

static int table_row(void *context, const char *name, const struct catalog_image *entry,
                     struct err *e)
{
        const struct table *table = context;
        char shown[4 * REF_MAX];
        char size[USAGE_TEXT_MAX];
        char created[32];

        (void)e;
        if (!name)
                name = "<none>";
        str_escape(shown, sizeof(shown), name, strlen(name));
        usage_print(size, entry->image.store.size);
        print_time(created, sizeof(created), entry);
        fprintf(table->out, "%-*s  %.12s  %-7s  %s\n", table->width, shown, entry->image.id.hex,
                size, created);
        return 0;
}

static int flush(FILE *out, struct err *e)
{
        if (fflush(out) != 0 || ferror(out))
                return err_sys(e, "cannot write the list");
        return 0;
}

int catalog_print(const struct catalog *c, FILE *out, struct err *e)
{
        struct table table = { .out = out, .width = (int)strlen("<none>") };

        for (size_t i = 0; i < c->n_names; i++) {
                int len = c->names[i].damage ? 0 : (int)strlen(c->names[i].name);

                if (len > table.width)
                        table.width = len;
        }
        fprintf(out, "%-*s  %-12s  %-7s  %s\n", table.width, "NAME", "ID", "SIZE", "CREATED");
        if (each_row(c, table_row, &table, e) < 0)
                return -e->code;
        return flush(out, e);
}

static int json_row(void *context, const char *name, const struct catalog_image *entry,
                    struct err *e)
{
        json_t *list = context;
        const struct image *image = &entry->image;
        json_t *row = json_pack("{s:s?, s:o, s:I, s:s?, s:I, s:I}", "name", name, "id",
                                json_sprintf("sha256:%s", image->id.hex), "size",
                                (json_int_t)image->store.size, "created", image->store.created,
                                "imported", (json_int_t)entry->imported, "layers",
                                (json_int_t)image->n_layers);

        if (json_array_append_new(list, row) < 0)
                return err_set(e, ENOMEM, "out of memory");
        return 0;
}

int catalog_print_json(const struct catalog *c, FILE *out, struct err *e)
{
        autodoc *list = json_array();
        autofree char *text = NULL;

        if (!list)
                return err_set(e, ENOMEM, "out of memory");
        if (each_row(c, json_row, list, e) < 0 || doc_write(list, &text, e) < 0)
                return -e->code;
        fprintf(out, "%s\n", text);
        return flush(out, e);
}
