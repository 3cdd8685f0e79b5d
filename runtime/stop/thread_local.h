/* thread_local: finds the thread-local memory that glibc keeps away from a thread's stack. It is of two
 * kinds: the memory of libraries which were opened later, found by the thread's dynamic thread vector
 * (Drepper, "ELF Handling For Thread-Local Storage", 2013); and the values of keys (pthread_setspecific)
 * beyond the first 32, found by the thread's record.
 *
 *     record of the thread:  | vector | ... | block 0: 32 values | pointers to block 0, 1 (or NULL), ... |
 *
 * Static thread-local memory lies below the thread pointer ("word") on x86-64, and the record above it; on
 * AArch64 it is the other way round:
 *
 *     x86-64     | static | record |            AArch64     | record | vector | static |
 *                         ^ word                                     ^ word
 *
 * `word` is the os_thread_word of a stopped thread. Without glibc nothing is found. */
#ifndef WEIR_STOP_THREAD_LOCAL_H
#define WEIR_STOP_THREAD_LOCAL_H

#include <stddef.h>
#include <stdint.h>

/* Where the record and the static memory of a thread, together, begin and end. static_below: on x86-64, how
 * many bytes of static memory lie below the word. */
uintptr_t thread_local_from(uintptr_t word, size_t static_below);
uintptr_t thread_local_to(uintptr_t word);
/* Call it once, before the world is stopped: it asks the dynamic linker. */
void thread_local_prepare(void);

/* Where the thread has the memory of a module (dl_phdr_info.dlpi_tls_modid); 0: it has none, yet. */
uintptr_t thread_local_module(uintptr_t word, size_t module);
void thread_local_each_values(uintptr_t word, void (*range)(uintptr_t from, uintptr_t to));

#endif
