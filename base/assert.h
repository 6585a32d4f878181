/* Assertions of internal invariants.
 *
 * PAWL_ASSERT holds in every build and is for what costs next to nothing; PAWL_DASSERT only in builds with PAWL_DEBUG.
 * Both say the violated sentence through pawl__fatal, which never returns. Arguments of public calls are never
 * asserted: they get an errno. */
#ifndef PAWL_BASE_ASSERT_H
#define PAWL_BASE_ASSERT_H

struct pawl_hooks;

/* Calls the hook that pawl__fatal_hook named on this thread, if any, then aborts. The sentence is found in a core dump,
 * or by the hook; only a debug build writes it to standard error. */
_Noreturn void pawl__fatal(const char *sentence);

/* Names the hooks that an impossible state on the calling thread reports to; NULL: none. */
void pawl__fatal_hook(const struct pawl_hooks *hooks);

#define PAWL__STRING(x) #x
#define PAWL__LINE(x) PAWL__STRING(x)
#define PAWL_ASSERT(condition)                                                                                         \
    ((condition) ? (void)0 : pawl__fatal(__FILE__ ":" PAWL__LINE(__LINE__) ": not true: " #condition))

#ifdef PAWL_DEBUG
#define PAWL_DASSERT(condition) PAWL_ASSERT(condition)
#else
#define PAWL_DASSERT(condition) ((void)sizeof(condition))
#endif

#define PAWL_LIKELY(x) __builtin_expect(!!(x), 1)
#define PAWL_UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
