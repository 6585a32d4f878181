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

/* Where the stack that was left goes on, and what it passed. */
struct transfer {
    void *from;
    void *data;
};

/* Our own switch: what must survive is saved by the compiler, around instructions that say what they destroy. It
 * neither calls nor returns, so where both stacks were left at the same place, as they usually were, the processor
 * predicts the returns to their callers. Shadow stacks, which know of one stack's returns only, and the sanitizers have
 * Boost's. */
#if defined(__x86_64__) && !(defined(__CET__) && (__CET__ & 2)) && !defined(PAWL_ASAN) && !defined(PAWL_TSAN)

/* Suspended, a stack ends in the address at which it goes on; there rax is `from` and rdx `data` of who jumps to it. */
static inline __attribute__((always_inline)) struct transfer jump(void *to, void *data)
{
    struct transfer transfer;
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t" /* over the red zone */
                     "pushq %%rbp\n\t"
                     "pushq %%rbx\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "movq %%rsp, %%rax\n\t"
                     "movq %%rdi, %%rsp\n\t"
                     "popq %%rcx\n\t"
                     "jmp *%%rcx\n"
                     "1:\n\t"
                     "popq %%rbx\n\t"
                     "popq %%rbp\n\t"
                     "leaq 128(%%rsp), %%rsp"
                     : "=&a"(transfer.from), "=d"(transfer.data), "+D"(to)
                     : "d"(data)
                     : "rcx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2",
                       "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
                       "xmm14", "xmm15", "memory", "cc");
    return transfer;
}

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
#define jump jump_fcontext
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
    context->suspended = make(context->bottom + context->size, context->size, entry);
}

/* What fesetround and the like change, which is the thread's: asked for in debug builds only. */
static inline unsigned rounding_mode(void)
{
#if defined(PAWL_DEBUG) && defined(__x86_64__)
    enum { FLAGS = 0x3f };
    return __builtin_ia32_stmxcsr() & ~(unsigned)FLAGS;
#else
    return 0;
#endif
}

void pawl__context_switch(struct context *from, struct context *to, bool for_good)
{
    to->former = from;
    /* for good: no place to save the fake stack, so that it is freed */
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->shadow.fake_stack, to->bottom, to->size);
    shadow_switch(from, to);
    unsigned rounding = rounding_mode();
    struct transfer transfer = jump(to->suspended, to);
    if (rounding_mode() != rounding)
        pawl__fatal("a task has suspended without putting the floating-point environment back");
    arrive(from, transfer.from, from->shadow.fake_stack);
}
