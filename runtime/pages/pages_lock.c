/* pages_lock: see pages_lock.h. Also the functions of pages_state.h for readers of statistics and
 * descriptors. */
#include "runtime/pages/pages_lock.h"

#include "runtime/os/os.h"
#include "runtime/pages/pages_state.h"

page_stats_t page_stats;

lock_t pages_lock = LOCK_INIT(LOCK_RANK_PAGES);

/* The thread stays in a no-stop section all the while (os/lock.h): a stop of the world waits for it. */
void pages_lock_pause(void)
{
    lock_section_begin(&pages_lock);
    lock_release(&pages_lock);
}

void pages_lock_resume(void)
{
    lock_acquire(&pages_lock);
    lock_section_end(&pages_lock);
}

bool pages_lock_breathe(void)
{
    if (LIKELY(!lock_is_wanted(&pages_lock)))
        return false;
    pages_lock_pause();
    os_yield();
    pages_lock_resume();
    return true;
}

/* Each field that the lock does not protect is one word, read either before or after a change. */
__attribute__((no_sanitize("thread"))) page_stats_t pages_stats(void)
{
    lock_acquire(&pages_lock);
    page_stats_t copy = page_stats;
    lock_release(&pages_lock);
    return copy;
}

void pages_read_begin(void)
{
    lock_acquire(&pages_lock);
}

void pages_read_end(void)
{
    lock_release(&pages_lock);
}
