/*
 * kelp-seccomp: compiles the [syscalls] of policies into seccomp filters.
 *
 * It runs when kelp is built: it makes the C arrays of the built-in policies and the vocabulary by
 * which the launcher reads a policy of a user's own, so that kelp itself need not link libseccomp.
 * For people it prints what a policy says of each call.
 */

#include "calls.h"
#include "emit.h"
#include "err.h"
#include "fd.h"
#include "groups.h"
#include "io.h"
#include "log.h"
#include "mem.h"
#include "policy.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_POLICIES 32
#define MAX_VARIANTS 4

enum form { FORM_NONE, FORM_C, FORM_BPF, FORM_TEXT, FORM_NAMES };

struct options {
        const char *groups;
        const char *policies[MAX_POLICIES];
        size_t n_policies;
        const char *policy_dir;
        const char *arch;
        const char *output; /* NULL: standard output */
        const char *header;
        enum form form;
        struct call_variant variant;
};

struct filter {
        struct policy policy;
        struct call_program *program;
};

struct job {
        const struct options *options;
        struct groups groups;
        struct filter *filters;
        size_t n_filters;
};

static const char usage[] =
        "usage: kelp-seccomp --groups FILE --policy FILE... --emit c|bpf|text [-o FILE]\n"
        "       kelp-seccomp --groups FILE --emit names [-o FILE]\n"
        "\n"
        "  --groups FILE      the names and @groups of system calls (syscalls.groups)\n"
        "  --policy FILE      the policy to compile; may be repeated with --emit c\n"
        "  --policy-dir DIR   where the policies that it extends are; else beside it\n"
        "  --arch ARCH        x86_64 or aarch64; else the one this program was built for\n"
        "  --allow-userns     nested sandboxes may be made inside\n"
        "  --fake-root        what the policy's 'fake' names is answered with success, undone\n"
        "  --emit c           C arrays of all variants, for kelp itself; --header FILE writes\n"
        "                     their header\n"
        "  --emit bpf         the instructions, as seccomp(2) takes them\n"
        "  --emit text        what each call is answered, for people\n"
        "  --emit names       C tables of all names and groups, for kelp itself\n"
        "  -o, --output FILE  where to, instead of standard output\n";

static int read_form(const char *text, enum form *ret, struct err *e)
{
        static const char *const names[] = { "c", "bpf", "text", "names", NULL };

        for (size_t i = 0; names[i]; i++) {
                if (str_eq(text, names[i])) {
                        *ret = (enum form)(FORM_C + i);
                        return 0;
                }
        }
        return err_set(e, EINVAL, "--emit takes c, bpf, text or names, not '%s'", text);
}

static int add_policy(struct options *o, const char *path, struct err *e)
{
        if (o->n_policies == MAX_POLICIES)
                return err_set(e, E2BIG, "more than %d policies", MAX_POLICIES);
        o->policies[o->n_policies++] = path;
        return 0;
}

static int check_options(const struct options *o, struct err *e)
{
        if (!o->groups)
                return err_set(e, EINVAL, "--groups is missing");
        if (o->form == FORM_NONE)
                return err_set(e, EINVAL, "--emit is missing");
        if (o->form == FORM_NAMES && o->n_policies > 0)
                return err_set(e, EINVAL, "--emit names takes no --policy");
        if (o->form != FORM_NAMES && o->n_policies == 0)
                return err_set(e, EINVAL, "--policy is missing");
        if (o->form != FORM_C && o->n_policies > 1)
                return err_set(e, EINVAL, "only --emit c takes more than one --policy");
        if (o->form != FORM_C && o->header)
                return err_set(e, EINVAL, "--header goes with --emit c");
        if (o->form == FORM_C && (o->variant.allow_userns || o->variant.fake_root))
                return err_set(e, EINVAL, "--emit c makes the filters of all variants anyway");
        return 0;
}

/* Returns 1 when help was asked for. */
static int read_options(int argc, char **argv, struct options *o, struct err *e)
{
        static const struct option known[] = {
                { "groups", required_argument, NULL, 'g' },
                { "policy", required_argument, NULL, 'p' },
                { "policy-dir", required_argument, NULL, 'd' },
                { "arch", required_argument, NULL, 'a' },
                { "emit", required_argument, NULL, 'e' },
                { "header", required_argument, NULL, 'H' },
                { "output", required_argument, NULL, 'o' },
                { "allow-userns", no_argument, NULL, 'u' },
                { "fake-root", no_argument, NULL, 'f' },
                { "help", no_argument, NULL, 'h' },
                { NULL, 0, NULL, 0 },
        };
        int r = 0;

        opterr = 0;
        for (int c; r == 0 && (c = getopt_long(argc, argv, ":o:h", known, NULL)) != -1;) {
                switch (c) {
                case 'g':
                        o->groups = optarg;
                        break;
                case 'p':
                        r = add_policy(o, optarg, e);
                        break;
                case 'd':
                        o->policy_dir = optarg;
                        break;
                case 'a':
                        o->arch = optarg;
                        break;
                case 'e':
                        r = read_form(optarg, &o->form, e);
                        break;
                case 'H':
                        o->header = optarg;
                        break;
                case 'o':
                        o->output = optarg;
                        break;
                case 'u':
                        o->variant.allow_userns = true;
                        break;
                case 'f':
                        o->variant.fake_root = true;
                        break;
                case 'h':
                        return 1;
                case ':':
                        r = err_set(e, EINVAL, "'%s' needs a value", argv[optind - 1]);
                        break;
                default:
                        r = err_set(e, EINVAL, "unknown option '%s'", argv[optind - 1]);
                        break;
                }
        }
        if (r == 0 && optind < argc)
                r = err_set(e, EINVAL, "'%s' is not an option", argv[optind]);
        return r < 0 ? r : check_options(o, e);
}

