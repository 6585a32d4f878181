/* What a person reads. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/model/checker.h"

const char *report_verdict(enum model_verdict verdict)
{
    static const char *const names[] = {"clean",    "assertion", "data race",     "deadlock",
                                        "livelock", "leak",      "memory misuse", "crash"};
    return names[verdict];
}

extern char __executable_start[];

static bool is_position_independent(void)
{
    return (uintptr_t)__executable_start > UINT64_C(0x10000000);
}

/* The shell's answer, without its line end; false: none. */
static bool ask(const char *command, char *text, size_t size)
{
    FILE *pipe = popen(command, "r");
    if (pipe == NULL)
        return false;
    bool found = false;
    while (fgets(text, (int)size, pipe) != NULL) {
        text[strcspn(text, "\n")] = '\0';
        char *parenthesis = strstr(text, " (");
        if (parenthesis != NULL)
            *parenthesis = '\0';
        found = strchr(text, ':') != NULL && strchr(text, '?') == NULL;
        if (found && strstr(text, "base/atomic.h") == NULL)
            break; /* the innermost line that is not the veneer over atomics */
    }
    while (fgetc(pipe) != EOF) {
    }
    pclose(pipe);
    return found;
}

/* Source line of an instruction, by addr2line; its address, if that knows none. */
void report_pc(char *text, size_t size, const void *pc)
{
    char program[512], command[1024];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    snprintf(text, size, "%p", pc);
    if (pc == NULL || length <= 0)
        return;
    program[length] = '\0';
    uintptr_t address = (uintptr_t)pc - 1 - (is_position_independent() ? (uintptr_t)__executable_start : 0);
    snprintf(command, sizeof command, "addr2line -i -e '%s' 0x%lx 2>/dev/null", program, (unsigned long)address);
    if (!ask(command, text, size))
        snprintf(text, size, "%p", pc);
    else if (strncmp(text, "./", 2) == 0)
        memmove(text, text + 2, strlen(text + 2) + 1);
}

void report_place(char *text, size_t size, const struct model_site *site)
{
    if (site->file != NULL && site->line > 0)
        snprintf(text, size, "%s:%d", site->file, site->line);
    else if (site->file != NULL)
        text[0] = '\0';
    else
        report_pc(text, size, site->pc);
}

static void print_place(FILE *out, const struct model_site *site)
{
    char text[300];
    report_place(text, sizeof text, site);
    size_t length = strlen(text);
    fprintf(out, "%-34s ", length > 34 ? text + length - 34 : text);
}

static const char *const order_names[] = {"relaxed", "acquire", "release", "acq_rel",
                                          "seq_cst", "light",   "heavy",   "plain"};

static unsigned order_number(event_ref ref)
{
    for (unsigned i = 0; i < checker->order_count; i++)
        if (checker->order[i] == ref)
            return i + 1;
    return 0;
}

/* The static object at an address, as nm names it; false: none. */
static bool find_symbol(uintptr_t address, char *text, size_t size)
{
    char program[512], command[600], line[512], name[256];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    bool found = false;
    if (length <= 0)
        return false;
    program[length] = '\0';
    snprintf(command, sizeof command, "nm -S --defined-only '%s' 2>/dev/null", program);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL)
        return false;
    address -= is_position_independent() ? (uintptr_t)__executable_start : 0;
    while (fgets(line, sizeof line, pipe) != NULL) {
        unsigned long start, extent;
        char type;
        if (sscanf(line, "%lx %lx %c %255s", &start, &extent, &type, name) != 4 || strchr("bBdD", type) == NULL ||
            address - start >= extent)
            continue;
        if (address == start)
            snprintf(text, size, "%s", name);
        else
            snprintf(text, size, "%s+%lu", name, (unsigned long)(address - start));
        found = true;
    }
    pclose(pipe);
    return found;
}

extern char __data_start[], _end[];

