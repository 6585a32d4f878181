/* What tasks wait on, from C++: std::lock_guard over a mutex, and a channel of a type.
 *
 * Items are copied byte by byte, so their type is to be trivially copyable; for anything else send a pointer. */
#include <pawl/pawl.h>

#include <cstdio>
#include <mutex>
#include <optional>
#include <system_error>
#include <type_traits>

/* Fits std::lock_guard, std::unique_lock, std::scoped_lock. */
class Mutex
{
  public:
    Mutex() = default;
    Mutex(const Mutex &) = delete;
    Mutex &operator=(const Mutex &) = delete;
    ~Mutex()
    {
        pawl_mutex_fini(&mutex_);
    }

    void lock()
    {
        if (int error = pawl_mutex_lock(&mutex_))
            throw std::system_error(-error, std::generic_category(), "pawl_mutex_lock");
    }
    bool try_lock()
    {
        return pawl_mutex_try_lock(&mutex_);
    }
    void unlock()
    {
        pawl_mutex_unlock(&mutex_);
    }

  private:
    pawl_mutex mutex_ = PAWL_MUTEX_INITIALIZER;
};

template <typename Item> class Channel
{
    static_assert(std::is_trivially_copyable_v<Item>);

  public:
    explicit Channel(std::size_t capacity)
    {
        if (int error = pawl_channel_create(&channel_, capacity, sizeof(Item)))
            throw std::system_error(-error, std::generic_category(), "pawl_channel_create");
    }
    Channel(const Channel &) = delete;
    Channel &operator=(const Channel &) = delete;
    ~Channel()
    {
        pawl_channel_destroy(channel_);
    }

    bool send(const Item &item)
    {
        return pawl_channel_send(channel_, &item) == 0;
    }
    void close()
    {
        pawl_channel_close(channel_);
    }

    /* Nothing: it is closed and empty, or the task was cancelled. */
    std::optional<Item> receive()
    {
        Item item;
        return pawl_channel_receive(channel_, &item) == 0 ? std::optional<Item>(item) : std::nullopt;
    }

  private:
    pawl_channel *channel_ = nullptr;
};

struct Shop {
    Channel<int> orders{4};
    Mutex mutex;
    int sum = 0; /* guarded by it */
};

static void *serve(void *arg)
try {
    auto &shop = *static_cast<Shop *>(arg);
    while (auto order = shop.orders.receive()) {
        std::lock_guard<Mutex> guard(shop.mutex);
        shop.sum += *order;
    }
    return nullptr;
} catch (const std::system_error &) {
    return nullptr; /* cancelled while it waited for the mutex; exceptions must not leave a task */
}

static void *open_shop(void *arg)
{
    auto &shop = *static_cast<Shop *>(arg);
    pawl_task *tasks[3];
    for (auto &task : tasks)
        if (pawl_spawn(nullptr, serve, arg, &task) != 0)
            return nullptr;
    for (int i = 1; i <= 100; i++)
        if (!shop.orders.send(i))
            break;
    shop.orders.close();
    for (auto *task : tasks)
        pawl_join(task, nullptr);
    return nullptr;
}

/* The initialisers are C++ too. */
static pawl_condition condition = PAWL_CONDITION_INITIALIZER;
static pawl_rwlock rwlock = PAWL_RWLOCK_INITIALIZER;
static pawl_semaphore semaphore = PAWL_SEMAPHORE_INITIALIZER(3);
static pawl_notify notify = PAWL_NOTIFY_INITIALIZER;
static pawl_barrier barrier = PAWL_BARRIER_INITIALIZER(2);
static pawl_once once = PAWL_ONCE_INITIALIZER;
static pawl_oneshot oneshot = PAWL_ONESHOT_INITIALIZER;
static pawl_wait wait_of_none = PAWL_WAIT_INITIALIZER;

static bool end_them()
{
    bool three = pawl_semaphore_available(&semaphore) == 3;
    return three && pawl_wait_cancel(&wait_of_none) == 0 && pawl_condition_fini(&condition) == 0 &&
           pawl_rwlock_fini(&rwlock) == 0 && pawl_semaphore_fini(&semaphore) == 0 && pawl_notify_fini(&notify) == 0 &&
           pawl_barrier_fini(&barrier) == 0 && pawl_once_fini(&once) == 0 && pawl_oneshot_fini(&oneshot) == 0;
}

int main()
{
    Shop shop; /* outlives the tasks: when pawl_run has returned none is left */
    if (pawl_run(nullptr, open_shop, &shop, nullptr) != 0)
        return 1;
    std::printf("the orders come to %d\n", shop.sum);
    return shop.sum == 5050 && end_them() ? 0 : 1;
}