static int add_filter(struct job *job, const char *path, struct call_variant variant, struct err *e)
{
        struct filter *filter = &job->filters[job->n_filters++];
        struct policy_source source = { .path = path,
                                        .dir = job->options->policy_dir,
                                        .variant = variant };

        int r = policy_read(&filter->policy, &source, &job->groups, e);
        if (r == 0)
                r = policy_compile(&filter->program, &filter->policy, &job->groups, e);
        return r;
}

static int add_variants(struct job *job, const char *path, struct err *e)
{
        const struct filter *plain = &job->filters[job->n_filters];
        struct call_variant variant = { 0 };

        int r = add_filter(job, path, variant, e);
        for (unsigned i = 1; r == 0 && i < MAX_VARIANTS; i++) {
                variant.allow_userns = i & 1;
                variant.fake_root = i & 2;
                if (!variant.fake_root || plain->policy.table.has_fakes)
                        r = add_filter(job, path, variant, e);
        }
        return r;
}

static int build_filters(struct job *job, struct err *e)
{
        const struct options *o = job->options;
        int r = 0;

        if (o->n_policies == 0)
                return 0;
        job->filters = mem_alloc(MAX_VARIANTS * o->n_policies * sizeof(*job->filters), e);
        if (!job->filters)
                return -e->code;
        for (size_t i = 0; r == 0 && i < o->n_policies; i++)
                r = o->form == FORM_C ? add_variants(job, o->policies[i], e)
                                      : add_filter(job, o->policies[i], o->variant, e);
        return r;
}

/* The names of policies go into C strings. */
static int check_names(const struct job *job, struct err *e)
{
        static const char harmless[] = "abcdefghijklmnopqrstuvwxyz0123456789-+";

        for (size_t i = 0; i < job->n_filters; i++) {
                const char *name = job->filters[i].policy.name;

                if (name[strspn(name, harmless)] != '\0')
                        return err_set(e, EINVAL, "'%s' is not the name of a built-in policy",
                                       name);
        }
        return 0;
}

static void emit_c(const struct job *job, FILE *out)
{
        const struct policy *policies[MAX_VARIANTS * MAX_POLICIES];
        const struct call_program *programs[MAX_VARIANTS * MAX_POLICIES];
        const char *header = job->options->header ? job->options->header : "seccomp-filters.h";
        const char *slash = strrchr(header, '/');

        emit_c_begin(out, slash ? slash + 1 : header);
        for (size_t i = 0; i < job->n_filters; i++) {
                policies[i] = &job->filters[i].policy;
                programs[i] = job->filters[i].program;
                emit_c_array(out, i, programs[i]);
        }
        emit_c_end(out, policies, programs, job->n_filters);
}

/* All output is made in memory first: where it cannot be made no file is begun. */
static int write_output(const char *path, const char *data, size_t len, struct err *e)
{
        if (!path)
                return io_write_all(STDOUT_FILENO, data, len, "standard output", e);

        autofd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
                return err_sys(e, "cannot create '%s'", path);
        return io_write_all(fd, data, len, path, e);
}

static int emit_form(const struct job *job, FILE *out, struct err *e)
{
        const struct filter *first = job->filters;

        switch (job->options->form) {
        case FORM_C:
                emit_c(job, out);
                return 0;
        case FORM_BPF:
                emit_bpf(out, first->program);
                return 0;
        case FORM_TEXT:
                return emit_text(out, &first->policy, &job->groups, first->program, e);
        case FORM_NAMES:
                return emit_names(out, &job->groups, e);
        case FORM_NONE:
                break;
        }
        return err_set(e, EINVAL, "--emit is missing");
}

static int write_main(const struct job *job, struct err *e)
{
        autofree char *data = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&data, &len);

        if (!out)
                return err_sys(e, "cannot collect the output");
        int r = emit_form(job, out, e);
        if (fclose(out) != 0 && r == 0)
                r = err_sys(e, "cannot collect the output");
        return r < 0 ? r : write_output(job->options->output, data, len, e);
}

static int write_header(const struct job *job, struct err *e)
{
        autofree char *data = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&data, &len);

        if (!out)
                return err_sys(e, "cannot collect the header");
        emit_header(out);
        if (fclose(out) != 0)
                return err_sys(e, "cannot collect the header");
        return write_output(job->options->header, data, len, e);
}

static int run(struct job *job, struct err *e)
{
        const struct options *o = job->options;
        const struct arch *arch = arch_find(o->arch, e);

        if (!arch)
                return -e->code;
        int r = groups_read(&job->groups, o->groups, arch, e);
        if (r == 0)
                r = build_filters(job, e);
        if (r == 0 && o->form == FORM_C)
                r = check_names(job, e);
        if (r == 0)
                r = write_main(job, e);
        if (r == 0 && o->header)
                r = write_header(job, e);
        return r;
}

static void job_done(struct job *job)
{
        for (size_t i = 0; i < job->n_filters; i++) {
                policy_done(&job->filters[i].policy);
                free(job->filters[i].program);
        }
        free(job->filters);
        groups_done(&job->groups);
}

int main(int argc, char **argv)
{
        struct options options = { .arch = HOST_ARCH };
        struct job job = { .options = &options };
        struct err e = { 0 };

        log_setup("kelp-seccomp");
        int r = read_options(argc, argv, &options, &e);
        if (r == 1)
                return fputs(usage, stdout) == EOF || fflush(stdout) == EOF;
        if (r == 0)
                r = run(&job, &e);
        job_done(&job);
        if (r < 0)
                log_err(&e);
        return r < 0;
}
