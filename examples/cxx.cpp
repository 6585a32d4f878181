/* From C++: callables as tasks, and a handle that joins.
 *
 * The headers are C++17 as they are. Three rules: no exception leaves a task, so a wrapper catches it and hands it to
 * whoever joins; a task's objects live on its own stack and are destroyed there; a thread_local's address does not
 * survive a suspension. */
#include <pawl/pawl.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

class Task
{
  public:
    explicit Task(std::function<int()> body) : state_(new State{std::move(body), 0, nullptr})
    {
        int error = pawl_spawn(nullptr, run, state_, &task_);
        if (error != 0) {
            delete state_;
            throw std::system_error(-error, std::generic_category(), "pawl_spawn");
        }
    }

    Task(Task &&other) noexcept
        : state_(std::exchange(other.state_, nullptr)), task_(std::exchange(other.task_, nullptr))
    {
    }

    Task(const Task &) = delete;
    Task &operator=(const Task &) = delete;
    Task &operator=(Task &&) = delete;

    ~Task()
    {
        wait();
        delete state_;
    }

    /* What the body returned, or what it threw. */
    int get()
    {
        wait();
        if (state_->thrown)
            std::rethrow_exception(state_->thrown);
        return state_->value;
    }

  private:
    struct State {
        std::function<int()> body;
        int value;
        std::exception_ptr thrown;
    };

    static void *run(void *arg)
    {
        auto *state = static_cast<State *>(arg);
        try {
            state->value = state->body();
        } catch (...) {
            state->thrown = std::current_exception();
        }
        return nullptr;
    }

    /* Under a shield, because the task uses *state_ until it has ended. */
    void wait()
    {
        if (task_ == nullptr)
            return;
        pawl_shield_begin();
        pawl_join(std::exchange(task_, nullptr), nullptr);
        pawl_shield_end();
    }

    State *state_;
    pawl_task *task_ = nullptr;
};

static int start()
{
    std::vector<Task> tasks;
    for (int i = 1; i <= 10; i++)
        tasks.emplace_back([i] {
            pawl_sleep(PAWL_MS(11 - i));
            return i * i;
        });
    int sum =
        std::accumulate(tasks.begin(), tasks.end(), 0, [](int so_far, Task &task) { return so_far + task.get(); });

    std::string caught;
    Task thrower([]() -> int { throw std::runtime_error("from a task"); });
    try {
        thrower.get();
    } catch (const std::runtime_error &error) {
        caught = error.what();
    }

    std::printf("the sum is %d, caught an error %s\n", sum, caught.c_str());
    return sum == 385 && caught == "from a task" ? 0 : 1;
}

static void *start_task(void *status)
{
    try {
        *static_cast<int *>(status) = start();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
    }
    return nullptr;
}

int main()
{
    int status = 1;
    return pawl_run(nullptr, start_task, &status, nullptr) == 0 ? status : 1;
}
