#include <pawl/pawl.h>

static_assert(PAWL_MS(1) == 1'000'000);

int main()
{
    int number = 1;
    void *result = nullptr;
    auto add_one = [](void *arg) -> void * {
        *static_cast<int *>(arg) += 1;
        return arg;
    };
    int error = pawl_run(nullptr, add_one, &number, &result);

    return error == 0 && result == &number && number == 2 ? 0 : 1;
}
