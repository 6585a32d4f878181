#include "sched/context.h"

#include <stdint.h>

#include "base/assert.h"
#include "base/tsan.h"
#include "base/valgrind.h"

#ifdef CONTEXT_OWN_SWITCH
/* The bottom of a stack: has no caller, and passes rax and rdx on. */
void pawl__context_bottom(void);
__asm__(".text\n"
        ".globl pawl__context_bottom\n"
        ".hidden pawl__context_bottom\n"
        ".type pawl__context_bottom, @function\n"
        "pawl__context_bottom:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined rip\n"
        "    movq %rax, %rdi\n"
        "    movq %rdx, %rsi\n"
        "    xorl %ebp, %ebp\n"
        "    popq %rax\n"
        "    call *%rax\n"
        "    hlt\n"
        "    .cfi_endproc\n"
        ".size pawl__context_bottom, . - pawl__context_bottom\n");

static void *make(char *top, size_t size, void (*fn)(struct transfer))
{
    (void)size;
    uintptr_t *stack = (uintptr_t *)(void *)(top - ((uintptr_t)top & 15));
    *--stack = (uintptr_t)fn; /* called with the stack aligned to 16 */
    *--stack = (uintptr_t)pawl__context_bottom;
    return stack;
}
#else
/* Boost.Context's C interface, which its C++ headers declare. It keeps floating-point control words, too. */
struct transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size, void (*fn)(struct transfer));
#define make make_fcontext
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

#ifndef CONTEXT_OWN_SWITCH
static void shadow_switch(struct context *from, struct context *to)
{
    (void)from;
    (void)to;
}
#endif
#endif

#ifdef PAWL_ASAN
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size);
void __asan_unpoison_memory_region(const volatile void *address, size_t size);
#else
#ifndef CONTEXT_OWN_SWITCH
static void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size)
{
    (void)fake_stack;
    (void)bottom;
    (void)size;
}
#endif
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
    context->suspended = make(context->bottom + context->size, context->size, entry);
}

#ifndef CONTEXT_OWN_SWITCH
void pawl__context_switch(struct context *from, struct context *to, bool for_good)
{
    to->former = from;
    /* for good: no place to save the fake stack, so that it is freed */
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->shadow.fake_stack, to->bottom, to->size);
    shadow_switch(from, to);
    struct transfer transfer = jump_fcontext(to->suspended, to);
    arrive(from, transfer.from, from->shadow.fake_stack);
}
#endif
