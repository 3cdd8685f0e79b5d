/* texts: a table of indices by hash beside the list. */
#include <stdint.h>
#include <string.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/texts.h"

/* FNV-1a (Fowler, Noll, Vo). */
static size_t text_hash(const char *text, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return (size_t)(hash ^ hash >> 32);
}

static bool is_item(const struct texts *texts, size_t index, const char *text, size_t length)
{
    return strncmp(texts->items[index], text, length) == 0 && texts->items[index][length] == '\0';
}

/* The slot of the text, or the free one where it belongs. */
static size_t *find_text_slot(const struct texts *texts, const char *text, size_t length)
{
    size_t mask = texts->slot_count - 1, place = text_hash(text, length) & mask;
    while (texts->slots[place] != 0 && !is_item(texts, texts->slots[place] - 1, text, length))
        place = (place + 1) & mask;
    return &texts->slots[place];
}

static void grow(struct texts *texts)
{
    texts->slot_count = texts->slot_count > 0 ? 2 * texts->slot_count : 16;
    free(texts->slots);
    texts->slots = memory_new(texts->slot_count, sizeof texts->slots[0]);
    for (size_t i = 0; i < texts->count; i++)
        *find_text_slot(texts, texts->items[i], strlen(texts->items[i])) = i + 1;
}

size_t texts_add(struct texts *texts, const char *text, size_t length)
{
    if (2 * (texts->count + 1) > texts->slot_count)
        grow(texts);
    size_t *slot = find_text_slot(texts, text, length);
    if (*slot == 0) {
        texts->items = memory_grow(texts->items, texts->count, sizeof texts->items[0]);
        texts->items[texts->count] = memory_text(text, length);
        *slot = ++texts->count;
    }
    return *slot - 1;
}

bool texts_find(const struct texts *texts, const char *text, size_t *index)
{
    if (texts->count == 0)
        return false;
    size_t slot = *find_text_slot(texts, text, strlen(text));
    if (slot != 0)
        *index = slot - 1;
    return slot != 0;
}
