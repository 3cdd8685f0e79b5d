/* weir.h: all of weir's public headers; the same as <weir/weir.h>. */
#include <weir/weir.h>
