/* sampled: which blocks the heap profile samples, and where they live, so that their frees are noticed.
 *
 * The fast paths know nothing of it. When a thread's list of cells is refilled, it is known how many cells
 * the thread still gets before the next sample of the class is due. So the list is cut there, and the
 * allocation that finds it empty is the sample:
 *
 *     until[class]   cells that the thread still gets before the next sample; exponentially distributed bytes
 *                    (sample.h)
 *
 *     refill:  | cell | cell | ... until[class] of them |      the others stay on their span's list
 *     empty, until[class] == 0:  the sample, from a span of samples; then until[class] is drawn anew
 *
 * A span of samples has no owner, so the fast path of free hands each of its cells to the slow one. All
 * threads share these spans, under one lock; each is charged whole when it is taken, since a page that is not
 * charged may not be written. A large block is sampled where it lives; its descriptor says so.
 *
 * Collected cells are sampled where they live, too: the buffer that a thread takes is cut in the same way,
 * and the sample is a buffer by itself. span->samples says which cell of the span is a sample, so that
 * freeing other cells and sweeping spans without samples cost nothing:
 *
 *     0: none     n + 1: cell n, and no other     SAMPLED_SEVERAL
 *
 * A thread that allocates for an account is diverted: until[class] stays 0, so each of its allocations
 * comes here. Each is charged to the account (budget.h). Whether it is a sample of the profile as well is
 * drawn for each, by its bytes.
 */
#ifndef WEIR_PROFILE_SAMPLED_H
#define WEIR_PROFILE_SAMPLED_H

#include "runtime/cells/cache.h"
#include "runtime/cells/collected_flags.h"
#include "runtime/profile/sample.h"

/* When a thread's next samples are due. Made with its heap if blocks are sampled or guarded, or charged to
 * their callers; otherwise when the thread is first diverted. Written by the thread. */
typedef struct sampling {
    sampler_t sampler;
    uint32_t until[CLASS_COUNT];
    uint32_t until_collected[COLLECTED_KINDS][CLASS_COUNT];
    bool is_diverted; /* until and until_collected are 0; what they were is in kept, kept_collected */
    uint32_t kept[CLASS_COUNT], kept_collected[COLLECTED_KINDS][CLASS_COUNT];
} sampling_t;

enum { SAMPLED_SEVERAL = UINT16_MAX };

/* For a new heap. NULL: blocks are neither sampled nor guarded nor charged to their callers, or there is no
 * memory. */
sampling_t *sampled_make(void);

/* For a heap for which sampled_make made none: no sample is due until the thread is diverted. NULL: no
 * memory. */
sampling_t *sampled_make_idle(void);

/* Have all allocations of the thread come here, or no longer. The thread's lists and buffers of free cells
 * have to be empty. */
void sampled_divert(sampling_t *sampling, bool diverted);
static inline bool sampled_is_diverted(const sampling_t *sampling)
{
    return sampling->is_diverted;
}

/* A sample of the class is due: allocate it. size: what the program asked for. NULL with *is_refused: an
 * account's limit refuses it. NULL without: the caller makes an ordinary allocation, since there is no memory
 * for a sample, or the block is neither charged nor drawn. */
void *sampled_alloc(heap_t *self, uint32_t cls, size_t size, bool *is_refused);
/* Add the numbers of samples that were freed, ever. */
void sampled_count(uint64_t frees[CLASS_COUNT]);
/* Free a cell of a span in state SPAN_SAMPLED. */
void sampled_free(span_t *span, void *p);

/* Free the block at p, for which guard_owns, or report the misuse. */
void sampled_guarded_free(const heap_t *self, void *p);

/* A large object was allocated: charge it, and draw whether it is a sample. False: an account's limit refuses
 * it. */
bool sampled_large(heap_t *self, span_t *span, size_t size);
/* The object is going to have so many bytes. False: an account's limit refuses that. */
bool sampled_large_may_resize(const span_t *span, size_t bytes);
/* The object was resized. */
void sampled_large_resized(heap_t *self, span_t *span, size_t size);
/* The object, for which sampled_has_large, is freed. */
void sampled_large_free(span_t *span);
static inline bool sampled_has_large(const span_t *span)
{
    return collected_has_flag(span, COLLECTED_SAMPLED);
}

/* How many of a collected span's next free cells, of which there are `cells`, the thread may take as a
 * buffer: those before the next sample or, if a sample is due, that one alone. */
uint32_t sampled_cut(sampling_t *sampling, const span_t *span, uint32_t cells);
static inline bool sampled_is_due(const heap_t *self, enum span_kind kind, uint32_t cls)
{
    return self->sampling && self->sampling->until_collected[kind - KIND_SCAN][cls] == 0;
}
/* A collected cell that is due as a sample is about to be allocated. False: an account's limit refuses it.
 * Otherwise one of the next two is called: the cell was allocated, at p; or there was none to be had. */
bool sampled_collected_begin(const heap_t *self, uint32_t cls);
void sampled_collected(heap_t *self, void *p, size_t size);
void sampled_collected_cancel(uint32_t cls);
/* The collected span has samples. A cell of it is freed by hand; or the sweep frees all cells that the trace
 * has not reached. */
void sampled_collected_free(span_t *span, const void *p);
void sampled_collected_sweep(span_t *span);
static inline bool sampled_has_span(const span_t *span)
{
    return __atomic_load_n(&span->samples, __ATOMIC_RELAXED) != 0;
}

bool sampled_before_fork(void);
void sampled_after_fork(bool child);

#endif
