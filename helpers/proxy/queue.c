#include "queue.h"

void queue_add(struct queue *q, struct link *l)
{
        l->next = NULL;
        l->prev = q->last;
        if (l->prev)
                l->prev->next = l;
        else
                q->first = l;
        q->last = l;
        q->n++;
}

void queue_remove(struct queue *q, struct link *l)
{
        if (l->next)
                l->next->prev = l->prev;
        else
                q->last = l->prev;
        if (l->prev)
                l->prev->next = l->next;
        else
                q->first = l->next;
        q->n--;
}

void *queue_first(const struct queue *q)
{
        return q->first ? q->first->owner : NULL;
}
