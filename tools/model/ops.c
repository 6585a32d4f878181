/* Operations: loads, stores, read-modify-writes and fences, and what is made of them.
 *
 * A mutex is a word that is 0 or 1; a queue of waiting threads (of a futex, of a condition variable) is a word of four
 * bits a thread, first come lowest; time is a word that only grows. They are locations like any other, so the search
 * needs to know nothing of them. */
#include <string.h>

#include "tools/model/checker.h"

static bool acquires(unsigned order)
{
    return order == MODEL_ACQUIRE || order == MODEL_ACQ_REL || order == MODEL_SEQ_CST;
}

static bool releases(unsigned order)
{
    return order == MODEL_RELEASE || order == MODEL_ACQ_REL || order == MODEL_SEQ_CST;
}

static uint64_t mask(unsigned size)
{
    return size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
}

/* ---- loads and stores as events ---- */

/* What a load is for. */
struct load {
    unsigned flags;
    bool (*satisfied)(uint64_t value, uint64_t argument); /* AWAIT: may it go on? UPDATE: will it store? NULL: always */
    uint64_t argument;
    enum model_order order, otherwise; /* otherwise: if an update does not store */
};

/* So many loads in a row without anything else are a loop that waits. */
static void check_loop(const struct model_site *site)
{
    enum { LOADS_MAX = 300 };
    const struct thread *thread = checker->running;
    char place[200];
    if (thread->executed - thread->round_start < LOADS_MAX)
        return;
    report_place(place, sizeof place, site);
    run_found(MODEL_LIVELOCK,
              "thread %u goes round a loop at %s; if it waits for another thread, call model_yield there", self(),
              place);
}

static struct step *read_event(uint32_t index, const struct load *load, const struct model_site *site)
{
    ops_flush_plain();
    check_loop(site);
    struct step *step = run_turn(EVENT_READ, site);
    bool new = step == NULL;
    if (new)
        step = run_append(EVENT_READ, site);
    else if (step->event.argument != index)
        run_found(MODEL_CRASH, "an execution could not be repeated: %s:%d accesses another object", site->file,
                  site->line);
    step->event.argument = index;
    step->event.flags = (uint8_t)load->flags;
    if (new)
        explore_read(step, load->satisfied, load->argument);
    struct thread *thread = checker->running;
    struct location *location = &checker->locations[index];
    step->event.value = graph_value(location, step->event.rf);
    bool goes_on = load->satisfied == NULL || load->satisfied(step->event.value, load->argument);
    enum model_order order = goes_on ? load->order : load->otherwise;
    step->event.order = (uint8_t)order;
    if (!goes_on && (load->flags & FLAG_AWAIT) == 0)
        step->event.flags = 0; /* no update after all */
    if (step->event.rf != REF_INITIAL) {
        const struct step *write = step_of(step->event.rf);
        vector_join(acquires(order) ? &thread->hb : &thread->pending, &write->release);
        vector_join(&thread->porf, &write->porf);
    }
    graph_add_read(location, ref_of(self(), (unsigned)(step - thread->steps)));
    run_executed(step); /* first: what is found next is judged and reported with it */
    if ((location->address & VIRTUAL) == 0)
        memory_atomic(location->address, location->size, false, site);
    return step;
}

/* Memory holds the newest of the stores executed so far, in a replay too: plain loads look there. */
static bool is_newest_so_far(const struct location *location, event_ref write)
{
    for (unsigned i = location->write_count; location->writes[i - 1] != write; i--)
        if (checker->threads[ref_thread(location->writes[i - 1])].executed > ref_index(location->writes[i - 1]))
            return false;
    return true;
}

static void write_event(uint32_t index, uint64_t value, enum model_order order, const struct step *update,
                        const struct model_site *site)
{
    struct step *step = run_turn(EVENT_WRITE, site);
    bool new = step == NULL;
    if (new)
        step = run_append(EVENT_WRITE, site);
    else if (step->event.argument != index)
        run_found(MODEL_CRASH, "an execution could not be repeated: %s:%d accesses another object", site->file,
                  site->line);
    struct thread *thread = checker->running;
    step->event.argument = index;
    step->event.order = (uint8_t)order;
    step->event.flags = update != NULL ? FLAG_UPDATE : 0;
    step->event.value = value & mask(checker->locations[index].size);
    step->porf = thread->porf;
    step->release = releases(order) ? thread->hb : thread->fence;
    if (order == MODEL_PLAIN)
        step->release = (struct vector){{0}};
    if (update != NULL && update->event.rf != REF_INITIAL) /* it continues the release sequence */
        vector_join(&step->release, &step_of(update->event.rf)->release);
    if (new)
        explore_write(step);
    struct location *location = &checker->locations[index];
    run_executed(step);
    if ((location->address & VIRTUAL) == 0) {
        if (order != MODEL_PLAIN)
            memory_atomic(location->address, location->size, true, site);
        if (is_newest_so_far(location, ref_of(self(), (unsigned)(step - thread->steps))))
            memcpy((void *)location->address, &step->event.value, location->size);
    }
}

