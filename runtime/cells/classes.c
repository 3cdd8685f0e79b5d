/* classes: see classes.h. */
#include "runtime/cells/classes.h"

const uint16_t class_sizes[CLASS_COUNT] = {
#define CLASS(cls, previous, size) [cls] = (size),
#include "runtime/cells/classes.def"
#undef CLASS
};

const uint32_t class_reciprocals[CLASS_COUNT] = {
#define CLASS(cls, previous, size) [cls] = (uint32_t)((((uint64_t)1 << 32) + (size)-1) / (size)),
#include "runtime/cells/classes.def"
#undef CLASS
};

const uint8_t class_of_granules[SMALL_MAX / 16 + 1] = {
#define CLASS(cls, previous, size) [(previous) / 16 + 1 ...(size) / 16] = (cls),
#include "runtime/cells/classes.def"
#undef CLASS
};
