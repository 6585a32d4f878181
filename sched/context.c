#include "sched/context.h"

#include <stdint.h>

#include "base/assert.h"
#include "base/tsan.h"
#include "base/valgrind.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PAWL_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PAWL_ASAN 1
#endif

/* Boost.Context's C interface, which its C++ headers declare. */
struct transfer {
    void *from; /* where the stack that was left goes on */
    void *data;
};
struct transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size, void (*fn)(struct transfer));

/* jump_fcontext is called, but arrives by a jump, which puts the processor's prediction of returns out of step: each
 * return to the callers on the stack that goes on is then a misprediction. This one arrives by a return.
 * (Not with a shadow stack, which knows of one return only.) */
#if defined(__x86_64__) && !(defined(__CET__) && (__CET__ & 2))
struct transfer pawl__context_jump(void *to, void *data);
__asm__(".text\n"
        ".globl pawl__context_jump\n"
        ".hidden pawl__context_jump\n"
        ".type pawl__context_jump, @function\n"
        "pawl__context_jump:\n"
        "    .cfi_startproc\n"
        "    leaq 1f(%rip), %rax\n"
        "    pushq %rax\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    jmp jump_fcontext@PLT\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "1:  ret\n"
        "    .cfi_endproc\n"
        ".size pawl__context_jump, . - pawl__context_jump\n");
#else
#define pawl__context_jump jump_fcontext
#endif

#ifdef PAWL_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);

static void shadow_init(struct context *context)
{
    context->shadow.fiber = __tsan_create_fiber(0);
}

static void shadow_fini(struct context *context)
{
    __tsan_destroy_fiber(context->shadow.fiber);
}

static void shadow_switch(struct context *from, struct context *to)
{
    from->shadow.fiber = __tsan_get_current_fiber(); /* of a home stack it is not known before */
    __tsan_switch_to_fiber(to->shadow.fiber, 0);     /* 0: synchronizes, as program order does */
}
#else
static void shadow_init(struct context *context)
{
    (void)context;
}
#define shadow_fini shadow_init

static void shadow_switch(struct context *from, struct context *to)
{
    (void)from;
    (void)to;
}
#endif

#ifdef PAWL_ASAN
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size);
void __asan_unpoison_memory_region(const volatile void *address, size_t size);
#else
static void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size)
{
    (void)fake_stack;
    (void)bottom;
    (void)size;
}
static void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size)
{
    (void)fake_stack;
    (void)bottom;
    (void)size;
}
static void __asan_unpoison_memory_region(const volatile void *address, size_t size)
{
    (void)address;
    (void)size;
}
#endif

void pawl__context_init(struct context *context, char *bottom, size_t size)
{
    context->bottom = bottom;
    context->size = size;
    context->shadow.valgrind_number = valgrind_stack_add(bottom, size);
    shadow_init(context);
}

void pawl__context_fini(struct context *context)
{
    shadow_fini(context);
    valgrind_stack_forget(context->shadow.valgrind_number);
    __asan_unpoison_memory_region(context->bottom, context->size);
}

/* On the stack that was switched to. */
static void arrive(struct context *context, void *suspended, void *fake_stack)
{
    struct context *former = context->former;
    const void *bottom = former->bottom;
    __sanitizer_finish_switch_fiber(fake_stack, &bottom, &former->size);
    former->bottom = (char *)bottom;
    former->suspended = suspended;
}

static void entry(struct transfer transfer)
{
    struct context *context = transfer.data;
    arrive(context, transfer.from, NULL);
    context->fn(context->arg);
    pawl__fatal("a task's stack was left by returning");
}

void pawl__context_prepare(struct context *context, context_fn *fn, void *arg)
{
    context->fn = fn;
    context->arg = arg;
    /* frames of the last task on it never returned: their poison is stale */
    __asan_unpoison_memory_region(context->bottom, context->size);
    context->suspended = make_fcontext(context->bottom + context->size, context->size, entry);
}

void pawl__context_switch(struct context *from, struct context *to, bool for_good)
{
    to->former = from;
    /* for good: no place to save the fake stack, so that it is freed */
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->shadow.fake_stack, to->bottom, to->size);
    shadow_switch(from, to);
    struct transfer transfer = pawl__context_jump(to->suspended, to);
    arrive(from, transfer.from, from->shadow.fake_stack);
}
