#ifndef KELP_LIFE_SERVE_INNER_H
#define KELP_LIFE_SERVE_INNER_H

#include "serve.h"

/* What the parts of serve.h have in common. */

/* What an event is of; with the number of the client, or of the stream. */
enum serve_source {
        SERVE_LISTENER,
        SERVE_SOCK,
        SERVE_IN,
        SERVE_OUT,
        SERVE_OUTPUT,
        SERVE_STDIN,
        SERVE_TIMER,
};

int serve_watch(struct serve *s, int fd, enum serve_source source, size_t at, uint32_t events,
                struct err *e);
void serve_unwatch(struct serve *s, int fd);
void serve_close(struct serve *s, int *fd);
void serve_drop(struct serve *s, struct serve_client *c);
bool serve_refuse(const struct serve_client *c, int code, const char *why);

/* serve-streams.c */
int serve_watch_sources(struct serve *s, struct err *e);
bool serve_attach(struct serve *s, struct supervisor *v, struct serve_client *c,
                  struct control_request *r);
bool serve_resize(struct serve *s, struct supervisor *v, int32_t size);
bool serve_end_input(struct serve *s, struct serve_client *c);
void serve_take_input(struct serve *s, struct serve_client *c);
void serve_push_input(struct serve *s);
void serve_take_output(struct serve *s, enum box_stream stream);
void serve_push(struct serve *s, struct serve_client *c);
void serve_drop_slow(struct serve *s);

/* Reads output again, unless somebody has not taken the last of it. */
void serve_go_on(struct serve *s);

#endif
