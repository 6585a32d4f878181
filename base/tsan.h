/* Names for ThreadSanitizer the happens-before edges of libraries that it cannot see into. Nothing in other builds. */
#ifndef PAWL_BASE_TSAN_H
#define PAWL_BASE_TSAN_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PAWL_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define PAWL_TSAN 1
#endif

#ifdef PAWL_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define TSAN_ACQUIRE(address) __tsan_acquire(address)
#define TSAN_RELEASE(address) __tsan_release(address)
#else
#define TSAN_ACQUIRE(address) ((void)(address))
#define TSAN_RELEASE(address) ((void)(address))
#endif

#endif