uint64_t ops_load(uint32_t location, enum model_order order, const struct model_site *site)
{
    return read_event(location, &(struct load){.order = order}, site)->event.value;
}

void ops_store(uint32_t location, uint64_t value, enum model_order order, const struct model_site *site)
{
    ops_flush_plain();
    write_event(location, value, order, NULL, site);
}

uint64_t ops_update(uint32_t location, enum model_order order, bool (*stores)(uint64_t, uint64_t), update_fn *apply,
                    uint64_t argument, const struct model_site *site)
{
    struct load load = {FLAG_UPDATE, stores, argument, order, MODEL_RELAXED};
    struct step *read = read_event(location, &load, site);
    uint64_t old = read->event.value;
    if ((read->event.flags & FLAG_UPDATE) != 0)
        write_event(location, apply(old, argument), order, read, site);
    return old;
}

uint64_t ops_await(uint32_t location, enum model_order order, bool (*satisfied)(uint64_t, uint64_t), uint64_t argument,
                   bool timed, uint32_t other, const struct model_site *site)
{
    struct thread *thread = checker->running;
    struct load load = {FLAG_AWAIT, satisfied, argument, order, MODEL_RELAXED};
    uint64_t value = read_event(location, &load, site)->event.value;
    if (satisfied(value, argument))
        return value;
    thread->satisfied = satisfied;
    thread->satisfied_argument = argument;
    thread->timed = timed;
    thread->other = other;
    run_block(THREAD_AWAITING);
}

unsigned ops_choose(unsigned count, bool deviates, const struct model_site *site)
{
    ops_flush_plain();
    struct step *step = run_turn(EVENT_CHOICE, site);
    if (step == NULL) {
        step = run_append(EVENT_CHOICE, site);
        step->event.choices = (uint8_t)count;
        step->event.argument = explore_choice(step, count, deviates);
    }
    run_executed(step);
    return step->event.argument;
}

/* ---- plain stores to what is atomic elsewhere ---- */

void ops_plain_store(uint32_t location)
{
    struct thread *thread = checker->running;
    for (unsigned i = 0; i < thread->plain_count; i++)
        if (thread->plain[i] == location)
            return;
    if (thread->plain_count == sizeof thread->plain / sizeof thread->plain[0])
        run_found(MODEL_CRASH, "one plain store writes to more than %u atomic objects", thread->plain_count);
    thread->plain[thread->plain_count++] = location;
}

/* The instrumentation calls before the store: its value can be had at the next event. */
void ops_flush_plain(void)
{
    static const struct model_site site = {.file = "", .what = "plain store"};
    struct thread *thread = checker->running;
    while (thread->plain_count > 0) {
        uint32_t index = thread->plain[--thread->plain_count];
        uint64_t value = 0;
        memcpy(&value, (const void *)checker->locations[index].address, checker->locations[index].size);
        write_event(index, value, MODEL_PLAIN, NULL, &site);
    }
}

/* ---- atomic objects ---- */

static void check_size(unsigned size)
{
    if (size != 1 && size != 2 && size != 4 && size != 8)
        run_found(MODEL_CRASH, "atomic objects of %u bytes are not modelled", size);
}

static bool enter(void)
{
    if (checker->running == NULL || checker->inside || checker->direct)
        return false;
    checker->inside = true;
    return true;
}

static void leave(void)
{
    checker->inside = false;
}

uint64_t model__load(const volatile void *object, unsigned size, enum model_order order, struct model_site site)
{
    uint64_t value = 0;
    if (!enter()) {
        memcpy(&value, (const void *)(uintptr_t)object, size);
        return value;
    }
    check_size(size);
    value = ops_load(graph_location((uintptr_t)object, size, site.what), order, &site);
    leave();
    return value;
}

void model__store(volatile void *object, unsigned size, uint64_t value, enum model_order order, struct model_site site)
{
    if (!enter()) {
        memcpy((void *)(uintptr_t)object, &value, size);
        return;
    }
    check_size(size);
    ops_store(graph_location((uintptr_t)object, size, site.what), value, order, &site);
    leave();
}

