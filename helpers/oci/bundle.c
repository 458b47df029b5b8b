#include "bundle.h"

void bundle_done(struct bundle *b)
{
        plan_done(&b->plan);
        *b = (struct bundle){ 0 };
}
