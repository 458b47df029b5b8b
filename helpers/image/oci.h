#ifndef KELP_IMAGE_OCI_H
#define KELP_IMAGE_OCI_H

#include "digest.h"
#include "doc.h"
#include "err.h"
#include "image.h"
#include "limit.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The JSON documents of the OCI image specification (and docker's schema 2, which has the same
 * shape under other media types): index -> manifest -> configuration and layers.  Pure functions
 * over text; nothing here reads a file.
 *
 * One document must not pass for another (CVE-2021-41190): a media type inside a document must be
 * the one it was referred to by, an index has no "layers" and a manifest no "manifests".
 */

#define OCI_TYPE_INDEX      "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_MANIFEST   "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_CONFIG     "application/vnd.oci.image.config.v1+json"
#define OCI_TYPE_LAYER      "application/vnd.oci.image.layer.v1.tar"
#define OCI_TYPE_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_TYPE_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define OCI_ANNOTATION_NAME "org.opencontainers.image.ref.name"

struct oci_descriptor {
        const char *media_type; /* one of the known ones */
        struct digest digest;
        uint64_t size;
        const char *ref_name;     /* NULL: none; not to be trusted, only to be shown */
        const char *architecture; /* NULL: no platform given */
        const char *variant;      /* of the architecture, or NULL */
        const char *os;           /* NULL: no platform given */
};

struct oci_manifest {
        json_t *doc; /* owns every string below */
        struct oci_descriptor config;
        struct oci_descriptor *layers; /* lowest first */
        size_t n_layers;
};

struct oci_index {
        json_t *doc;                    /* owns every string below */
        struct oci_descriptor *entries; /* those whose media type is known, in their order */
        size_t n_entries;
};

void oci_manifest_done(struct oci_manifest *manifest);
void oci_index_done(struct oci_index *index);

#define automanifest __attribute__((cleanup(oci_manifest_done))) struct oci_manifest
#define autoindex    __attribute__((cleanup(oci_index_done))) struct oci_index

/* `media_type` is that of the descriptor that led here; NULL for the file index.json itself. */
int oci_index_parse(const char *data, size_t len, const char *media_type, struct oci_index *ret,
                    struct err *e);
int oci_manifest_parse(const char *data, size_t len, const char *media_type,
                       struct oci_manifest *ret, struct err *e);

bool oci_is_index_type(const char *media_type);
bool oci_is_manifest_type(const char *media_type);

/* The architecture of this machine as images name it ("amd64"); NULL: one without a name. */
const char *oci_architecture(void);

struct oci_config {
        struct digest diff_ids[LIMIT_LAYERS];
        size_t n_diff_ids;
        unsigned n_ignored;    /* entries of Env and ExposedPorts that mean nothing */
        char architecture[32]; /* "" when it is not given */
};

/*
 * Reads an image's configuration into `image` (run and created) and `ret`.  An operating system
 * other than linux is EINVAL.
 */
int oci_config_parse(const char *data, size_t len, struct image *image, struct oci_config *ret,
                     struct err *e);

/*
 * The documents for an image that came without them.  `diff_ids` and `layers` have `n` items;
 * *ret is the caller's (free).
 */
int oci_config_write(const struct digest *diff_ids, size_t n, char **ret, struct err *e);
int oci_manifest_write(const struct oci_descriptor *config, const struct oci_descriptor *layers,
                       size_t n, char **ret, struct err *e);

/* One entry of a docker-archive's manifest.json; strings live as long as `doc`. */
struct docker_entry {
        const char *config;
        const char *layers[LIMIT_LAYERS];
        size_t n_layers;
        const char *tag; /* its tag, when it has one and no more; else NULL */
};

/*
 * Reads the manifest.json of a docker-archive.  Of several images the one is taken that has the
 * tag `wanted`; without such a one they are listed in the error.
 */
int docker_manifest_parse(const json_t *doc, const char *wanted, struct docker_entry *ret,
                          struct err *e);

#endif
