/* profile_growth: when a heap profile is due because the heap has grown; see profile.h. */
#include "runtime/profile/profile.h"

#include "runtime/config/options.h"
#include "runtime/pages/pages.h"

static struct {
    void (*write)(void);
    bool (*is_asked)(void);
    _Atomic uint64_t next; /* bytes in use at which the next profile is due */
    _Atomic bool was_pressed;
} watch;

void profile_watch(void (*write)(void), bool (*is_asked)(void))
{
    watch.next = options.profile_growth == OPTIONS_NO_LIMIT ? UINT64_MAX : (uint64_t)options.profile_growth;
    watch.is_asked = is_asked;
    watch.write = write;
}

/* Of several threads that find it at once, one goes on. */
static bool has_grown(void)
{
    uint64_t live = profile_live_bytes(), next = atomic_load_explicit(&watch.next, memory_order_relaxed);
    return live >= next &&
           atomic_compare_exchange_strong(&watch.next, &next, live + (uint64_t)options.profile_growth);
}

static bool is_pressed_first(void)
{
    return pages_is_pressed() && !atomic_exchange(&watch.was_pressed, true);
}

void profile_look_at_growth(void)
{
    if (watch.write && !cache.no_stop && (has_grown() || is_pressed_first() || watch.is_asked()))
        watch.write();
}
