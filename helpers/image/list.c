/* How a catalog is shown. */

#include "catalog.h"

#include "doc.h"
#include "mem.h"
#include "output.h"
#include "ref.h"
#include "str.h"
#include "usage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* When the image says that it was made; a plain root does not say. */
static void print_time(char *buffer, size_t size, const struct catalog_image *entry)
{
        const char *created = entry->image.store.created;

        if (created)
                snprintf(buffer, size, "%.10s %.5s", created, created + 11);
        else
                snprintf(buffer, size, "-");
}

typedef int print_row(void *context, const char *name, const struct catalog_image *entry,
                      struct err *e);

/* One row a name, in their order; then one for each image without a name, by its id. */
static int each_row(const struct catalog *c, print_row *row, void *context, struct err *e)
{
        for (size_t i = 0; i < c->n_names; i++) {
                const struct catalog_image *entry = catalog_find_image(c, &c->names[i].id);

                if (entry && row(context, c->names[i].name, entry, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < c->n_images; i++) {
                const struct catalog_image *entry = &c->images[i];

                if (!catalog_has_name(c, &entry->image.id) && row(context, NULL, entry, e) < 0)
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
        return output_finish(out, "cannot write the list", e);
}

int catalog_print_ids(const struct catalog *c, FILE *out, struct err *e)
{
        for (size_t i = 0; i < c->n_images; i++)
                fprintf(out, "%.12s\n", c->images[i].image.id.hex);
        return output_finish(out, "cannot write the list", e);
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
        return output_finish(out, "cannot write the list", e);
}
