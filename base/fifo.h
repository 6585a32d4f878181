/* First-in-first-out queue from many threads to one at a time: the room for liburcu's wait-free queue (wfcqueue).
 *
 * Threads: fifo_push and fifo_splice from any thread, at any time; fifo_pop and fifo_pop_all under a lock of the
 * owner's. Blocks: push and splice never (one exchange); pop may spin for the instructions between the exchange and
 * the link of a push in progress. Trusted: liburcu's insides are not instrumented nor model-checked, and nothing of
 * the sleep protocol relies on them: emptiness is decided by the owner's own atomic count.
 *
 * Edge fifo.node: what the pusher wrote before push is visible to whoever pops the node (documented by liburcu; in
 * ThreadSanitizer builds written down here by hand). Source: urcu/wfcqueue.h. */
#ifndef PAWL_BASE_FIFO_H
#define PAWL_BASE_FIFO_H

#include <stdbool.h>
#include <urcu/wfcqueue.h>

#include "base/atomic.h"

struct fifo_node {
    struct cds_wfcq_node node;
};

struct fifo {
    _Alignas(PAWL_CACHE_LINE) struct __cds_wfcq_head head; /* poppers' line */
    _Alignas(PAWL_CACHE_LINE) struct cds_wfcq_tail tail;   /* pushers' line */
};

void pawl__fifo_init(struct fifo *fifo);

void pawl__fifo_push(struct fifo *fifo, struct fifo_node *node);

/* Moves all of `from`, which only the caller knows, to the end of `to` with one exchange. */
void pawl__fifo_splice(struct fifo *to, struct fifo *from);

/* NULL: empty. */
struct fifo_node *pawl__fifo_pop(struct fifo *fifo);

#endif
