#include "why-path.h"

#include "look.h"
#include "path.h"
#include "str.h"
#include "why-suggest.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What entries are there for that no line of a policy asks for. */
struct own_reason {
        const char *origin;
        const char *text;
};

static const struct own_reason cover_reasons[] = {
        { "socket", "a socket, which leads out" },
        { "served socket", "a socket, which leads out" },
        { "fifo", "a fifo, which leads out" },
        { "closed directory", "a directory that you have closed, so nobody knows what is in it" },
        { "built in", "kept from every sandbox" },
        { "the host's kernel file systems", "the kernel's own view of this host" },
};

static void say_covered(const struct tree_entry *entry, struct why *ret)
{
        for (size_t i = 0; i < sizeof(cover_reasons) / sizeof(cover_reasons[0]); i++) {
                if (str_eq(cover_reasons[i].origin, entry->origin)) {
                        why_say(ret, false, NULL, "%s", cover_reasons[i].text);
                        return;
                }
        }
        if (entry->flags & TREE_NO_FOLLOW)
                why_say(ret, false, entry->origin, "a protected name that is a symlink");
        else
                why_say(ret, false, entry->origin, "hidden");
}

/* The line that leaves a place of the host out of the view, or NULL. */
static const char *find_cover(const struct why_question *q)
{
        const struct plan_files *files = &q->plan->files;
        const struct plan_rule *best = NULL;

        if (q->look.source->kind == TREE_TMPFS && !str_eq(q->look.source->box_path, "/"))
                return q->look.source->origin;
        for (size_t i = 0; i < files->n_rules; i++) {
                const struct plan_rule *rule = &files->rules[i];

                if (rule->kind == PLAN_RULE_EMPTY && path_is_in(q->look.box_path, rule->box_path))
                        best = rule;
        }
        return best ? best->origin : NULL;
}

static bool is_read_only(const struct look *look)
{
        if (look->entry->kind == TREE_PIN && !(look->entry->flags & TREE_READ_ONLY))
                return look->source->flags & TREE_READ_ONLY;
        return look->entry->flags & TREE_READ_ONLY;
}

static bool is_image_read_only(const struct why_question *q, const struct look *look)
{
        return look->entry->kind == TREE_OVERLAY && q->plan->files.is_read_only;
}

static void say_read_only(const struct look *look, struct why *ret)
{
        const struct tree_entry *entry = look->entry;

        if (entry->kind == TREE_PIN && (entry->flags & TREE_READ_ONLY))
                why_say(ret, false, entry->origin,
                        str_eq(entry->origin, "git")        ? "protected: git runs what it says"
                        : str_eq(entry->origin, "built in") ? "read-only in every sandbox"
                                                            : "protected");
        else if (entry->kind == TREE_FILE)
                why_say(ret, false, NULL, "written by kelp for this sandbox");
        else if (entry->kind == TREE_SYSFS)
                why_say(ret, false, NULL, "read-only in every sandbox");
        else
                why_say(ret, false, entry->origin, "read-only");
}

/* Root of an image passes over modes, with the capability that says so. */
static bool passes_modes(const struct plan *p)
{
        return p->root == PLAN_ROOT_IMAGE && !p->ids.user.name && p->ids.user.uid == 0 &&
               (p->confine.keep_caps >> CAP_DAC_OVERRIDE & 1);
}

static bool is_allowed_by_mode(const struct why_question *q, const struct look *look,
                               enum why_access access)
{
        static const unsigned bits[] = { [WHY_READ] = 4, [WHY_WRITE] = 2, [WHY_EXECUTE] = 1 };
        unsigned mode = look->st.st_mode;

        if (look->host_path)
                return why_may_access(look->host_path, access, S_ISDIR(mode));
        if (passes_modes(q->plan) && (access != WHY_EXECUTE || S_ISDIR(mode)))
                return true;
        if (passes_modes(q->plan))
                return (mode & 0111) != 0;
        /* what kelp makes belongs to the user, and so do the files of an image with one id */
        return mode >> 6 & bits[access];
}

static bool is_device(mode_t mode)
{
        return S_ISCHR(mode) || S_ISBLK(mode);
}

static void say_allowed(const struct why_question *q, const struct look *look, struct why *ret)
{
        const struct tree_entry *source = look->source;
        const char *gone = "";

        if (q->access == WHY_WRITE && source->kind == TREE_TMPFS)
                gone = ", and thrown away after the run";
        if (q->access == WHY_WRITE && source->kind == TREE_OVERLAY)
                gone = q->plan->image.kept_dir ? ", and kept" : ", and thrown away after the run";
        why_say(ret, true, source->origin, "%s%s",
                q->access == WHY_READ      ? "readable"
                : q->access == WHY_EXECUTE ? "executable"
                                           : "writable",
                gone);
        if (q->access == WHY_WRITE && source->kind == TREE_TMPFS &&
            access(q->look.box_path, F_OK) == 0)
                snprintf(ret->comment, sizeof(ret->comment),
                         "what this host has there is not shown, and stays as it is");
}

/* Whether what is there can be used, and if not whether the plan or the file itself says so. */
enum use { USE_ALLOWED, USE_REFUSED, USE_REFUSED_BY_FILE };

