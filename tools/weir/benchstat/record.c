/* record: taking names apart. */
#include <string.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/record.h"

const char *config_value(const struct config *config, size_t key)
{
    return key < config->count && config->values[key] != NULL ? config->values[key] : "";
}

/* Where "-16" at the end of a name begins; its end if there is no such thing. */
static const char *gomaxprocs_of(const char *name)
{
    const char *end = name + strlen(name), *digits = end;
    while (digits > name && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    return digits < end && digits > name && digits[-1] == '-' ? digits - 1 : end;
}

/* The part "/key=value" or "/value" behind `part`; NULL at the end. */
static const char *next_part(const char *part, const char *end, size_t *length)
{
    const char *next = part + *length;
    if (next >= end)
        return NULL;
    const char *slash = memchr(next + 1, '/', (size_t)(end - next - 1));
    *length = (size_t)((slash != NULL ? slash : end) - next);
    return next;
}

static char *part_value(const char *name, const char *key)
{
    const char *end = gomaxprocs_of(name);
    if (strcmp(key, "/gomaxprocs") == 0 && *end != '\0')
        return memory_text(end + 1, strlen(end + 1));
    size_t key_length = strlen(key), length = strcspn(name, "/");
    for (const char *part = name; (part = next_part(part, end, &length)) != NULL;)
        if (length > key_length && strncmp(part, key, key_length) == 0 && part[key_length] == '=')
            return memory_text(part + key_length + 1, length - key_length - 1);
    return memory_text("", 0);
}

char *record_value(const struct record *record, const char *key)
{
    if (strcmp(key, ".fullname") == 0)
        return memory_text(record->name, strlen(record->name));
    if (strcmp(key, ".file") == 0)
        return memory_text(record->file, strlen(record->file));
    if (strcmp(key, ".name") == 0) {
        const char *slash = strchr(record->name, '/');
        const char *end = slash != NULL ? slash : gomaxprocs_of(record->name);
        return memory_text(record->name, (size_t)(end - record->name));
    }
    if (key[0] == '/')
        return part_value(record->name, key);
    size_t index;
    const char *value = texts_find(record->keys, key, &index) ? config_value(record->config, index) : "";
    return memory_text(value, strlen(value));
}

static bool is_excluded(const char *part, size_t length, const struct texts *excluded)
{
    for (size_t i = 0; i < excluded->count; i++) {
        size_t key = strlen(excluded->items[i]);
        if (length > key && strncmp(part, excluded->items[i], key) == 0 && part[key] == '=')
            return true;
    }
    return false;
}

char *record_fullname(const struct record *record, const struct texts *excluded)
{
    const char *name = record->name, *end = gomaxprocs_of(name);
    size_t found, length = strcspn(name, "/");
    if (name + length > end)
        length = (size_t)(end - name);
    char *short_name = memory_new(strlen(name) + 2, 1), *to = short_name;
    to = texts_find(excluded, ".name", &found) ? stpcpy(to, "*") : mempcpy(to, name, length);
    for (const char *part = name; (part = next_part(part, end, &length)) != NULL;)
        if (!is_excluded(part, length, excluded))
            to = mempcpy(to, part, length);
    if (!texts_find(excluded, "/gomaxprocs", &found))
        stpcpy(to, end);
    return short_name;
}
