/* weir/weir.h: all of weir's public headers; each can also be included by itself and is its own manual. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/account.h>
#include <weir/arena.h>
#include <weir/builder.h>
#include <weir/control.h>
#include <weir/event.h>
#include <weir/finalize.h>
#include <weir/gc.h>
#include <weir/heap.h>
#include <weir/metrics.h>
#include <weir/path.h>
#include <weir/pool.h>
#include <weir/profile.h>
#include <weir/stats.h>
#include <weir/trace.h>
#include <weir/version.h>
#include <weir/walk.h>
#include <weir/weak.h>

#endif
