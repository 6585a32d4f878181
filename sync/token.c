/* Cancel tokens: a tree, of which each node is guarded by its own lock but for its place among its siblings, which its
 * parent's lock guards. No two locks are held at once.
 *
 * Whoever cancels grants a token's waiters, takes its children off its list, with a reference each, and goes on with
 * them, until none is left. A child that is born meanwhile finds its parent cancelled, under the parent's lock. One
 * that is dropped meanwhile has no reference left to take: it is passed by, and finds itself off the list.
 *
 * Edge token.cancelled: cancel stores (release, under the lock), who asks loads (acquire): what was written before.
 * Edge token.refs: each drop releases, the last one acquires, and frees. */
#include "sync/token.h"

#include <stdlib.h>

#include "base/noise.h"

/* Access: C constant, A any thread atomic, L(lock) of its own, P the parent's lock, X whoever cancels it */
struct pawl_token {
    PAWL_ATOMIC(uint64_t) refs;      /* A */
    PAWL_ATOMIC(uint32_t) cancelled; /* A written L */
    struct lock lock;
    struct pawl_token *parent; /* C with a reference, or NULL */
    struct list_node sibling;  /* P */
    struct list children;      /* L */
    struct list waiters;       /* L */
    struct pawl_token *next;   /* X */
};

static bool is_cancelled(const struct pawl_token *token)
{
    return load_acquire_u32(&token->cancelled) != 0; /* edge token.cancelled */
}

/* ---- references ---- */

struct pawl_token *pawl_token_ref(struct pawl_token *token)
{
    if (token != NULL)
        fetch_add_relaxed_u64(&token->refs, 1); /* relaxed: the caller has one already */
    return token;
}

/* false: it has none left. */
static bool ref_unless_zero(struct pawl_token *token)
{
    uint64_t refs = load_relaxed_u64(&token->refs); /* relaxed: the compare-and-swap decides */
    do
        if (refs == 0)
            return false;
    while (!cas_acq_rel_relaxed_u64(&token->refs, &refs, refs + 1));
    return true;
}

static void leave_parent(struct pawl_token *token)
{
    struct pawl_token *parent = token->parent;
    lock_acquire(&parent->lock);
    if (list_linked(&token->sibling))
        list_remove(&token->sibling);
    lock_release(&parent->lock);
}

void pawl_token_drop(struct pawl_token *token)
{
    /* edge token.refs; the last one of a child drops its parent, and so on */
    while (token != NULL && fetch_add_acq_rel_u64(&token->refs, UINT64_MAX) == 1) {
        struct pawl_token *parent = token->parent;
        MISUSE_IF(!waiters_empty(&token->waiters), "pawl_token_drop: somebody waits");
        noise_point("token.refs.last");
        if (parent != NULL)
            leave_parent(token);
        free(token);
        token = parent;
    }
}

/* false: the parent is cancelled. */
static bool join_parent(struct pawl_token *token)
{
    struct pawl_token *parent = token->parent;
    lock_acquire(&parent->lock);
    bool joined = !is_cancelled(parent);
    if (joined)
        list_push_back(&parent->children, &token->sibling);
    lock_release(&parent->lock);
    return joined;
}

int pawl_token_create(struct pawl_token **out, struct pawl_token *parent)
{
    if (out == NULL)
        return -EINVAL;
    struct pawl_token *token = calloc(1, sizeof *token);
    if (token == NULL)
        return -ENOMEM;
    store_relaxed_u64(&token->refs, 1); /* relaxed, here and below: nobody else knows it */
    list_init(&token->children);
    token->parent = pawl_token_ref(parent);
    if (parent != NULL && !join_parent(token))
        store_relaxed_u32(&token->cancelled, 1);
    *out = token;
    return 0;
}

/* ---- cancelling ---- */

/* Under the lock. The children, with a reference each, are put before `rest`. */
static struct pawl_token *cancel_locked(struct pawl_token *token, struct claimed *claimed, struct pawl_token *rest)
{
    struct list_node *node;
    if (is_cancelled(token))
        return rest;
    store_release_u32(&token->cancelled, 1); /* edge token.cancelled */
    waiters_take_all(&token->waiters, claimed);
    while ((node = list_pop_front(&token->children)) != NULL) {
        struct pawl_token *child = PAWL_CONTAINER_OF(node, struct pawl_token, sibling);
        if (!ref_unless_zero(child))
            continue;
        child->next = rest;
        rest = child;
    }
    return rest;
}

void pawl_token_cancel(struct pawl_token *token)
{
    struct pawl_token *rest = NULL;
    pawl_token_ref(token);
    while (token != NULL) {
        struct claimed claimed = {NULL, NULL};
        lock_acquire(&token->lock);
        rest = cancel_locked(token, &claimed, rest);
        lock_release(&token->lock);
        noise_point("token.cancelled.stored");
        waiters_grant(&claimed, OUTCOME_GRANTED); /* before its children: a claimed waiter cannot leave */
        pawl_token_drop(token);
        if ((token = rest) != NULL)
            rest = token->next;
    }
}

bool pawl_token_cancelled(const struct pawl_token *token)
{
    return token != NULL && is_cancelled(token);
}

/* ---- waiting ---- */

static int attempt(struct wait *wait, struct claimed *claimed)
{
    (void)claimed;
    return is_cancelled(wait->object) ? 0 : -EAGAIN;
}

static int queue(struct wait *wait, struct claimed *claimed)
{
    struct pawl_token *token = wait->object;
    (void)claimed;
    return wait_queue(wait, &token->waiters);
}

static const struct wait_kind kind = {.attempt = attempt, .queue = queue};

struct wait pawl__token_wait(struct pawl_token *token)
{
    return (struct wait){.kind = &kind, .lock = &token->lock, .object = token};
}

int pawl_token_wait_until(struct pawl_token *token, uint64_t deadline_ns)
{
    int error = token == NULL ? -EINVAL : await_enter();
    if (error != 0)
        return error;
    struct wait wait = pawl__token_wait(token);
    return pawl__wait(&wait, deadline_ns);
}

int pawl_token_wait(struct pawl_token *token)
{
    return pawl_token_wait_until(token, PAWL_NEVER);
}

enum pawl_poll pawl_token_wait_poll(struct pawl_token *token, struct pawl_wait *wait, struct pawl_context *cx,
                                    int *status)
{
    *status = -EINVAL;
    if (token == NULL)
        return PAWL_READY;
    struct wait request = pawl__token_wait(token);
    return pawl__wait_poll(wait, &request, cx, status);
}
