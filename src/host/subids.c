#include "subids.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "parse.h"
#include "probes.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_FILE ((size_t)16 << 20)
#define FULL_RANGE 65536 /* what images expect: all 16-bit ids */

struct line {
        const char *owner;
        uint64_t start;
        uint64_t count;
        bool is_good;
};

/* False for an empty line and a comment. */
static bool parse_line(char *text, struct line *ret)
{
        struct err unused = { 0 };
        char *at = str_trim(text);

        if (*at == '\0' || *at == '#')
                return false;
        *ret = (struct line){ .owner = str_next_field(&at, ':') };
        const char *start = str_next_field(&at, ':');
        const char *count = str_next_field(&at, ':');

        /* the last id, 4294967295, means "none" to the kernel */
        ret->is_good = start && count && !at &&
                       parse_number(start, 0, UINT32_MAX - 1, &ret->start, &unused) == 0 &&
                       parse_number(count, 1, UINT32_MAX - 1, &ret->count, &unused) == 0 &&
                       ret->start + ret->count <= UINT32_MAX;
        return true;
}

static bool is_owner(const struct host_view *v, const char *owner)
{
        struct err unused = { 0 };
        uint64_t uid;

        if (v->user[0] != '\0' && str_eq(owner, v->user))
                return true;
        return parse_number(owner, 0, UINT32_MAX - 1, &uid, &unused) == 0 && uid == v->uid;
}

static bool overlaps(const struct host_subid *range, uint64_t start, uint64_t count)
{
        return start < (uint64_t)range->start + range->count && range->start < start + count;
}

static bool overlaps_own(const struct host_subids *ids, uint64_t start, uint64_t count)
{
        for (size_t i = 0; i < ids->n; i++) {
                if (overlaps(&ids->ranges[i], start, count))
                        return true;
        }
        return false;
}

static void add_own(const struct host_view *v, struct host_subids *ids, const struct line *line,
                    unsigned number)
{
        uint64_t own = v->uid;
        bool is_usable = line->is_good && ids->n < HOST_MAX_SUBIDS &&
                         !overlaps_own(ids, line->start, line->count) &&
                         (own < line->start || own - line->start >= line->count);

        if (!is_usable) {
                if (ids->bad_line == 0)
                        ids->bad_line = number;
                return;
        }
        ids->ranges[ids->n++] = (struct host_subid){
                .start = (uint32_t)line->start,
                .count = (uint32_t)line->count,
        };
        ids->total += line->count;
}

/* A second look at the file, when the user's own ranges are known. */
static void find_shared(const struct host_view *v, char *text, struct host_subids *ids)
{
        struct line line;
        char *at = text;

        for (char *one; ids->shared[0] == '\0' && (one = str_next_field(&at, '\n'));) {
                if (parse_line(one, &line) && line.is_good && !is_owner(v, line.owner) &&
                    overlaps_own(ids, line.start, line.count))
                        snprintf(ids->shared, sizeof(ids->shared), "%s", line.owner);
        }
}

int host_subids_read(const struct host_view *v, const char *file, struct host_subids *ret,
                     struct err *e)
{
        autofd fd = host_open(v, file, O_RDONLY | O_NONBLOCK);
        autofree char *text = NULL;
        autofree char *again = NULL;
        struct host_subids ids = { 0 };
        struct line line;
        unsigned number = 0;

        if (fd == -ENOENT) {
                *ret = ids;
                return 0;
        }
        if (fd < 0) {
                errno = -fd;
                return err_sys(e, "cannot open '/%s'", file);
        }
        if (io_read_all(fd, LIMIT_FILE, file, &text, NULL, e) < 0)
                return -e->code;
        again = strdup(text);
        if (!again)
                return err_set(e, ENOMEM, "no memory for '/%s'", file);

        char *at = text;
        for (char *one; (one = str_next_field(&at, '\n'));) {
                number++;
                if (parse_line(one, &line) && is_owner(v, line.owner))
                        add_own(v, &ids, &line, number);
        }
        find_shared(v, again, &ids);
        *ret = ids;
        return 0;
}

/* The first id, from 100000 in steps of a full range, that nobody has in either file. */
static uint64_t find_free(const struct host_view *v)
{
        static const char *const files[] = { "etc/subuid", "etc/subgid" };
        uint64_t from = 100000;

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                autofree char *text = host_read_text(v, files[i], LIMIT_FILE);
                struct line line;
                char *at = text;

                for (char *one; (one = str_next_field(&at, '\n'));) {
                        if (!parse_line(one, &line) || !line.is_good)
                                continue;
                        while (from < line.start + line.count)
                                from += FULL_RANGE;
                }
        }
        return from;
}

