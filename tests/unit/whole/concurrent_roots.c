/* concurrent_roots: large ranges of roots, which are scanned beside the program and watched. In each phase of
 * a trace objects to which only weak references lead are stored in them, and the ranges come and go. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <weir/arena.h>
#include <weir/gc.h>
#include <weir/weak.h>

#include "runtime/config/options.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/gc/roots/root_watch.h"
#include "runtime/os/os.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"
#include "tests/unit/whole/concurrent_tests.h"

/* --- areas --- */

enum { AREA = 1 << 17 /* words: 1 MiB */ };

enum kind { STATIC, REGISTERED, ARENA, LIBRARY, KINDS };

typedef struct area {
    enum kind kind;
    void **words; /* AREA of them */
    weir_arena *arena;
    void *library;
} area_t;

static void *fixed[AREA];

/* One word behind the start of a page. */
static void **register_pages(void)
{
    char *pages = mmap(NULL, AREA * sizeof(void *) + OS_PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    void **words = (void **)pages + 1;
    CHECK(weir_gc_add_roots(words, AREA * sizeof *words) == 0);
    return words;
}

static void unregister_pages(void **words)
{
    weir_gc_remove_roots(words);
    CHECK(munmap(words - 1, AREA * sizeof *words + OS_PAGE) == 0);
}

static void **open_library(void **library)
{
    size_t count;
    *library = dlopen(DATA_MODULE, RTLD_NOW);
    CHECK(*library);
    void **(*get)(size_t *) = (void **(*)(size_t *))(uintptr_t)dlsym(*library, "data_words");
    void **words = get(&count);
    CHECK(count == AREA);
    return words;
}

static area_t area_new(enum kind kind)
{
    area_t area = {.kind = kind, .words = fixed};
    if (kind == REGISTERED)
        area.words = register_pages();
    if (kind == ARENA) {
        area.arena = weir_arena_new(&(weir_arena_options){.scan = true});
        area.words = weir_arena_alloc(area.arena, AREA * sizeof(void *));
    }
    if (kind == LIBRARY)
        area.words = open_library(&area.library);
    return area;
}

static void area_end(area_t *area)
{
    if (area->kind == STATIC)
        memset(area->words, 0, AREA * sizeof(void *));
    if (area->kind == REGISTERED)
        unregister_pages(area->words);
    if (area->kind == ARENA)
        weir_arena_free(area->arena);
    if (area->kind == LIBRARY)
        dlclose(area->library);
    area->words = NULL;
}

/* The places first to end - 1 are in the area, the first and the last word among them. */
static void places_put(void **words, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        places[i] = i == end - 1 ? words + AREA - 1 : words + (i - first) * (AREA / PLACES) + (i - first) % 3;
}

/* --- what is stored --- */

static weir_weak *weak[PLACES];

__attribute__((noinline)) static void weaken_new(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        void *object = object_new((uint64_t)i);
        weak[i] = weir_weak_new(object);
        moved[i] = hide(object);
    }
}

/* No mark worker has found the objects before this. */
static void store_all(void)
{
    for (int i = 0; i < PLACES / 2; i++)
        *places[PLACES - 1 - i] = weir_weak_get(weak[i]);
}

/* Until the last stop finds an object, only what `store` did leads to it. */
static void check_found(void (*store)(void), enum phase phase)
{
    weaken_new();
    collect_around(store, phase);
    cr_expect(trace_last()->beside);
    cr_expect_eq(trace_last()->stops, 2);
    check_moved();
}

/* The ranges are watched: of 1 MiB the last stop has looked through a few pages. */
Test(concurrent_roots, what_is_stored_in_them_is_found, .init = begin)
{
    for (enum kind kind = 0; kind < KINDS; kind++)
        for (enum phase phase = 0; phase < PHASES; phase++) {
            area_t area = area_new(kind);
            places_put(area.words, 0, PLACES);
            check_found(store_all, phase);
            if (phase == BEFORE_THE_LAST_STOP)
                cr_expect_gt(root_watch_written(), 0, "kind %d", kind);
            cr_expect_lt(root_watch_written(), AREA * sizeof(void *) / 2, "kind %d", kind);
            area_end(&area);
        }
}

static atomic_bool started;

static void note_start(void *context, const weir_event *event)
{
    (void)context, (void)event;
    started = true;
}

