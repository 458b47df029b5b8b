#ifndef KELP_IMAGE_UNPACK_H
#define KELP_IMAGE_UNPACK_H

#include "err.h"
#include "image.h"
#include "layer.h"
#include "limit.h"
#include "oci.h"
#include "ref.h"
#include "source.h"

/*
 * From an input to a whole image in a session: blobs/<digest> and layers/<chain-id> of what the
 * store does not have yet, and the struct image that describes it.  Runs in the jail: all
 * directories are descriptors.
 *
 * A layer is called after its chain-id (OCI image specification, config.md), and not its diff-id: a
 * directory that has no entry of its own in the archive looks as the layers below have it, so the
 * same archive above other layers is another directory.  Else one image would decide who may write
 * to a directory of another one.
 */

struct unpack_job {
        /* given */
        int input;   /* a file or a directory */
        int session; /* for temporary files */
        int session_blobs;
        int session_layers;
        int session_records;
        int store_blobs;    /* to look whether a blob is there already */
        int store_layers;   /* the same for layers, and to look into those below */
        int store_images;   /* to look whether the image is there already; -1: not asked */
        const char *wanted; /* the name that the image will have, or NULL: chooses among several */
        const struct id_maps *maps; /* see struct layer_spec */
        bool takes_blobs;           /* the layout is ours: see unpack_find_blob() */

        /* the result */
        struct image image;
        struct layer_count count;
        unsigned n_ignored;    /* settings of the configuration that mean nothing */
        char architecture[32]; /* when it is not this machine's, else "" */
        char tag[REF_MAX + 1]; /* of a docker-archive: the name that it gives itself, or "" */

        /* at work */
        struct source source;
        struct digest stack[LIMIT_LAYERS]; /* the layers so far, lowest first: chain-ids */
        size_t n_stack;
        struct digest chain; /* of the last layer, once there is one */
        bool has_chain;
        bool is_known; /* the store has this very image */
};

/* Fills the result.  `job` is for unpack_done() in any case. */
int unpack_run(struct unpack_job *job, struct err *e);

/*
 * Unpacks the layers of an image that the store has, from its blobs.  Of the job's image only what
 * the configuration says is filled.
 */
int unpack_stored(struct unpack_job *job, const struct image *image, struct err *e);

/*
 * Fills the job's image with what an import of it would have written, from its blobs and its
 * layers, of which nothing is unpacked.
 */
int unpack_describe(struct unpack_job *job, const struct digest *id, const char *manifest_type,
                    struct err *e);
void unpack_done(struct unpack_job *job);

/* The parts of it in other files. */

/* What is known of a layer before it is read. */
struct unpack_layer {
        const struct digest *packed;  /* NULL: not known */
        uint64_t packed_size;         /* with `packed` */
        const struct digest *diff_id; /* NULL: not known */
        struct region in;
};

/* The blob `d` in the directory `dir` of blobs.  *ret_fd is the caller's, and in ret->fd. */
int unpack_open_blob(int dir, const struct digest *d, int *ret_fd, struct region *ret,
                     struct err *e);

/*
 * The blob `d` of a layout.  A layout that was fetched into this session lacks what the store has,
 * and its layers' blobs are moved into the session instead of copied: nobody else can write to it.
 */
int unpack_find_blob(const struct unpack_job *job, const struct digest *d, int *ret_fd,
                     struct region *ret, struct err *e);

/* Unpacks the next layer, unless it is there; *ret describes its blob. */
int unpack_one_layer(struct unpack_job *job, const struct unpack_layer *want,
                     struct oci_descriptor *ret, struct err *e);

/* Counts a blob in the image; which layers of the stack are mounted. */
int unpack_count_blob(struct unpack_job *job, const struct digest *d, uint64_t size, struct err *e);
int unpack_set_layers(struct unpack_job *job, struct err *e);

/* The chain-id of the next layer. */
int unpack_chain(const struct unpack_job *job, const struct digest *diff_id, struct digest *ret,
                 struct err *e);

/* Whether a layer is there; how it takes its place above the ones before it, and how it does not. */
bool unpack_has_layer(const struct unpack_job *job, const struct digest *chain);
int unpack_push_layer(struct unpack_job *job, const struct digest *chain, struct err *e);
void unpack_skip_layer(struct unpack_job *job, const struct digest *chain);

/* Adds a blob that is in memory. */
int unpack_add_blob(struct unpack_job *job, const char *data, size_t len, struct digest *ret,
                    struct err *e);

/* Reads the configuration into the image and checks it against the number of layers. */
int unpack_config(struct unpack_job *job, const char *data, size_t len, size_t n_layers,
                  struct oci_config *ret, struct err *e);

#endif