static uint64_t exchange(uint64_t old, uint64_t argument)
{
    (void)old;
    return argument;
}
static uint64_t add(uint64_t old, uint64_t argument)
{
    return old + argument;
}
static uint64_t subtract(uint64_t old, uint64_t argument)
{
    return old - argument;
}
static uint64_t and (uint64_t old, uint64_t argument)
{
    return old & argument;
}
static uint64_t or (uint64_t old, uint64_t argument)
{
    return old | argument;
}
static uint64_t xor (uint64_t old, uint64_t argument) { return old ^ argument; } static uint64_t
    nand(uint64_t old, uint64_t argument)
{
    return ~(old & argument);
}
static update_fn *const updates[] = {exchange, add, subtract, and, or, xor, nand};

uint64_t model__update(volatile void *object, unsigned size, enum model_update update, uint64_t operand,
                       enum model_order order, struct model_site site)
{
    if (!enter()) {
        uint64_t old = 0, value;
        memcpy(&old, (const void *)(uintptr_t)object, size);
        value = updates[update](old, operand);
        memcpy((void *)(uintptr_t)object, &value, size);
        return old;
    }
    check_size(size);
    uint64_t old =
        ops_update(graph_location((uintptr_t)object, size, site.what), order, NULL, updates[update], operand, &site);
    leave();
    return old;
}

/* Once in a while for nothing, as many times as the scenario asks for. */
static bool fails_spuriously(const struct model_site *site)
{
    struct thread *thread = checker->running;
    if (thread->spurious >= checker->scenario->spurious || ops_choose(2, true, site) == 0)
        return false;
    thread->spurious++;
    return true;
}

static bool equals(uint64_t value, uint64_t argument)
{
    return value == argument;
}

static bool cas(uint32_t location, uint64_t *expected, uint64_t value, enum model_order success,
                enum model_order failure, const struct model_site *site)
{
    struct load load = {FLAG_UPDATE, equals, *expected, success, failure};
    struct step *read = read_event(location, &load, site);
    *expected = read->event.value;
    if ((read->event.flags & FLAG_UPDATE) == 0)
        return false;
    write_event(location, value, success, read, site);
    return true;
}

bool model__cas(volatile void *object, unsigned size, void *expected, uint64_t value, enum model_order success,
                enum model_order failure, bool weak, struct model_site site)
{
    uint64_t seen = 0, wanted = 0;
    memcpy(&wanted, expected, size);
    if (!enter()) {
        memcpy(&seen, (const void *)(uintptr_t)object, size);
        if (seen == wanted)
            memcpy((void *)(uintptr_t)object, &value, size);
        else
            memcpy(expected, &seen, size);
        return seen == wanted;
    }
    check_size(size);
    uint32_t location = graph_location((uintptr_t)object, size, site.what);
    bool done;
    if (weak && fails_spuriously(&site)) {
        /* where it sees anything else it fails for a reason, which is visited elsewhere: as if it waited for ever */
        seen = ops_await(location, failure, equals, wanted, true, location, &site);
        done = false;
    } else {
        seen = wanted;
        done = cas(location, &seen, value, success, failure, &site);
    }
    if (!done)
        memcpy(expected, &seen, size);
    leave();
    return done;
}

void model__fence(enum model_order order, struct model_site site)
{
    if (!enter())
        return;
    ops_flush_plain();
    struct step *step = run_turn(EVENT_FENCE, &site);
    if (step == NULL)
        step = run_append(EVENT_FENCE, &site);
    struct thread *thread = checker->running;
    step->event.order = (uint8_t)order;
    if (order == MODEL_ACQUIRE || order == MODEL_ACQ_REL || order == MODEL_SEQ_CST || order == MODEL_HEAVY)
        vector_join(&thread->hb, &thread->pending);
    if (order == MODEL_RELEASE || order == MODEL_ACQ_REL || order == MODEL_SEQ_CST || order == MODEL_HEAVY)
        thread->fence = thread->hb;
    run_executed(step);
    leave();
}

/* ---- mutexes ---- */

uint32_t ops_virtual(const volatile void *address, unsigned size, const char *name)
{
    return graph_location((uintptr_t)address | VIRTUAL, size, name);
}

static bool is_zero(uint64_t value, uint64_t argument)
{
    (void)argument;
    return value == 0;
}

