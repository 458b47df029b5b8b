#include "verify.h"

#include "fd.h"
#include "find.h"
#include "image-name.h"
#include "mem.h"
#include "output.h"
#include "ref.h"
#include "str.h"
#include "subids.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_IMAGES 100000

struct verify {
        const struct store *store;
        struct arena arena;
        struct verify_job job;
        int *locks; /* of layers, open */
        size_t n_locks;
        FILE *out;
        struct verify_result *result;
};

/* ------ what was meant ------ */

static int add_image(struct verify *v, const struct digest *id, struct err *e)
{
        struct verify_job *job = &v->job;

        for (size_t i = 0; i < job->n_images; i++) {
                if (digest_is_same(&job->images[i], id))
                        return 0;
        }
        if (arena_grow(&v->arena, &job->images, job->n_images, sizeof(*job->images), MAX_IMAGES,
                       "images", e) < 0)
                return -e->code;
        job->images[job->n_images++] = *id;
        return 0;
}

/* Returns 1 when there is such a name; its file may be damaged, which is told later. */
static int choose_name(struct verify *v, const char *arg, struct err *e)
{
        struct verify_job *job = &v->job;
        struct err unused = { 0 };
        char whole[REF_MAX + 1];
        char file[NAME_MAX + 1];
        autoimage image = { 0 };
        struct stat st;

        if (ref_parse_any(arg, whole, &unused) < 0 || ref_encode(whole, file, &unused) < 0 ||
            fstatat(v->store->names, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        char *copy = arena_copy(&v->arena, file, e);
        if (!copy || arena_grow(&v->arena, &job->names, job->n_names, sizeof(*job->names),
                                MAX_IMAGES, "names", e) < 0)
                return -e->code;
        job->names[job->n_names++] = copy;
        if (store_read_image(v->store->names, file, &image, &unused) == 0 &&
            add_image(v, &image.id, e) < 0)
                return -e->code;
        return 1;
}

struct search {
        const char *prefix;
        struct digest found;
        unsigned n;
};

static int match_id(void *context, const char *name, struct err *e)
{
        struct search *s = context;

        (void)e;
        if (!digest_is_hex(name) || !str_has_prefix(name, s->prefix))
                return 0;
        memcpy(s->found.hex, name, sizeof(s->found.hex));
        s->n++;
        return 0;
}

static int choose_id(struct verify *v, const char *arg, struct err *e)
{
        struct search s = { .prefix = image_name_id_digits(arg) };

        if (s.prefix && store_list(v->store->images, match_id, &s, e) < 0)
                return -e->code;
        if (s.n > 1)
                return err_set(e, EINVAL, "more than one image has an id with '%s'", s.prefix);
        if (s.n == 1)
                return add_image(v, &s.found, e);
        autocatalog catalog = { 0 };
        if (catalog_load(v->store, &catalog, e) < 0)
                return -e->code;
        return find_unknown(&catalog, arg, e);
}

static int choose(struct verify *v, char *const *args, size_t n, struct err *e)
{
        v->job.is_all = n == 0;
        for (size_t i = 0; i < n; i++) {
                int r = choose_name(v, args[i], e);

                if (r < 0 || (r == 0 && choose_id(v, args[i], e) < 0))
                        return -e->code;
        }
        return 0;
}

/* ------ the layers stay ------ */

/* A descriptor each: as many as this process may have. */
static void raise_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                setrlimit(RLIMIT_NOFILE, &limit);
        }
}