static void *store_soon(void *random)
{
    weir_gc_attach_thread();
    while (!started)
        sched_yield();
    usleep((useconds_t)random_below(random, 4000));
    store_all();
    clear_stack();
    return NULL;
}

/* At any time: also between the scan of a range and a round, which makes its pages clean again. */
Test(concurrent_roots, what_is_stored_at_any_time_is_found, .init = begin)
{
    uint64_t random = 7;
    options.gcjitter = 2000;
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_STARTED), note_start, NULL), 0);
    for (int turn = 0; turn < (WATCHED ? 8 : 80); turn++) {
        pthread_t thread;
        area_t area = area_new(turn % KINDS);
        places_put(area.words, 0, PLACES);
        weaken_new();
        started = false;
        pthread_create(&thread, NULL, store_soon, &random);
        collect();
        pthread_join(thread, NULL);
        for (int i = 0; i < PLACES / 2; i++)
            cr_expect(!*places[PLACES - 1 - i] || is_whole(moved[i], (uint64_t)i), "turn %d", turn);
        area_end(&area);
    }
    weir_event_unlisten(note_start, NULL);
}

static char *joined;

/* Two ranges that meet in the middle of a page, and one that has a part of both. */
Test(concurrent_roots, ranges_may_meet_in_a_page_and_overlap, .init = begin)
{
    enum { HALF = 1 << 20, PART = HALF + OS_PAGE / 2 };
    joined = mmap(NULL, 2 * HALF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    weir_gc_add_roots(joined + PART, 2 * HALF - PART - 8);
    weir_gc_add_roots(joined + 8, PART - 8);
    weir_gc_add_roots(joined + HALF / 2 + 24, HALF);
    for (int i = 0; i < PLACES; i++) {
        static const ptrdiff_t at[] = {8, PART - 200, HALF + HALF / 2 - 200, HALF / 2};
        places[i] = (void **)(joined + at[i % 4] + i * 8);
    }
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_found(store_all, phase);
}

/* A range inside of a collected object: the object is watched, too. */
Test(concurrent_roots, a_range_may_be_a_part_of_an_object, .init = begin)
{
    static hidden_t object;
    void **words = weir_gc_alloc((AREA + 100) * sizeof *words);
    object = hide(words);
    weir_gc_add_roots(words + 10, AREA * sizeof *words);
    words = NULL;
    for (enum phase phase = 0; phase < PHASES; phase++) {
        places_put((void **)reveal(object) + 10, 0, PLACES);
        check_found(store_all, phase);
    }
}

/* --- what comes and goes --- */

static area_t old_area, new_area;

static void store_in_new_area(void)
{
    new_area = area_new(new_area.kind);
    places_put(new_area.words, PLACES / 2, PLACES);
    store_all();
    area_end(&old_area);
}

/* While the world is about to stop, only the dynamic linker is free. */
static bool is_possible(enum kind kind, enum phase phase)
{
    return phase == AFTER_THE_FIRST_STOP || kind == LIBRARY || kind == STATIC;
}

Test(concurrent_roots, ranges_come_and_go_meanwhile, .init = begin)
{
    for (int turn = 0; turn < KINDS * KINDS * PHASES; turn++) {
        enum kind from = turn % KINDS, to = turn / KINDS % KINDS;
        enum phase phase = turn / KINDS / KINDS;
        if (from == to || !is_possible(from, phase) || !is_possible(to, phase))
            continue;
        old_area = area_new(from);
        new_area.kind = to;
        places_put(old_area.words, 0, PLACES / 2);
        check_found(store_in_new_area, phase);
        area_end(&new_area);
    }
}

/* Other memory, with references in it, takes the place of the range, and nothing is written there. */
static void replace(void)
{
    char *old = (char *)(old_area.words - 1);
    size_t size = AREA * sizeof(void *) + OS_PAGE;
    char *other = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(other != MAP_FAILED);
    for (int i = 0; i < PLACES / 2; i++)
        *(void **)(other + ((char *)places[PLACES - 1 - i] - old)) = weir_weak_get(weak[i]);
    CHECK(mremap(other, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, old) == old);
}

Test(concurrent_roots, what_is_mapped_in_place_of_a_range_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        old_area = area_new(REGISTERED);
        places_put(old_area.words, 0, PLACES);
        check_found(replace, phase);
        area_end(&old_area);
    }
}

