/* Memory for the runtime's own structures, from the allocator that its creator named, or libc's. */
#ifndef PAWL_BASE_MEMORY_H
#define PAWL_BASE_MEMORY_H

#include <pawl/runtime.h>
#include <stddef.h>

/* Zeroed, aligned to `alignment` (a power of two); NULL: none. */
void *pawl__memory_alloc(const struct pawl_allocator *allocator, size_t size, size_t alignment);

/* NULL: nothing. size and alignment as given to alloc. */
void pawl__memory_free(const struct pawl_allocator *allocator, void *memory, size_t size, size_t alignment);

#endif
