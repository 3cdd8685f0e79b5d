/* crew: the threads that mark beside the one that collects. They belong to no heap, block every signal, and
 * sleep between collections. */
#ifndef WEIR_COLLECT_CREW_H
#define WEIR_COLLECT_CREW_H

#include <stdbool.h>
#include <stdint.h>

enum { CREW_MAX = 16 };

/* Have so many threads, the caller included, if they can be had: how many are ready, of which the next run
 * will make use. Those just started are waited for a moment. With the world running. */
uint32_t crew_gather(uint32_t wanted);
/* Run work(i) for each member i below `members`, at most as many as were gathered, in threads of their own, 0
 * in the caller's; returns when all have. */
void crew_run(uint32_t members, void (*work)(uint32_t member));
/* In the child of a fork. */
void crew_forget(void);

#endif
