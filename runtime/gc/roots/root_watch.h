/* root_watch: large ranges of roots in a concurrent trace (gc/cycle/trace.h). They are watched as collected
 * memory is (process/dirty.h), so that no stop looks through them as a whole.
 *
 *     note      in the first stop: a range that is not scanned now, but beside the program
 *     protect   after that stop: the kernel notes writes to them from now on
 *     ask       reports what was written since, to be scanned beside the program
 *     each      in the last stop, for each range of roots: the parts of it that have to be scanned
 *
 * The invariant, for each word w of a watched page, whatever the page is used for:
 *
 *     w leads to nothing that is not marked,  or  w is still to be scanned,  or  w's page was written
 *
 * So a watched range behaves as an object that is always marked. The program may unmap it meanwhile, or end
 * its being a root (dlclose, weir_gc_remove_roots, an arena that is freed): beside the program it is read
 * only by copying (process/peek.h), and in the last stop only as far as it is a root still. What was mapped
 * anew counts as written. A range is given up (lost) if it cannot be watched or copied: the last stop then
 * scans it as a whole, as it does roots that have come since.
 *
 * Memory that is shared is not watched: another mapping of it may be written. Only whole pages are.
 *
 * Used by the collector, under its lock; root_watch_lose by markers as well.
 */
#ifndef WEIR_GC_ROOTS_ROOT_WATCH_H
#define WEIR_GC_ROOTS_ROOT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From this size on a range is watched. */
enum { ROOT_WATCH_MIN = 256 * 1024 };

/* Before the first stop. False: roots cannot be scanned beside the program; none may be noted. */
bool root_watch_begin(void);
/* Ranges that are too small, or too many, are not watched. `may_split`: it does not matter to anybody if the
 * mappings there are split meanwhile (process/dirty.h); it never does for the runtime's own. */
void root_watch_note(uintptr_t from, uintptr_t to, bool may_split);
/* `is_taken`: is a part of the range watched by others? Such a range is lost. */
void root_watch_protect(bool (*is_taken)(uintptr_t from, uintptr_t to));
void root_watch_ask(void (*written)(void *context, uintptr_t from, uintptr_t to));
/* Without anything watched, all of it. */
void root_watch_each(uintptr_t from, uintptr_t to, void (*range)(uintptr_t from, uintptr_t to));
/* How much of the watched ranges root_watch_each has reported as written. */
size_t root_watch_written(void);
/* Give up what overlaps [from, to). */
void root_watch_lose(uintptr_t from, uintptr_t to);
void root_watch_end(void);

/* How many ranges can be watched, for tests: 0 for the usual. */
void root_watch_set_range_limit(uint32_t ranges);

#endif