static bool is_from_directory(const struct host_view *v)
{
        autofree char *text = host_read_text(v, "etc/nsswitch.conf", 65536);
        char *at = text;

        for (char *line; (line = str_next_field(&at, '\n'));) {
                if (str_has_prefix(line, "subid:") && !strstr(line, "files"))
                        return true;
        }
        return false;
}

static void explain_none(const struct host_view *v, const char *file, struct host_cause *ret)
{
        unsigned long long from = find_free(v);

        if (is_from_directory(v)) {
                host_cause_why(ret,
                               "/etc/nsswitch.conf takes subordinate ids from a directory "
                               "service, and kelp reads only /%s",
                               file);
                host_cause_fix(ret, "getsubids '%s'   (and write the lines it prints to /%s)",
                               v->user, file);
                return;
        }
        if (v->user[0] == '\0') {
                host_cause_why(ret, "/%s has no line for uid %u", file, v->uid);
                host_cause_fix(ret, "echo %u:%llu:%u | %stee -a /etc/subuid /etc/subgid", v->uid,
                               from, FULL_RANGE, host_sudo(v));
                return;
        }
        host_cause_why(ret, "/%s has no line for '%s'", file, v->user);
        host_cause_fix(ret, "%susermod --add-subuids %llu-%llu --add-subgids %llu-%llu '%s'",
                       host_sudo(v), from, from + FULL_RANGE - 1, from, from + FULL_RANGE - 1,
                       v->user);
}

/* What is wrong with one file; false when nothing is. */
static bool judge(const struct host_view *v, const char *file, const struct host_subids *ids,
                  struct host_fact *ret)
{
        if (ids->n == 0 && ids->bad_line == 0) {
                host_fact_set(ret, HOST_WEAKER,
                              "images run with one id; chown and other users inside are faked");
                explain_none(v, file, &ret->cause);
        } else if (ids->bad_line > 0) {
                host_fact_set(ret, HOST_WEAKER, "images run with one id");
                host_cause_why(&ret->cause,
                               "/%s:%u cannot be used: malformed, or it overlaps "
                               "another line of yours or your own id",
                               file, ids->bad_line);
                host_cause_fix(&ret->cause, "%seditor /%s   (a good line: %s:%llu:%u)",
                               host_sudo(v), file, v->user, (unsigned long long)find_free(v),
                               FULL_RANGE);
        } else if (ids->shared[0] != '\0') {
                host_fact_set(ret, HOST_WEAKER, "'%s' has some of the same ids", ids->shared);
                host_cause_why(&ret->cause,
                               "what one of you makes in a sandbox, the other one "
                               "can touch: ranges in /%s overlap",
                               file);
                host_cause_fix(&ret->cause, "%seditor /%s   (a range of your own: %s:%llu:%u)",
                               host_sudo(v), file, v->user, (unsigned long long)find_free(v),
                               FULL_RANGE);
        } else if (ids->total < FULL_RANGE) {
                host_fact_set(ret, HOST_WEAKER, "%llu ids; images may use up to %u",
                              (unsigned long long)ids->total, FULL_RANGE);
                host_cause_why(&ret->cause, "the lines of '%s' in /%s give too few", v->user, file);
                host_cause_fix(&ret->cause, "%susermod --add-subuids %llu-%llu '%s'", host_sudo(v),
                               (unsigned long long)find_free(v),
                               (unsigned long long)find_free(v) + FULL_RANGE - 1, v->user);
        } else {
                return false;
        }
        return true;
}

void host_probe_subids(const struct host_view *v, struct host_fact *ret)
{
        static const char *const files[] = { "etc/subuid", "etc/subgid" };
        struct host_subids ids[2];
        struct err e = { 0 };

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                if (host_subids_read(v, files[i], &ids[i], &e) < 0) {
                        host_fact_set(ret, HOST_WEAKER, "%.*s", err_message_len(&e), e.text);
                        host_cause_why(&ret->cause, "the file is not readable for you");
                        host_cause_fix(&ret->cause, "%schmod 644 /%s", host_sudo(v), files[i]);
                        return;
                }
                if (judge(v, files[i], &ids[i], ret))
                        return;
        }
        host_fact_set(ret, HOST_OK, "%llu user ids and %llu group ids for images",
                      (unsigned long long)ids[0].total, (unsigned long long)ids[1].total);
}
