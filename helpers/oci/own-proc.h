#ifndef KELP_OCI_OWN_PROC_H
#define KELP_OCI_OWN_PROC_H

/*
 * A file of this process in /proc, as "attr/exec".  What is at /proc may be an image's or a volume's:
 * a write meant for the kernel must reach the kernel (CVE-2019-16884, CVE-2019-19921,
 * CVE-2025-52881), so it has to be a proc file system that knows this process, without a mount or a
 * symlink on the way.  Returns the descriptor, or -1 with errno set, without an error text.
 */
int own_proc_open(const char *name, int flags);

#endif
