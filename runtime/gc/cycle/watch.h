/* watch: which pages of the collected memory that holds pointers were written, from one question to the next
 * (process/dirty.h).
 *
 *     arm      watch every span that there is, small or large, of a kind with pointers
 *     roots    after the first stop: watch the large ranges of roots as well (gc/roots/root_watch.h)
 *     ask      report what was written since; watch the spans that have come since, and report all of them
 *              as written; of roots, have what was written scanned again
 *     look     the same for the last time, with the world stopped; roots are looked through by mark_roots
 *     disarm   nothing is watched
 *
 * Between a trace and a young one (trace.h) the spans with marked objects stay watched:
 *
 *     keep     after the dead were released: watch only these from now on
 *     go_on    in place of `arm`: the next `ask` reports what was written since the last stop. From here on,
 *              a span is watched only if an object in it is marked
 *
 * What is watched is a list of ranges, neighbouring spans together. Each first write to a page costs the
 * program a fault, so spans without pointers are never watched, and between traces nothing is, but for
 * `keep`. During a trace, and in `keep`, no span is given back: the collecting thread has the collector's
 * lock, and large objects that are freed by hand stay (gc/cells/collected.c). What takes the place of a
 * span that was given back between traces is new. The largest objects are not watched, because of the
 * memory that their page tables would take: `look` reports all of them as written.
 *
 * Used by the collector, under its lock.
 */
#ifndef WEIR_GC_CYCLE_WATCH_H
#define WEIR_GC_CYCLE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [from, to) counts as written: a part of a watched range, new spans, or an object too large to watch. */
typedef void watch_visit(uintptr_t from, uintptr_t to);

/* False: the kernel cannot, or there is too much to note; nothing is watched. */
bool watch_arm(void);
void watch_roots(void);
/* False: nothing is known. Else how many bytes were written: *bytes. watch_look is for the last stop: as many
 * members of the workers as `members` says look, and one at a time of them visits. */
bool watch_ask(watch_visit *visit, size_t *bytes);
bool watch_look(watch_visit *visit, uint32_t members, size_t *bytes);
/* The first question of a young trace. *bytes: of that, what was written to spans that stayed watched. */
bool watch_ask_old(watch_visit *visit, size_t *bytes);
void watch_disarm(void);

/* False: it cannot be done, and nothing is watched. */
bool watch_keep(void);
bool watch_is_kept(void);
/* False: nothing is kept, or the kernel no longer tells; call watch_arm. */
bool watch_go_on(void);
void watch_after_fork_child(void);

/* How many ranges can be watched, for tests: 0 for the usual. */
void watch_set_range_limit(uint32_t ranges);

#endif
