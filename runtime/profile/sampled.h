/* sampled: which blocks the heap profile samples, and where they live, so that their frees are noticed.
 *
 * The fast paths know nothing of it. A small block is a sample if the next one of its class is due; that is
 * known when a thread's list of cells is filled, so the list is cut where the sample is due, and the
 * allocation that finds it empty is the one:
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
 * Cells that the collector frees are sampled where they live too: the buffer that a thread takes is cut in
 * the same way, and the sample is a buffer of its own. Their span notes which cell is a sample, in
 * span->absent, so that freeing others and sweeping spans without samples cost nothing:
 *
 *     0: none     n + 1: cell n, and no other     SAMPLED_SEVERAL
 *
 * A thread that allocates for an account is diverted: until[class] stays 0, so each of its allocations
 * comes here. It is charged to the account (budget.h), and drawn as a sample of the profile by its own bytes.
 */
#ifndef WEIR_PROFILE_SAMPLED_H
#define WEIR_PROFILE_SAMPLED_H

#include "runtime/cells/cache.h"
#include "runtime/cells/collected_flags.h"
#include "runtime/profile/sample.h"

/* A thread's part; its heap's, made with it if there is a profile, or once it is diverted. Written by the
 * thread. */
typedef struct sampling {
    sampler_t sampler;
    uint32_t until[CLASS_COUNT];
    uint32_t until_collected[COLLECTED_KINDS][CLASS_COUNT];
    bool is_diverted; /* all of them are 0, and these are what they were: */
    uint32_t kept[CLASS_COUNT], kept_collected[COLLECTED_KINDS][CLASS_COUNT];
} sampling_t;

enum { SAMPLED_SEVERAL = UINT16_MAX };

/* A new heap gets one; NULL: there is no profile, or no memory. */
sampling_t *sampled_make(void);

/* One for a heap that had none: nothing is due. NULL: no memory. */
sampling_t *sampled_make_idle(void);

/* Have all that the thread allocates come here, or no more. Its lists and runs of free cells are empty. */
void sampled_divert(sampling_t *sampling, bool diverted);
static inline bool sampled_is_diverted(const sampling_t *sampling)
{
    return sampling->is_diverted;
}

/* The next allocation of the class by this thread is the sample: do it. NULL, and not *is_refused: it is to
 * be an ordinary one, because there is no memory for one, or it is neither charged nor drawn. size: what
 * the program asked for. */
void *sampled_alloc(heap_t *self, uint32_t cls, size_t size, bool *is_refused);
/* Add how many were freed, ever. */
void sampled_count(uint64_t frees[CLASS_COUNT]);
/* Its span is of SPAN_SAMPLED. */
void sampled_free(span_t *span, void *p);

/* guard_owns(p): it is freed, or the misuse is reported. */
void sampled_guarded_free(const heap_t *self, void *p);

/* A large object has come to be; it may be a sample. False: an account's limit refuses it. */
bool sampled_large(heap_t *self, span_t *span, size_t size);
/* It is going to have so many bytes. False: an account's limit refuses that. */
bool sampled_large_may_resize(const span_t *span, size_t bytes);
/* It was resized. */
void sampled_large_resized(heap_t *self, span_t *span, size_t size);
/* It goes; of a span that has the flag. */
void sampled_large_free(span_t *span);
static inline bool sampled_has_large(const span_t *span)
{
    return collected_has_flag(span, COLLECTED_SAMPLED);
}

/* Of a buffer of so many free cells of a collected span the thread may take these: those before the next
 * sample, or that one alone. */
uint32_t sampled_cut(sampling_t *sampling, const span_t *span, uint32_t cells);
static inline bool sampled_is_due(const heap_t *self, enum span_kind kind, uint32_t cls)
{
    return self->sampling && self->sampling->until_collected[kind - KIND_SCAN][cls] == 0;
}
/* A cell that is due will be allocated: false: an account's limit refuses it. Then it was, at p, of a
 * collected span of this thread; or there was none to be had. */
bool sampled_collected_begin(const heap_t *self, uint32_t cls);
void sampled_collected(heap_t *self, void *p, size_t size);
void sampled_collected_cancel(uint32_t cls);
/* A cell of a collected span that has samples is freed; or all those that a trace has not reached are. */
void sampled_collected_free(span_t *span, const void *p);
void sampled_collected_sweep(span_t *span);
static inline bool sampled_has_span(const span_t *span)
{
    return __atomic_load_n(&span->absent, __ATOMIC_RELAXED) != 0;
}

bool sampled_before_fork(void);
void sampled_after_fork(bool child);

#endif
