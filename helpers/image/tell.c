#include "tell.h"

#include "catalog.h"
#include "index.h"
#include "log.h"

/* Whoever lost a name is there without one, until prune: that must not happen silently. */
static void tell_moved(const char *name, const struct digest *old)
{
        log_notice("the name '%s' stood for another image before: '%.12s', which `kelp prune` "
                   "removes if it has no other one",
                   name, old->hex);
}

void tell_name(const struct import_result *result, bool was_given)
{
        if (result->name[0] && !was_given)
                log_notice("the image is called '%s'", result->name);
        if (result->has_moved)
                tell_moved(result->name, &result->old_id);
}

void tell_imported(const struct import_result *result)
{
        if (result->devices > 0)
                log_notice(
                        "%llu device node%s in the image %s left out: a sandbox has its own /dev",
                        (unsigned long long)result->devices, result->devices == 1 ? "" : "s",
                        result->devices == 1 ? "was" : "were");
        if (result->n_ignored > 0)
                log_notice("%u setting%s of the image's configuration mean%s nothing, ignoring",
                           result->n_ignored, result->n_ignored == 1 ? "" : "s",
                           result->n_ignored == 1 ? "s" : "");
        if (result->architecture[0])
                log_notice("the image is for the architecture '%s', not for this machine's",
                           result->architecture);
}

void tell_committed(const struct commit_result *result, const char *name)
{
        if (result->entries == 0)
                log_notice("nothing was changed: the new layer is empty");
        if (result->sockets > 0)
                log_notice("%llu socket%s left out: an image cannot have any",
                           (unsigned long long)result->sockets,
                           result->sockets == 1 ? " was" : "s were");
        if (result->devices > 0)
                log_notice("%llu device node%s left out: a sandbox has its own /dev",
                           (unsigned long long)result->devices,
                           result->devices == 1 ? " was" : "s were");
        if (result->attrs > 0)
                log_notice("%llu extended attribute%s left out: an image has no user.overlay.* and "
                           "no access control lists",
                           (unsigned long long)result->attrs,
                           result->attrs == 1 ? " was" : "s were");
        if (result->has_moved)
                tell_moved(name, &result->old_id);
}

void tell_repaired(const char *path)
{
        log_notice(
                "'index.json' of the image store was damaged or missing, and is written anew, without what "
                "other tools had in it; blobs stay, in case they are theirs, until "
                "'%s/" INDEX_DAMAGED "' is removed or `kelp prune --all` is run",
                path);
}

void tell_damaged_names(const struct store *store)
{
        struct err unused = { 0 };
        struct err why = { 0 };
        autocatalog c = { 0 };

        if (catalog_load(store, &c, &unused) < 0)
                return;
        for (size_t i = 0; catalog_get_damaged_name(&c, i, &why); i++)
                log_err(&why);
}
