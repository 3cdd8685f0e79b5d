/* proc: what the kernel tells in files: control groups, mappings, the ELF headers that mappings lead to; and
 * the programs that the command looks at before it starts them.
 */
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/process/maps.h"
#include "runtime/process/memory_size.h"
#include "runtime/process/modules.h"
#include "runtime/process/written.h"
#include "tests/fuzz/fuzz.h"
#include "tools/weir/preload.h"

/* --- files: the linker leads the calls that open one here --- */

bool __wrap_file_read(const char *path, char *content, size_t size);
bool __wrap_maps_open(maps_t *maps, char *piece, size_t size);
void __wrap_maps_close(maps_t *maps);

static input_t files; /* contents, each up to a zero byte; each call of file_read gets the next */

bool __wrap_file_read(const char *path, char *content, size_t size)
{
    if (strlen(path) >= 4096 || files.at == files.end)
        return false;
    char *next = input_string(&files);
    snprintf(content, size, "%s", next);
    free(next);
    return true;
}

static int memory_file(const uint8_t *bytes, size_t size)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("fuzz", 0);
    CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
    CHECK(pwrite(fd, bytes, size, 0) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static const uint8_t *maps_text;
static size_t maps_size;

bool __wrap_maps_open(maps_t *maps, char *piece, size_t size)
{
    *maps = (maps_t){.fd = memory_file(maps_text, maps_size), .piece = piece, .size = size};
    return true;
}

void __wrap_maps_close(maps_t *maps)
{
    (void)maps;
}

/* --- the readers --- */

static void control_groups(input_t *input)
{
    files = *input;
    memory_size_of_cgroup("");
}

static void read_modules(void)
{
    enum { MODULES = 8, NAMES = 200 };
    module_t *modules = malloc(MODULES * sizeof *modules);
    char *names = malloc(NAMES);
    size_t count = modules_read(modules, MODULES, names, NAMES), used = 0;
    CHECK(count <= MODULES);
    for (size_t i = 0; i < count; i++) {
        CHECK(modules[i].name == names + used && modules[i].id_length <= MODULES_ID);
        used += modules[i].name_length;
    }
    CHECK(used <= NAMES);
    free(names);
    free(modules);
}

static void see_mapping(uintptr_t from, uintptr_t to, unsigned may)
{
    (void)from, (void)to;
    CHECK((may & ~(unsigned)(WRITTEN_MAY | WRITTEN_IS_ANONYMOUS)) == 0);
}

static void mappings(input_t *input)
{
    maps_text = input->at;
    maps_size = (size_t)(input->end - input->at);
    read_modules();
    written_each_mapping(see_mapping);
}

/* A file that is mapped begins with the input: its headers, its notes. */
static void mapped_file(input_t *input)
{
    char line[128];
    size_t size;
    uint8_t *bytes = input_rest(input, &size);
    uintptr_t at = (uintptr_t)bytes;
    maps_size = (size_t)snprintf(line, sizeof line, "%" PRIxPTR "-%" PRIxPTR " r-xp 00000000 00:00 0 /f\n",
                                 at, at + size);
    maps_text = (const uint8_t *)line;
    read_modules();
    free(bytes);
}

static void program(input_t *input)
{
    char path[64];
    size_t size;
    uint8_t *bytes = input_rest(input, &size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", memory_file(bytes, size));
    preload_obstacle(path);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(input_t *) = {control_groups, mappings, mapped_file, program};
    input_t input = {data, data + size};
    parts[input_below(&input, COUNT(parts))](&input);
    return 0;
}
