/* Switching between stacks, and telling the sanitizers and valgrind.
 *
 * A stack is a worker's own (its home stack) or a task's. Whoever runs on one leaves it for another, which goes on
 * where it was left last, or begins. Only there is the former stack known to be left: it may be resumed elsewhere, or
 * used again, from then on.
 *
 * Threads: a stack is used by one thread at a time; the hand-over is made by the task's state word (sched/task.h). */
#ifndef PAWL_SCHED_CONTEXT_H
#define PAWL_SCHED_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/tsan.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PAWL_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PAWL_ASAN 1
#endif

#if defined(__x86_64__) && !defined(__CET__) && !defined(PAWL_ASAN) && !defined(PAWL_TSAN)
#define CONTEXT_OWN_SWITCH 1
#endif

typedef void context_fn(void *arg);

/* What the sanitizers and valgrind want to know of a stack; unused in other builds. */
struct context_shadow {
    void *fiber;      /* ThreadSanitizer's */
    void *fake_stack; /* AddressSanitizer's, saved while away */
    unsigned valgrind_number;
};

/* Zeroed: of a home stack. */
struct context {
    void *suspended;        /* where the stack goes on when resumed */
    struct context *former; /* left for this one */
    char *bottom;           /* lowest usable byte; of a home stack only the sanitizer knows it */
    size_t size;
    context_fn *fn;
    void *arg;
    struct context_shadow shadow;
};

/* bottom and size: the stack's usable memory. */
void pawl__context_init(struct context *context, char *bottom, size_t size);
void pawl__context_fini(struct context *context);

/* Makes the next switch to it start fn(arg) on the empty stack; fn must end with a switch for good. */
void pawl__context_prepare(struct context *context, context_fn *fn, void *arg);

/* Where the stack that was left goes on, and what it passed. */
struct transfer {
    void *from;
    void *data;
};

/* For functions that switch: no optimizer is to take what it sees in them for all that happens there. Other stacks run
 * meanwhile, and may change what looks as if nothing else did, such as a static variable. */
#if defined(__clang__)
#define CONTEXT_SWITCHES __attribute__((noinline))
#else
#define CONTEXT_SWITCHES __attribute__((noipa))
#endif

/* pawl__context_switch: leaves the calling stack, which is `from`, for `to`. Returns when resumed, perhaps on another
 * thread; if it was left for good, never. */
#ifdef CONTEXT_OWN_SWITCH
#ifdef __AVX512F__
#define CONTEXT__AVX512                                                                                                \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",      \
        "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define CONTEXT__AVX512
#endif

/* Suspended, a stack ends in the address at which it goes on; there rax is `from` and rdx `data` of who jumps to it. */
static inline __attribute__((always_inline)) struct transfer context_jump(void *to, void *data)
{
    struct transfer transfer;
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t" /* over the red zone */
                     "pushq %%rbp\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "movq %%rsp, %%rax\n\t"
                     "movq %%rdi, %%rsp\n\t"
                     "popq %%rcx\n\t"
                     "jmp *%%rcx\n"
                     "1:\n\t"
                     "popq %%rbp\n\t"
                     "leaq 128(%%rsp), %%rsp"
                     : "=&a"(transfer.from), "=d"(transfer.data), "+D"(to)
                     : "d"(data)
                     : "rbx", "rcx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",
                       "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                       "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)",
                       "memory", "cc" CONTEXT__AVX512);
    return transfer;
}

/* What fesetround and the like change, which is the thread's: asked for in debug builds only. */
static inline unsigned context_rounding(void)
{
#ifdef PAWL_DEBUG
    enum { FLAGS = 0x3f };
    return __builtin_ia32_stmxcsr() & ~(unsigned)FLAGS;
#else
    return 0;
#endif
}

static inline void pawl__context_switch(struct context *from, struct context *to, bool for_good)
{
    unsigned rounding = context_rounding();
    (void)for_good;
    to->former = from;
    struct transfer transfer = context_jump(to->suspended, to);
    if (context_rounding() != rounding)
        pawl__fatal("a task has suspended without putting the floating-point environment back");
    from->former->suspended = transfer.from;
}
#else
void pawl__context_switch(struct context *from, struct context *to, bool for_good);
#endif

#endif
