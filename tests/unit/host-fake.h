#ifndef KELP_TESTS_HOST_FAKE_H
#define KELP_TESTS_HOST_FAKE_H

#include "view.h"

/* A directory that stands for "/", filled by a test. */
struct fake {
        char dir[64];
        struct host_view view; /* of uid and gid 1000, user "anna", unless the test changes it */
};

void fake_setup(struct fake *f);
void fake_done(struct fake *f);

/* Writes `text` to `path` ("etc/subuid"), with the directories above it. */
void fake_file(struct fake *f, const char *path, const char *text);
void fake_mode(struct fake *f, const char *path, unsigned mode);
void fake_link(struct fake *f, const char *target, const char *path);

#endif
