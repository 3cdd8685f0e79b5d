// The memory that a program is measured with, chosen at compile time by MEMORY: malloc and free, libgc (bdwgc), or
// weir's collector. Objects come zeroed from the collectors and as they are from malloc: the programs write every
// field anyway.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define MEMORY_MALLOC 1
#define MEMORY_LIBGC 2
#define MEMORY_WEIR 3

#if MEMORY == MEMORY_MALLOC
#include <stdlib.h>
enum { MEMORY_COLLECTED = false };
#define MEMORY_NAME "malloc"
#define memory_start() ((void)0)
#define memory_take(size) malloc(size)
#define memory_take_data(size) malloc(size)
#define memory_free(object) free(object)
#define memory_collect() ((void)0)

#elif MEMORY == MEMORY_LIBGC
#define GC_THREADS // pthread_create tells libgc of the threads
#include <gc.h>
enum { MEMORY_COLLECTED = true };
#define MEMORY_NAME "libgc"
#define memory_start() GC_INIT()
#define memory_take(size) GC_MALLOC(size)
#define memory_take_data(size) GC_MALLOC_ATOMIC(size)
#define memory_free(object) ((void)(object))
#define memory_collect() GC_gcollect()

#elif MEMORY == MEMORY_WEIR
#include <weir/gc.h>
enum { MEMORY_COLLECTED = true };
#define MEMORY_NAME "weir"
#define memory_start() ((void)0)
#define memory_take(size) weir_gc_alloc_exact(size) // structs, to whose end nothing points
#define memory_take_data(size) weir_gc_alloc_noscan(size)
#define memory_free(object) ((void)(object))
#define memory_collect() weir_gc()

#else
#error "MEMORY has to be one of the above"
#endif
