/* cpu: the few instructions that C cannot express, for each processor: x86-64 and AArch64. A port to another
 * processor needs its lines here and in os/stack.c (a call on another stack). The other files that test for a
 * processor (__x86_64__) have a fallback for one that they do not know.
 */
#ifndef WEIR_BASE_CPU_H
#define WEIR_BASE_CPU_H

#include <stdint.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "weir runs on x86-64 and AArch64: see docs/platforms.md"
#endif

/* Where a frame holds the callee-saved registers after __builtin_unwind_init, in words from the frame
 * address. x86-64 pushes them below that address. AArch64 stores them above the frame record, which lies
 * lowest in the frame. */
#ifdef __x86_64__
enum { CPU_SAVED_FROM = -8 };
#else
enum { CPU_SAVED_FROM = 2 };
#endif

/* The lowest address of the frame of the function that uses the macro; `local` is a variable of that
 * function. */
#define CPU_FRAME_LOW(local)                                                                                 \
    ((uintptr_t) & (local) < (uintptr_t)__builtin_frame_address(0) ? (uintptr_t) & (local)                   \
                                                                   : (uintptr_t)__builtin_frame_address(0))

/* In a loop that waits for another processor: let the other thread of this core go first. */
static inline void cpu_pause(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#else
    __asm__ volatile("isb"); /* yield does nothing on most; isb takes about as long as pause */
#endif
}

/* Clear the caller-saved vector registers. A copy leaves words in them, which the collector would find in the
 * frame of a signal. */
static inline void cpu_clear_vectors(void)
{
#ifdef __x86_64__
    __asm__ volatile(
        "pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\tpxor %%xmm3, %%xmm3\n\t"
        "pxor %%xmm4, %%xmm4\n\tpxor %%xmm5, %%xmm5\n\tpxor %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7"
        :
        :
        : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
#else
    __asm__ volatile("movi v0.2d, #0\n\tmovi v1.2d, #0\n\tmovi v2.2d, #0\n\tmovi v3.2d, #0\n\t"
                     "movi v4.2d, #0\n\tmovi v5.2d, #0\n\tmovi v6.2d, #0\n\tmovi v7.2d, #0\n\t"
                     "movi v16.2d, #0\n\tmovi v17.2d, #0\n\tmovi v18.2d, #0\n\tmovi v19.2d, #0\n\t"
                     "movi v20.2d, #0\n\tmovi v21.2d, #0\n\tmovi v22.2d, #0\n\tmovi v23.2d, #0"
                     :
                     :
                     : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18", "v19", "v20",
                       "v21", "v22", "v23");
#endif
}

#endif