/* A refusal is said in *ret. */
static enum use judge_use(const struct why_question *q, const struct look *look,
                          enum why_access access, struct why *ret)
{
        const struct tree_entry *entry = look->entry;
        mode_t mode = look->st.st_mode;

        if (entry->kind == TREE_EMPTY)
                say_covered(entry, ret);
        else if (access == WHY_WRITE && (is_read_only(look) || is_image_read_only(q, look)) &&
                 !is_device(mode) && !S_ISSOCK(mode))
                say_read_only(look, ret);
        else if (is_device(mode) && (look->source->flags & TREE_NO_DEV))
                why_say(ret, false, NULL, "a device, and no device is open there");
        else if (access == WHY_EXECUTE && !S_ISDIR(mode) && (look->source->flags & TREE_NO_EXEC))
                why_say(ret, false, NULL, "nothing can be executed there");
        else if (access == WHY_EXECUTE && !S_ISDIR(mode) && !S_ISREG(mode))
                why_say(ret, false, NULL, "it is no program");
        else if (is_allowed_by_mode(q, look, access))
                return USE_ALLOWED;
        else {
                why_say(ret, false, NULL, "the mode of the file itself is against it");
                return USE_REFUSED_BY_FILE;
        }
        return entry->kind == TREE_FILE ? USE_REFUSED_BY_FILE : USE_REFUSED;
}

/* Nothing is made in the kernel's own file systems. */
static bool is_kernels(const struct tree_entry *source)
{
        return source->kind == TREE_PROC || source->kind == TREE_SYSFS ||
               source->kind == TREE_DEVPTS;
}

static int say_absent(const struct why_question *q, struct why *ret, struct err *e)
{
        const struct look *look = &q->look;
        const char *cover = look->host_path ? NULL : find_cover(q);
        struct stat st;

        if (look->source->kind == TREE_OVERLAY)
                why_say(ret, false, NULL, "not in the image");
        else if (!look->host_path && lstat(look->box_path, &st) == 0)
                why_say(ret, false, cover,
                        cover ? "not shown, an empty place is there instead" : "not shown");
        else
                why_say(ret, false, NULL, "there is no such file");
        return why_suggest_path(q, ret, e);
}

/* Made where it is not there yet, as far as the directory above lets it. */
static int judge_making(const struct why_question *q, struct why *ret, struct err *e)
{
        const struct look *above = q->look.above;

        if (is_kernels(above->source)) {
                why_say(ret, false, NULL, "there is no such file");
                return 0;
        }
        switch (judge_use(q, above, WHY_WRITE, ret)) {
        case USE_ALLOWED:
                say_allowed(q, above, ret);
                return 0;
        case USE_REFUSED_BY_FILE:
                why_say(ret, false, NULL, "the mode of '%s' is against it", above->box_path);
                return 0;
        case USE_REFUSED:
                break;
        }
        if (!q->look.host_path && access(q->look.box_path, F_OK) == 0)
                return say_absent(q, ret, e);
        return why_suggest_path(q, ret, e);
}

static int judge_absent(const struct why_question *q, struct why *ret, struct err *e)
{
        const struct look *look = &q->look;

        if (look->entry->kind == TREE_EMPTY) {
                say_covered(look->entry, ret);
                return why_suggest_path(q, ret, e);
        }
        switch (look->code) {
        case ENOENT:
                if (q->access == WHY_WRITE && look->above)
                        return judge_making(q, ret, e);
                return say_absent(q, ret, e);
        case ENOTDIR:
                why_say(ret, false, NULL, "'%s' is no directory", look->box_path);
                return 0;
        case ELOOP:
                why_say(ret, false, NULL, "too many symlinks");
                return 0;
        default:
                why_say(ret, false, NULL, "out of your own reach: %s", err_name(look->code));
                return 0;
        }
}

static int judge(const struct why_question *q, struct why *ret, struct err *e)
{
        const struct look *look = &q->look;

        if (look->is_own) {
                err_set(e, EINVAL, "'%s' is something else for each process", look->box_path);
                return err_hint(e, "a run can tell: kelp run --explain");
        }
        if (look->code != 0)
                return judge_absent(q, ret, e);
        enum use use = judge_use(q, look, q->access, ret);
        if (use == USE_ALLOWED)
                say_allowed(q, look, ret);
        return use == USE_REFUSED ? why_suggest_path(q, ret, e) : 0;
}

int why_path(const struct plan *p, const struct tree *t, const char *box_path,
             enum why_access access, struct why *ret, struct err *e)
{
        struct arena scratch = { 0 };
        struct why_question q = { .plan = p, .tree = t, .arena = &scratch, .access = access };
        int r = look_inside(p, t, &scratch, box_path, &q.look, e);

        if (r == 0)
                r = judge(&q, ret, e);
        if (r == 0 && !ret->comment[0] && !str_eq(q.look.box_path, box_path))
                snprintf(ret->comment, sizeof(ret->comment), "it leads to '%.600s'",
                         q.look.box_path);
        arena_done(&scratch);
        return r;
}
