#ifndef KELP_BASE_ERR_H
#define KELP_BASE_ERR_H

/*
 * Errors are values.  A struct err is plain data of a fixed size: it needs no memory, it can be
 * filled between clone and exec, and it crosses a process boundary as one SEQPACKET message, so
 * that the user reads the reason of the process that failed.
 *
 * The text is "what could not be done, on which 'object': reason".  A hint, if there is one, is
 * kept behind a newline: what the user can do about it.  A newline in what is formatted (a name may
 * have one) becomes a space, and what does not fit is cut at a character.
 *
 * Who survives an error empties it again: that `code` is 0 says that nothing has failed.
 *
 * Every function here returns the negative error number, so that "return err_set(...)" is the
 * one line that a failing function needs.
 */

struct err {
        int code;       /* a positive errno value; 0: no error */
        int step;       /* the enum step of the launch in which it happened; 0: none */
        char text[504]; /* "message" or "message\nhint", always terminated */
};

/* For failures where errno is the reason: appends ": " and its text.  Returns -errno. */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For failures where errno says nothing; `code` is a positive errno value.  Returns -code. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "while doing what: " in front of the text.  Returns -e->code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets what the user can do about it, replacing an earlier hint.  Returns -e->code. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The hint inside `e`, or NULL.  Lives as long as `e`. */
const char *err_get_hint(const struct err *e);

/* The length of the message without its hint, in bytes. */
int err_message_len(const struct err *e);

/* The text of an error number: strerror() without locale or allocation. */
const char *err_name(int code);

#endif
