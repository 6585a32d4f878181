#define _GNU_SOURCE
#include "base/fence.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

static long membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0);
}

void pawl__fences_init(struct fences *fences)
{
    fences->asymmetric = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

void pawl__fence_heavy(const struct fences *fences)
{
    if (!fences->asymmetric)
        fence_full();
    else if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0)
        pawl__fatal("membarrier failed after it was registered");
}
