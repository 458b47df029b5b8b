#include "learn-inner.h"

#include "path.h"
#include "str.h"

#include <string.h>

/*
 * What is run or obeyed outside of sandboxes, later: who may write it has left the sandbox.  A
 * command that knows that it is watched asks for it, so no policy that is learnt gives it.
 *
 * First what the base policy protects in a writable directory: here it would be the thing itself
 * that is writable, and then nothing is protected.  Then policies and what else kelp keeps.  Last
 * what a home has besides, by its name: a list of names is a help and no proof.
 */

static const char *const in_home[] = {
        /* programs */
        "bin", ".local/bin", ".local/lib", ".cargo/bin", "go/bin",
        /* sessions */
        ".config/autostart", ".config/environment.d", ".config/systemd", ".local/share/systemd",
        ".local/share/applications", ".local/share/dbus-1", ".pam_environment", ".xinitrc",
        ".xprofile", ".xsession", ".xsessionrc",
        /* shells */
        ".bash_aliases", ".bashrc.d", ".config/fish", ".cshrc", ".inputrc", ".kshrc", ".login",
        ".logout", ".mkshrc", ".oh-my-zsh", ".tcshrc", ".zsh", ".config/zsh", ".cargo/env",
        /* what starts programs by its settings */
        ".gitconfig", ".config/git", ".cargo/config", ".cargo/config.toml", ".config/emacs",
        ".config/nvim", ".config/tmux", ".emacs", ".emacs.d", ".exrc", ".gdbinit", ".config/gdb",
        ".lldbinit", ".nvimrc", ".screenrc", ".tmux.conf", ".vim", ".vimrc", ".config/direnv",
        ".direnvrc", ".ghci", ".gradle/init.d", ".gradle/init.gradle", ".hgrc", ".config/hg",
        ".ipython/profile_default/startup", ".irbrc", ".mailcap", ".pryrc", ".Rprofile", ".wgetrc",
        ".yarnrc", ".yarnrc.yml",
        /* kelp's own, wherever the XDG variables lead */
        ".config/kelp", ".local/share/kelp"
};

/* Whether "a/b" are components of `path`, or what is above it, one behind the other. */
static bool has_components(const char *path, const char *names)
{
        size_t len = strlen(names);

        for (const char *at = path; (at = strchr(at, '/')) != NULL;) {
                at++;
                if (strncmp(at, names, len) == 0 && (at[len] == '\0' || at[len] == '/'))
                        return true;
        }
        return false;
}

/* What git obeys of a submodule or a worktree has a directory of its own in ".git". */
static bool is_of_other_tree(const char *path, const char *protected)
{
        static const char git[] = ".git/";

        if (!str_has_prefix(protected, git))
                return false;
        return (has_components(path, ".git/modules") || has_components(path, ".git/worktrees")) &&
               has_components(path, protected + sizeof(git) - 1);
}

static bool is_protected(const struct plan *base, const char *path)
{
        for (size_t i = 0; i < base->files.n_rules; i++) {
                const struct plan_rule *rule = &base->files.rules[i];
                const char *name = rule->box_path;

                if (rule->kind != PLAN_RULE_PROTECTED)
                        continue;
                if (name[0] == '/' ? path_is_in(path, name)
                                   : has_components(path, name) || is_of_other_tree(path, name))
                        return true;
        }
        return false;
}

static bool is_below(const char *path, const char *top, const char *name)
{
        size_t len = top ? strlen(top) : 0;

        return top && !str_eq(top, "/") && path_is_in(path, top) && path[len] == '/' &&
               path_is_in(path + len + 1, name);
}

bool learn_acts_outside(const struct plan *base, const char *path)
{
        const struct plan_files *files = &base->files;

        if (is_protected(base, path) || is_below(path, files->cache_home, "kelp"))
                return true;
        for (size_t i = 0; i < files->n_policies; i++) {
                if (path_is_in(path, files->policies[i]))
                        return true;
        }
        for (size_t i = 0; i < sizeof(in_home) / sizeof(in_home[0]); i++) {
                if (is_below(path, files->home, in_home[i]))
                        return true;
        }
        return false;
}

/* What the base protects in every writable directory needs no line. */
int learn_protect_in_shown(struct learn *l, const struct learn_context *c, const char *dir,
                           struct err *e)
{
        const char *home = c->base->files.home;

        if (!home || str_eq(home, "/") || !path_is_in(dir, home))
                return 0;
        for (size_t i = 0; i < sizeof(in_home) / sizeof(in_home[0]); i++) {
                const char *path = path_join(&l->arena, home, in_home[i], e);

                if (!path)
                        return -e->code;
                if (path_is_in(path, dir) &&
                    learn_add_line(l, LEARN_PROTECTED, true, path,
                                   "takes effect outside of a sandbox, and lies in what is written",
                                   e) < 0)
                        return -e->code;
        }
        return 0;
}
