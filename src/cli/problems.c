#include "problems.h"

#include "log.h"

void problems_tell(const struct plan_problems *problems)
{
        for (size_t i = 0; i < problems->n; i++)
                log_err(&problems->items[i]);
        if (problems->n_dropped > 0)
                log_error("and %zu more", problems->n_dropped);
}
