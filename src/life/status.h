#ifndef KELP_LIFE_STATUS_H
#define KELP_LIFE_STATUS_H

#include "observe-event.h"
#include "plan.h"

/*
 * The events of --status-fd: one JSON object a line, one write a line.
 *
 *      {"event":"setup-failed","step":"id-maps","errno":1,"error":"...","hint":"..."}
 *      {"event":"network","mode":"filtered","rules":2,"host-ports":0}
 *      {"event":"rule","verdict":"allow","rule":"a.test:443","origin":"option --allow"}
 *      {"event":"started","pid":4711,"name":"web"}
 *      {"event":"refused","kind":"open","path":"/home/u/.npmrc","access":"r","count":2,
 *       "comm":"npm","hidden":true,"option":"--readable ~/.npmrc",
 *       "policy":"[files] readable = ~/.npmrc"}
 *      {"event":"exited","code":137,"signal":"KILL","reason":"signal"}
 *
 * `hint` and `name` are absent when there is none; `signal` is null unless a signal ended the
 * command.  Texts are escaped for a terminal first (\xNN), then for JSON, and are always UTF-8.
 *
 * With fd -1 nothing is written.  The caller has SIGPIPE ignored.
 */

int status_setup_failed(int fd, const struct err *why, const char *step, struct err *e);

/* Nothing but for a filtered network. */
int status_network(int fd, const struct plan_net *net, struct err *e);
int status_started(int fd, int pid, const char *name, struct err *e);

/*
 * `option` and `policy` are what would allow it, "" for none.  The object is called "path" where it
 * is one, "host" (with "port", 0 for a look-up), "call" (with "arguments") or "family".
 */
int status_refused(int fd, const struct observe_event *what, const char *option, const char *policy,
                   struct err *e);

/*
 * --ready-fd: one line, and the end of the file behind it, as s6 and others expect.  Takes `fd`; a
 * command that never runs leaves it to the end of this process, without a line.
 */
int status_ready(int fd, struct err *e);

/* `signal` is 0 for none; `reason` is exit, signal or timeout. */
int status_exited(int fd, int code, int signal, const char *reason, struct err *e);

#endif