static int lock_layer(void *context, const char *name, struct err *e)
{
        struct verify *v = context;
        autofd fd = openat(v->store->layers[STORE_SINGLE], name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        /* what is no directory is told later */
        if (fd < 0 && errno != EMFILE)
                return 0;
        if (fd < 0 || flock(fd, LOCK_SH) < 0)
                return err_sys(e, "cannot lock the layer '%.100s'", name);
        if (arena_grow(&v->arena, &v->locks, v->n_locks, sizeof(*v->locks), 1000000, "layers", e) <
            0)
                return -e->code;
        v->locks[v->n_locks++] = fd_take(&fd);
        return 0;
}

/* ------ the work ------ */

static void note(void *context, unsigned about, const char *text)
{
        struct verify *v = context;
        char shown[sizeof(((struct err *)0)->text) * 4];

        v->result->damaged++;
        v->result->has_index |= about == VERIFY_INDEX;
        fprintf(v->out, "damaged: %s\n", str_escape(shown, sizeof(shown), text, strlen(text)));
}

static int run_worker(struct verify *v, const struct id_maps *maps,
                      int (*work)(const struct worker *w, struct worker_report *ret, struct err *e),
                      struct err *e)
{
        struct worker worker = {
                .store = v->store,
                .reads_store = true,
                .layers = -1,
                .input = -1,
                .maps = maps,
                .work = work,
                .job = &v->job,
                .note = note,
                .note_context = v,
        };
        struct worker_report report = { 0 };

        return worker_run(&worker, &report, &v->result->signal, e);
}

static int verify_locked(struct verify *v, char *const *args, size_t n_args, struct err *e)
{
        autofd lock = store_lock(v->store, e);

        if (lock < 0 || choose(v, args, n_args, e) < 0 ||
            store_list(v->store->layers[STORE_SINGLE], lock_layer, v, e) < 0)
                return -e->code;
        return run_worker(v, NULL, verify_texts, e);
}

static int find_any(void *context, const char *name, struct err *e)
{
        (void)name;
        (void)e;
        *(bool *)context = true;
        return 0;
}

/*
 * Files of subordinate ids are looked at in a namespace that has them.  A launcher may unpack the
 * first of them at any time, after that was found out, too: then they are not looked at.
 */
static int find_maps(struct verify *v, struct id_maps *ret, bool *ret_has, struct err *e)
{
        const struct store *store = v->store;

        *ret_has = false;
        if (store->layers[STORE_SUBIDS] < 0)
                return 0;
        if (store_list(store->layers[STORE_SUBIDS], find_any, &v->job.has_subids, e) < 0)
                return -e->code;
        if (!v->job.has_subids || subids_read(store, ret, ret_has, e) < 0)
                return -e->code;
        if (!*ret_has && store->ids) {
                *ret = *store->ids;
                *ret_has = true;
        }
        return 0;
}

static int note_left(void *context, const char *name, struct err *e)
{
        struct verify *v = context;
        char text[200];

        (void)e;
        if (session_is_held(v->store->tmp, name))
                return 0;
        snprintf(text, sizeof(text),
                 "'tmp/%.100s' was left by a command that was ended, and cannot be removed", name);
        note(v, VERIFY_THING, text);
        return 0;
}

/* What a recovery could not sweep is nobody's. */
static int look_at_left(struct verify *v, struct err *e)
{
        autofd lock = store_lock(v->store, e);

        return lock < 0 ? lock : store_list(v->store->tmp, note_left, v, e);
}

static int verify_all(struct verify *v, char *const *args, size_t n_args, struct err *e)
{
        autofree struct id_maps *maps = mem_alloc(sizeof(*maps), e);
        struct err why = { 0 };
        bool has_maps;

        if (!maps)
                return -e->code;
        /* where nobody can write, nothing that was left there can be in the way */
        int r = session_recover(v->store, e);
        if (r == 0 && n_args == 0)
                r = look_at_left(v, e);
        if (r < 0 && !store_is_read_only(e))
                return r;
        *e = (struct err){ 0 };
        if (verify_locked(v, args, n_args, e) < 0)
                return -e->code;
        if (find_maps(v, maps, &has_maps, &why) < 0)
                note(v, VERIFY_THING, why.text);
        if (run_worker(v, has_maps ? maps : NULL, verify_content, e) < 0)
                return -e->code;
        return output_finish(v->out, "cannot write what was found", e);
}

int verify_run(const struct store *store, char *const *args, size_t n_args, FILE *out,
               struct verify_result *ret, struct err *e)
{
        struct verify v = { .store = store, .out = out, .result = ret };

        *ret = (struct verify_result){ 0 };
        raise_limit();
        int r = verify_all(&v, args, n_args, e);
        for (size_t i = 0; i < v.n_locks; i++)
                fd_close(&v.locks[i]);
        arena_done(&v.arena);
        return r;
}