static void store_and_refuse_access(void)
{
    store_all();
    CHECK(mprotect((char *)(old_area.words - 1) + 64 * OS_PAGE, OS_PAGE, PROT_NONE) == 0);
}

static void permit_access(void *context, const weir_event *event)
{
    (void)context, (void)event;
    if (old_area.words && play.stopping == 2)
        CHECK(mprotect((char *)(old_area.words - 1) + 64 * OS_PAGE, OS_PAGE, PROT_READ | PROT_WRITE) == 0);
}

/* What cannot be read meanwhile is read in the last stop. */
Test(concurrent_roots, what_cannot_be_read_meanwhile_is_scanned_later, .init = begin)
{
    old_area = area_new(REGISTERED);
    places_put(old_area.words, 0, PLACES);
    places[PLACES - 1] = old_area.words + 64 * OS_PAGE / sizeof(void *) + 5;
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_STOPPED), permit_access, NULL), 0);
    check_found(store_and_refuse_access, AFTER_THE_FIRST_STOP);
    weir_event_unlisten(permit_access, NULL);
}

/* --- what the program notices of it --- */

static char *growing;
static size_t grown;

/* Other memory may be in the way. */
static void grow(void)
{
    store_all();
    bool is_grown = mremap(growing, grown, grown + OS_PAGE, 0) == growing;
    CHECK(is_grown || errno == ENOMEM, "%d", errno);
    grown += is_grown ? OS_PAGE : 0;
}

/* A range is a part of a mapping. The kernel would not let the program change the size of a mapping that
 * watching has split. */
Test(concurrent_roots, mappings_are_not_split, .init = begin)
{
    enum { SIZE = AREA * sizeof(void *) };
    for (enum phase phase = 0; phase < PHASES; phase++) {
        grown = 2 * SIZE;
        growing = mmap(NULL, grown, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        weir_gc_add_roots(growing + SIZE / 2 + 8, SIZE);
        places_put((void **)(growing + SIZE / 2 + 8), 0, PLACES);
        check_found(grow, phase);
        weir_gc_remove_roots(growing + SIZE / 2 + 8);
        munmap(growing, grown);
    }
}

static pthread_t first_thread;

static size_t stack_size(void)
{
    pthread_attr_t attributes;
    void *low;
    size_t size;
    CHECK(pthread_getattr_np(first_thread, &attributes) == 0);
    CHECK(pthread_attr_getstack(&attributes, &low, &size) == 0);
    pthread_attr_destroy(&attributes);
    return size;
}

static size_t size_before;

static void store_and_check_stack(void)
{
    store_all();
    CHECK(stack_size() >= size_before);
}

__attribute__((noinline)) static void check_on_deep_stack(enum phase phase)
{
    void *volatile words[AREA];
    memset((void *)words, 0, sizeof words);
    places_put((void **)words, 0, PLACES);
    size_before = stack_size();
    check_found(store_and_check_stack, phase);
}

/* The C library takes the size of the first thread's stack from its mapping. */
Test(concurrent_roots, a_deep_stack_is_watched_and_keeps_its_size, .init = begin)
{
    first_thread = pthread_self();
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_on_deep_stack(phase);
}

/* --- where a range cannot be watched --- */

static void **alias;

static void store_by_alias(void)
{
    for (int i = 0; i < PLACES / 2; i++)
        alias[places[PLACES - 1 - i] - old_area.words] = weir_weak_get(weak[i]);
}

Test(concurrent_roots, what_is_written_through_another_mapping_is_found, .init = begin)
{
    size_t size = AREA * sizeof(void *);
    int file = memfd_create("alias", 0);
    cr_assert_eq(ftruncate(file, (off_t)size), 0);
    old_area.words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    alias = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    weir_gc_add_roots(old_area.words, size);
    places_put(old_area.words, 0, PLACES);
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_found(store_by_alias, phase);
}

static void check_each_kind(void)
{
    for (enum kind kind = 0; kind < KINDS; kind++)
        for (enum phase phase = 0; phase < PHASES; phase++) {
            area_t area = area_new(kind);
            places_put(area.words, 0, PLACES);
            check_found(store_all, phase);
            area_end(&area);
        }
}

Test(concurrent_roots, without_copying_they_are_scanned_in_both_stops, .init = begin)
{
    forbid(SYS_process_vm_readv);
    check_each_kind();
}

Test(concurrent_roots, what_is_too_much_is_scanned_in_the_last_stop, .init = begin)
{
    area_t others[] = {area_new(REGISTERED), area_new(ARENA)};
    root_watch_set_range_limit(1);
    check_each_kind();
    root_watch_set_range_limit(0);
    for (size_t i = 0; i < COUNT(others); i++)
        area_end(&others[i]);
}

/* A range that the program watches by itself, before and after the trace. */
Test(concurrent_roots, the_programs_own_userfaultfd_is_left_alone, .init = begin)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1);
    struct uffdio_api api = {.api = UFFD_API};
    cr_assert_eq(ioctl(fd, UFFDIO_API, &api), 0);
    old_area = area_new(REGISTERED);
    memset(old_area.words, 0, AREA * sizeof(void *));
    struct uffdio_range range = {(uintptr_t)(old_area.words - 1), AREA * sizeof(void *) + OS_PAGE};
    struct uffdio_register own = {.range = range, .mode = UFFDIO_REGISTER_MODE_WP};
    cr_assert_eq(ioctl(fd, UFFDIO_REGISTER, &own), 0);
    places_put(old_area.words, 0, PLACES);
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_found(store_all, phase);
    struct uffdio_writeprotect open = {.range = range};
    cr_expect_eq(ioctl(fd, UFFDIO_WRITEPROTECT, &open), 0, "it is registered still");
}

