#ifndef KELP_BASE_HELPER_EXIT_H
#define KELP_BASE_HELPER_EXIT_H

/* How our own helpers exit, beside 0, and 128 and the signal where one ended it. */
enum helper_exit {
        HELPER_FAILED = 125, /* it has told the user why */
        HELPER_NO_IDS = 126, /* ids cannot be had, and one id would do: it has told that */
};

#endif
