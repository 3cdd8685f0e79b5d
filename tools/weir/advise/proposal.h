/* proposal: what is advised for each place of a program that allocates, and what it would save. */
#ifndef WEIR_TOOLS_ADVISE_PROPOSAL_H
#define WEIR_TOOLS_ADVISE_PROPOSAL_H

#include "tools/weir/advise/cost.h"
#include "tools/weir/advise/verdict.h"
#include "tools/weir/layout/draw.h"

enum proposal_kind {
    PROPOSE_STACK,   /* a variable of the function: small, few at once, gone before it returns */
    PROPOSE_REUSE,   /* one block that is kept: one or two at once, but large, or freed elsewhere */
    PROPOSE_ARENA,   /* of the function: many, all gone before it returns */
    PROPOSE_LOCAL,   /* one of the above; without --exact not every block is seen, so it is open which one */
    PROPOSE_LOOK,    /* perhaps one of the above: only a run that sees all blocks tells */
    PROPOSE_POOL,    /* the same size again and again, few in use at once, freed elsewhere */
    PROPOSE_PRESIZE, /* blocks that realloc has made larger step by step */
    PROPOSE_BUILDER, /* text or array that is copied for each piece that is added */
    PROPOSE_FEWER,   /* thousands of small ones of one size that are in use at once: several in one block */
    PROPOSE_LAYOUT,  /* a struct that is smaller in another order */
    PROPOSE_LEAVE    /* nothing that is known to help */
};
extern const char *const proposal_names[];

typedef struct proposal {
    enum proposal_kind kind;
    place_t place;   /* the sum of the places that are the same up to the holder; none in PROPOSE_LAYOUT */
    size_t depth;    /* how many calls all of them have in common, from the innermost */
    escape_t escape; /* of them together; its live is the maximum over them */
    uint64_t live;   /* blocks at once, at most: the sum over the places, or the maximum if is_near */
    bool is_near;    /* the holder is the function that wants the memory, or not far from it */
    const advice_t *layout; /* PROPOSE_LAYOUT */
    const char *layout_file;
    uint64_t saved_objects, saved_bytes; /* allocations; bytes that malloc would not hand out */
    double saved_ns;                     /* of pairs of malloc and free */
    uint64_t size;                       /* PROPOSE_PRESIZE: bytes to ask for */
} proposal_t;

typedef struct proposals {
    proposal_t *of;
    size_t count;
    bool is_exact; /* each block was a sample */
} proposals_t;

/* `least`: places with fewer blocks are left out. The caller frees `of`. */
proposals_t proposals_make(const profile_t *profile, const cost_t *cost, uint64_t least);

/* The largest saving first: of "bytes", "objects" or "time", or "both" bytes and time, as shares of the
 * whole. */
void proposals_sort(proposals_t *proposals, const char *by);

/* Tell the samples what is advised for them. */
void proposals_label(const proposals_t *proposals, profile_t *profile);

/* Structs of the program that would be smaller, as proposals; added. */
void proposals_add_layouts(proposals_t *proposals, const profile_t *profile, const char *debug_folder);

/* The index of the call that wants the memory: the calls before it only allocate for others. */
size_t proposal_site(const profile_t *profile, const sample_t *sample);

/* The functions at a call of its place, where call 0 is the innermost: several if calls were inlined there,
 * the innermost first. proposal_frame: the outermost of them, which has the frame. NULL: there is no such
 * call. */
const frame_t *proposal_frames(const profile_t *profile, const proposal_t *proposal, size_t call,
                               size_t *count);
const frame_t *proposal_frame(const profile_t *profile, const proposal_t *proposal, size_t call);

#endif