static void close_and_store(void)
{
    close_userfaultfd();
    store_all();
}

Test(concurrent_roots, after_a_closed_descriptor_they_are_scanned_again, .init = begin)
{
    for (enum kind kind = 0; kind < KINDS; kind++)
        for (enum phase phase = 0; phase < PHASES; phase++) {
            area_t area = area_new(kind);
            places_put(area.words, 0, PLACES);
            weaken_new();
            collect_around(close_and_store, phase);
            cr_expect_not(trace_last()->beside);
            check_moved();
            area_end(&area);
        }
}

/* --- among many threads --- */

static void write_steps(size_t number)
{
    area_t area = area_new((enum kind)number);
    writer_init(number);
    for (size_t i = 0; i < 3; i++)
        writers[number].slots[i] = (thing_t **)(area.words + i * AREA / 4);
    for (int i = 0; i < (WATCHED ? 1000 : SANITIZED ? 10000 : 60000); i++)
        step(&writers[number]);
    check_all(&writers[number]);
    area_end(&area);
}

Test(concurrent_roots, random_writers_against_a_model, .init = begin)
{
    options.gcjitter = 300;
    pthread_t collector = collector_start();
    threads_run(WRITERS, write_steps);
    done = true;
    pthread_join(collector, NULL);
}

enum { THINGS = 20 };

static size_t place_of(size_t i, uint64_t *random)
{
    return i * (AREA / THINGS) + random_below(random, AREA / THINGS);
}

/* Half of the things of the old area move to the new one, half are new. */
static void fill(const area_t *old, const area_t *new, size_t *at, uint64_t *next, uint64_t *random)
{
    for (size_t i = 0; i < THINGS; i++) {
        size_t to = place_of(i, random);
        if (old->words && i % 2) {
            new->words[to] = old->words[at[i]];
        } else {
            uint64_t *object = object_new(++*next);
            object[1] = ~object[0];
            new->words[to] = object;
        }
        at[i] = to;
    }
}

static void come_and_go(size_t number)
{
    size_t at[THINGS];
    uint64_t random = number + 1, next = 0;
    area_t old = {.words = NULL};
    for (int i = 0; i < (WATCHED ? 20 : SANITIZED ? 100 : 400); i++) {
        enum kind kind = random_below(&random, 2) ? REGISTERED : ARENA;
        area_t new = area_new(number == 0 && old.kind != LIBRARY && i % 4 == 0 ? LIBRARY : kind);
        fill(&old, &new, at, &next, &random);
        if (old.words)
            area_end(&old);
        for (size_t j = 0; j < THINGS; j++) {
            const uint64_t *object = new.words[at[j]];
            CHECK(object[1] == ~object[0]);
        }
        old = new;
    }
    area_end(&old);
}

Test(concurrent_roots, areas_come_and_go, .init = begin)
{
    options.gcjitter = 300;
    pthread_t collector = collector_start();
    threads_run(WRITERS, come_and_go);
    done = true;
    pthread_join(collector, NULL);
}
