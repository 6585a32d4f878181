#include "base/fifo.h"

#include "base/list.h"
#include "base/tsan.h"

void pawl__fifo_init(struct fifo *fifo)
{
    __cds_wfcq_init(&fifo->head, &fifo->tail);
}

void pawl__fifo_push(struct fifo *fifo, struct fifo_node *node)
{
    cds_wfcq_node_init(&node->node);
    TSAN_RELEASE(node);
    cds_wfcq_enqueue(&fifo->head, &fifo->tail, &node->node);
}

void pawl__fifo_splice(struct fifo *to, struct fifo *from)
{
    /* each node's edge was released by the push into `from` */
    __cds_wfcq_splice_blocking(&to->head, &to->tail, &from->head, &from->tail);
}

struct fifo_node *pawl__fifo_pop(struct fifo *fifo)
{
    struct cds_wfcq_node *node = __cds_wfcq_dequeue_blocking(&fifo->head, &fifo->tail);
    if (node == NULL)
        return NULL;
    TSAN_ACQUIRE(node);
    return PAWL_CONTAINER_OF(node, struct fifo_node, node);
}