static void lock_word(uint32_t location, const struct model_site *site)
{
    struct thread *thread = checker->running;
    struct load load = {FLAG_UPDATE | FLAG_AWAIT, is_zero, 0, MODEL_ACQUIRE, MODEL_RELAXED};
    struct step *read = read_event(location, &load, site);
    if (read->event.value != 0) {
        thread->satisfied = is_zero;
        thread->timed = false;
        thread->other = location;
        run_block(THREAD_AWAITING);
    }
    write_event(location, 1, MODEL_ACQUIRE, read, site);
}

static bool try_lock_word(uint32_t location, const struct model_site *site)
{
    return ops_update(location, MODEL_ACQUIRE, is_zero, exchange, 1, site) == 0;
}

void ops_lock(const volatile void *mutex, const struct model_site *site)
{
    lock_word(ops_virtual(mutex, 4, "mutex"), site);
}

bool ops_try_lock(const volatile void *mutex, const struct model_site *site)
{
    return try_lock_word(ops_virtual(mutex, 4, "mutex"), site);
}

void ops_unlock(const volatile void *mutex, const struct model_site *site)
{
    ops_store(ops_virtual(mutex, 4, "mutex"), 0, MODEL_RELEASE, site);
}

void model__lock(volatile void *object, struct model_site site)
{
    uint32_t held = 0;
    if (!enter()) {
        memcpy(&held, (const void *)(uintptr_t)object, sizeof held);
        if (held != 0 && checker->running != NULL && !checker->inside)
            run_found(MODEL_DEADLOCK, "thread 0 locks what it holds");
        held = 1;
        memcpy((void *)(uintptr_t)object, &held, sizeof held);
        return;
    }
    lock_word(graph_location((uintptr_t)object, 4, site.what), &site);
    leave();
}

bool model__try_lock(volatile void *object, struct model_site site)
{
    uint32_t held = 0;
    if (!enter()) {
        memcpy(&held, (const void *)(uintptr_t)object, sizeof held);
        if (held != 0)
            return false;
        held = 1;
        memcpy((void *)(uintptr_t)object, &held, sizeof held);
        return true;
    }
    bool taken = try_lock_word(graph_location((uintptr_t)object, 4, site.what), &site);
    leave();
    return taken;
}

void model__unlock(volatile void *object, struct model_site site)
{
    uint32_t held = 0;
    if (!enter()) {
        memcpy((void *)(uintptr_t)object, &held, sizeof held);
        return;
    }
    ops_store(graph_location((uintptr_t)object, 4, site.what), 0, MODEL_RELEASE, &site);
    leave();
}

/* ---- queues of waiting threads ----
 *
 * What they promise: who joins after a wake sees what the waker had stored before it, so that a look at the word
 * between joining and waiting is decisive. Being woken orders nothing. */

static bool queue_has(uint64_t queue, uint64_t thread)
{
    for (; queue != 0; queue >>= 4)
        if ((queue & 15) == thread + 1)
            return true;
    return false;
}

static bool queue_has_not(uint64_t queue, uint64_t thread)
{
    return !queue_has(queue, thread);
}

static uint64_t queue_append(uint64_t queue, uint64_t thread)
{
    unsigned shift = 0;
    while (queue >> shift != 0)
        shift += 4;
    return queue | (thread + 1) << shift;
}

static uint64_t queue_remove(uint64_t queue, uint64_t thread)
{
    uint64_t left = 0;
    unsigned shift = 0;
    for (uint64_t rest = queue; rest != 0; rest >>= 4)
        if ((rest & 15) != thread + 1) {
            left |= (rest & 15) << shift;
            shift += 4;
        }
    return left;
}

static uint64_t queue_drop_first(uint64_t queue, uint64_t count)
{
    return count >= 16 ? 0 : queue >> 4 * count;
}

void ops_queue_join(const volatile void *key, const struct model_site *site)
{
    ops_update(ops_virtual(key, 8, "waiters"), MODEL_ACQUIRE, NULL, queue_append, self(), site);
}

bool ops_queue_leave(const volatile void *key, const struct model_site *site)
{
    uint64_t queue = ops_update(ops_virtual(key, 8, "waiters"), MODEL_RELAXED, NULL, queue_remove, self(), site);
    return queue_has(queue, self());
}

bool ops_may_expire(void)
{
    return checker->running->expirations < checker->scenario->expirations;
}

