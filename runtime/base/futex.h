/* futex: a word to sleep on. All of this may be called in signal handlers; errno is kept. */
#ifndef WEIR_BASE_FUTEX_H
#define WEIR_BASE_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sleep while the word has the value; may return early. */
void os_futex_wait(_Atomic uint32_t *word, uint32_t value);
/* False: the time is up. */
bool os_futex_wait_for(_Atomic uint32_t *word, uint32_t value, uint64_t ns);
void os_futex_wake(_Atomic uint32_t *word);
void os_futex_wake_all(_Atomic uint32_t *word);

#endif
