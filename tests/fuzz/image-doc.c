/*
 * Any bytes as each of the JSON documents of an image: an error, or something within the limits
 * that becomes a text which reads back the same.
 */

#include "doc.h"
#include "fuzz.h"
#include "image.h"
#include "limit.h"
#include "oci.h"

#include <stdlib.h>
#include <string.h>

static void fuzz_index(const char *data, size_t size)
{
        autoindex index = { 0 };
        struct err e = { 0 };

        if (oci_index_parse(data, size, NULL, &index, &e) < 0)
                return;
        for (size_t i = 0; i < index.n_entries; i++) {
                if (!digest_is_hex(index.entries[i].digest.hex) || !index.entries[i].media_type)
                        abort();
        }
}

static void fuzz_manifest(const char *data, size_t size)
{
        automanifest manifest = { 0 };
        automanifest again = { 0 };
        struct err e = { 0 };
        char *text;

        if (oci_manifest_parse(data, size, OCI_TYPE_MANIFEST, &manifest, &e) < 0)
                return;
        if (manifest.n_layers == 0 || manifest.n_layers > LIMIT_LAYERS)
                abort();
        if (oci_manifest_write(&manifest.config, manifest.layers, manifest.n_layers, &text, &e) < 0)
                abort();
        if (oci_manifest_parse(text, strlen(text), OCI_TYPE_MANIFEST, &again, &e) < 0 ||
            again.n_layers != manifest.n_layers)
                abort();
        free(text);
}

/* What a configuration asks for reaches the launcher as text: it must read back the same. */
static void check_text(struct image *image)
{
        static const struct digest some = {
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        };
        autoimage again = { 0 };
        struct err e = { 0 };
        char *first;
        char *second;

        image->id = some;
        if (image_add_layer(image, &some, &e) < 0 || image_write(image, true, &first, &e) < 0)
                abort();
        char *copy = strdup(first);
        if (image_read(copy, &again, &e) < 0 || image_write(&again, true, &second, &e) < 0 ||
            strcmp(first, second) != 0)
                abort();
        for (const char *c = first; *c; c++) {
                if ((*c < ' ' && *c != '\n' && *c > 0) || *c == 0x7f)
                        abort();
        }
        free(copy);
        free(first);
        free(second);
}

static void fuzz_config(const char *data, size_t size)
{
        autoimage image = { 0 };
        struct oci_config *config = calloc(1, sizeof(*config));
        struct err e = { 0 };

        if (config && oci_config_parse(data, size, &image, config, &e) == 0)
                check_text(&image);
        free(config);
}

static void fuzz_docker(const char *data, size_t size)
{
        struct docker_entry entry = { 0 };
        struct err e = { 0 };
        autodoc *doc = doc_parse(data, size, "manifest.json", &e);

        if (doc && docker_manifest_parse(doc, "a:1", &entry, &e) == 0 &&
            (entry.n_layers == 0 || entry.n_layers > LIMIT_LAYERS || !entry.config))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;

        fuzz_index(text, size);
        fuzz_manifest(text, size);
        fuzz_config(text, size);
        fuzz_docker(text, size);
        return 0;
}