enum wait_end ops_queue_wait(const volatile void *key, uint64_t deadline_ns, const struct model_site *site)
{
    struct thread *thread = checker->running;
    bool may_be_spurious = thread->spurious < checker->scenario->spurious;
    bool timed = deadline_ns != UINT64_MAX && ops_may_expire();
    /* to expire is no deviation: by default nobody waits for ever */
    bool expires = timed && ops_choose(2, false, site) == 1;
    bool is_spurious = !expires && may_be_spurious && ops_choose(2, true, site) == 1;
    if (!expires && !is_spurious) {
        uint32_t queue = ops_virtual(key, 8, "waiters");
        ops_await(queue, MODEL_RELAXED, queue_has_not, self(), timed, queue, site);
        return WAIT_WOKEN;
    }
    enum wait_end end = WAIT_EXPIRED;
    if (is_spurious) {
        thread->spurious++;
        end = WAIT_SPURIOUS;
    } else {
        ops_now_at_least(deadline_ns, site);
    }
    if (!ops_queue_leave(key, site))
        return WAIT_WOKEN_LATE;
    thread->expirations += end == WAIT_EXPIRED;
    return end;
}

unsigned ops_queue_wake(const volatile void *key, unsigned count, const struct model_site *site)
{
    unsigned woken = 0;
    uint64_t queue = ops_update(ops_virtual(key, 8, "waiters"), MODEL_RELEASE, NULL, queue_drop_first, count, site);
    for (; queue != 0 && woken < count; queue >>= 4)
        woken++;
    return woken;
}

/* ---- time ---- */

static uint32_t time_location(void)
{
    return ops_virtual(&checker->time_base, 8, "time");
}

uint64_t ops_now(const struct model_site *site)
{
    return checker->time_base + (checker->direct ? 0 : ops_load(time_location(), MODEL_RELAXED, site));
}

static bool is_below(uint64_t value, uint64_t argument)
{
    return value < argument;
}

void ops_now_at_least(uint64_t ns, const struct model_site *site)
{
    if (ns > checker->time_base) /* else that time has come */
        ops_update(time_location(), MODEL_RELAXED, is_below, exchange, ns - checker->time_base, site);
}

/* ---- the scenario's own ---- */

uint64_t model_time(void)
{
    static const struct model_site site = {.file = "", .what = "now"};
    if (!enter())
        return checker->time_base;
    uint64_t now = ops_now(&site);
    leave();
    return now;
}

void model_time_advance(uint64_t ns)
{
    static const struct model_site site = {.file = "", .what = "time passes"};
    if (!enter()) {
        checker->time_base += ns;
        return;
    }
    ops_update(time_location(), MODEL_RELAXED, NULL, add, ns, &site);
    leave();
}

unsigned model_choose(unsigned count)
{
    struct model_site site = {.what = "choice", .pc = __builtin_return_address(0)};
    if (count == 0 || count > CHOICES_MAX)
        model_fail("", 0, "model_choose: count is 0 or too large");
    if (checker->running == NULL || checker->inside)
        return 0;
    if (checker->direct) /* a choice is an event, and so must be found again */
        checker->direct = false;
    checker->inside = true;
    unsigned choice = ops_choose(count, true, &site);
    checker->inside = false;
    return choice;
}

void model_yield(void)
{
    if (!enter())
        return;
    ops_flush_plain();
    struct thread *thread = checker->running;
    if (thread->round_start < thread->executed)
        run_spin();
    leave();
}

void model_pause(void)
{
    if (!enter())
        return;
    ops_flush_plain();
    struct thread *thread = checker->running;
    if (thread->pauses++ == checker->scenario->pauses) {
        checker->statistics.cut = true;
        thread->timed = true; /* others go on: what they store may let it do with fewer */
        run_block(THREAD_AWAITING);
    }
    thread->paused = true;
    leave();
}

unsigned model_spawn(void (*fn)(void *), void *arg)
{
    struct model_site site = {.what = "starts a thread", .pc = __builtin_return_address(0)};
    checker->inside = true;
    unsigned thread = run_spawn(fn, NULL, arg, &site);
    checker->inside = false;
    return thread;
}

void model_join(unsigned thread)
{
    struct model_site site = {.what = "joins a thread", .pc = __builtin_return_address(0)};
    checker->inside = true;
    run_join(thread, &site);
    checker->inside = false;
}

void model_fence_light(void)
{
    model__fence(MODEL_LIGHT, (struct model_site){.what = "light fence", .pc = __builtin_return_address(0)});
}

void model_fence_heavy(void)
{
    model__fence(MODEL_HEAVY, (struct model_site){.what = "heavy fence", .pc = __builtin_return_address(0)});
}
