#ifndef KELP_IMAGE_LIMIT_H
#define KELP_IMAGE_LIMIT_H

/*
 * Everything in an archive is chosen by a stranger, so everything in it has a limit.  They are far
 * above what real images have; reaching one is an error that names it.
 */

#define LIMIT_ENTRIES     1000000u      /* archive entries of an image, all layers together */
#define LIMIT_BYTES       (32ull << 30) /* of all files of an image, holes included; of a stream */
#define LIMIT_RATIO       1000u         /* uncompressed bytes for one compressed byte, ... */
#define LIMIT_RATIO_FLOOR (64ull << 20) /* ... once so many came out */
#define LIMIT_WINDOW      (32u << 20)   /* the window of zstd, the dictionary of xz: `xz -8` */
#define LIMIT_PATH        4095u         /* bytes of a path or a symlink's target */
#define LIMIT_NAME        255u          /* bytes of one component of a path */
#define LIMIT_DEPTH       128u          /* components of a path */
#define LIMIT_XATTRS      64u           /* extended attributes of one entry that are kept */
#define LIMIT_XATTR_SIZE  65536u        /* bytes of one: XATTR_SIZE_MAX */

#define LIMIT_MEMBERS     4096u      /* members of a docker-archive or an OCI archive */
#define LIMIT_LINKS       8u         /* symlinks on the way to a member */
#define LIMIT_JSON        (4u << 20) /* bytes of one JSON document */
#define LIMIT_JSON_DEPTH  32u
#define LIMIT_JSON_VALUES 65536u
#define LIMIT_LAYERS      500u  /* what overlayfs stacks: OVL_MAX_STACK */
#define LIMIT_MANIFESTS   1000u /* entries of an index */

#define LIMIT_ENV        1000u
#define LIMIT_ARGS       1000u
#define LIMIT_PORTS      1000u
#define LIMIT_LIST_BYTES (128u << 10) /* of one list of the run configuration */
#define LIMIT_USER       256u
#define LIMIT_IMAGE_TEXT (2u << 20) /* bytes of an image's text file in the store */

#endif