/* An object is called what the source calls it where it was first seen, or, if that is unknown, by its symbol. */
static void print_object(FILE *out, uint32_t index)
{
    struct location *location = &checker->locations[index];
    char symbol[300];
    bool is_static = location->address >= (uintptr_t)__data_start && location->address < (uintptr_t)_end;
    if (is_static && !location->named && find_symbol(location->address, symbol, sizeof symbol)) {
        char *name = checker_alloc(strlen(symbol) + 1); /* kept until the end */
        location->name = strcpy(name, symbol);
    }
    location->named = true;
    fprintf(out, "%s [%c%u]", location->name != NULL ? location->name : "object",
            (location->address & VIRTUAL) != 0 ? '@' : '#', index);
}

/* Was a newer store there already? */
static void print_source(FILE *out, event_ref ref, const struct step *step)
{
    const struct location *location = &checker->locations[step->event.argument];
    unsigned position = graph_position(location, step->event.rf), newer = 0;
    for (unsigned i = position; i < location->write_count; i++)
        newer += order_number(location->writes[i]) < order_number(ref) &&
                 !((step->event.flags & FLAG_UPDATE) != 0 && step_of(location->writes[i]) == step + 1);
    if (step->event.rf == REF_INITIAL)
        fputs("  from the start", out);
    else
        fprintf(out, "  from step %u", order_number(step->event.rf));
    if (newer > 0)
        fputs(", not the newest", out);
    const struct thread *thread = &checker->threads[ref_thread(ref)];
    if (thread->status == THREAD_AWAITING && step == &thread->steps[thread->executed - 1])
        fputs("  (waits for another value)", out);
}

static void print_step(FILE *out, event_ref ref, unsigned number)
{
    const struct step *step = step_of(ref), *next = step + 1;
    const struct event *event = &step->event;
    bool update = event->kind == EVENT_READ && (event->flags & FLAG_UPDATE) != 0 &&
                  ref_index(ref) + 1 < checker->threads[ref_thread(ref)].executed;
    fprintf(out, "%5u  thread %u  ", number, ref_thread(ref));
    print_place(out, &step->site);
    switch (event->kind) {
    case EVENT_READ:
        fprintf(out, "%-7s %-8s ", update ? "update" : "load", order_names[event->order]);
        print_object(out, event->argument);
        fprintf(out, " = %#llx", (unsigned long long)event->value);
        if (update)
            fprintf(out, " -> %#llx", (unsigned long long)next->event.value);
        print_source(out, ref, step);
        break;
    case EVENT_WRITE:
        fprintf(out, "%-7s %-8s ", "store", order_names[event->order]);
        print_object(out, event->argument);
        fprintf(out, " = %#llx", (unsigned long long)event->value);
        break;
    case EVENT_FENCE:
        fprintf(out, "%-7s %-8s", "fence", order_names[event->order]);
        break;
    case EVENT_CHOICE:
        fprintf(out, "chooses %u of %u: %s", event->argument, event->choices, step->site.what);
        break;
    case EVENT_SPAWN:
        fprintf(out, "starts thread %u", event->argument);
        break;
    case EVENT_JOIN:
        fprintf(out, "joins thread %u", event->argument);
        break;
    default:
        fputs("ends", out);
    }
    fputc('\n', out);
}

void report_execution(FILE *out)
{
    enum { FIRST = 400, LAST = 100 }; /* of an endless loop */
    fputs("  step  thread    line                               operation\n", out);
    for (unsigned i = 0; i < checker->order_count; i++) {
        const struct event *event = &step_of(checker->order[i])->event;
        if (checker->order_count > FIRST + LAST && i == FIRST) {
            i = checker->order_count - LAST;
            fputs("  ...\n", out);
        }
        if (event->kind == EVENT_WRITE && (event->flags & FLAG_UPDATE) != 0)
            continue; /* printed with its load */
        print_step(out, checker->order[i], i + 1);
    }
    fputs("  replay: ", out);
    graph_print_replay(out);
}
