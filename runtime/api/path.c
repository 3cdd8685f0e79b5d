/* path: the public face of paths to objects. */
#define _GNU_SOURCE
#include <weir/path.h>

#include <dlfcn.h>
#include <errno.h>
#include <link.h>

#include "runtime/collect/gc.h"
#include "runtime/collect/path.h"

/* Is the root in this module? Then `offset` is its address in the module's file. */
static int find_module(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    weir_path_step *root = context;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && (uintptr_t)root->at - start < header->p_memsz) {
            root->offset = (uintptr_t)root->at - object->dlpi_addr;
            return 1;
        }
    }
    return 0;
}

/* What the process has written may be static data: asked with all threads at work, since the linker has a lock. */
static void name_static(weir_path_step *root)
{
    Dl_info names;
    root->module = "";
    if ((root->root != WEIR_ROOT_STATIC && root->root != WEIR_ROOT_MAPPING) || !dladdr(root->at, &names) ||
        !dl_iterate_phdr(find_module, root))
        return;
    root->root = WEIR_ROOT_STATIC;
    root->module = names.dli_fname;
    root->symbol = names.dli_sname;
}

ptrdiff_t weir_gc_path(const void *p, bool (*visit)(void *ctx, const weir_path_step *step, size_t size),
                       void *ctx)
{
    path_t path;
    int error = gc_path(p, &path);
    if (error) {
        errno = error;
        return -1;
    }
    if (path.count > 0)
        name_static(&path.steps[0]);
    for (size_t i = 0; i < path.count; i++)
        if (!visit(ctx, &path.steps[i], sizeof path.steps[i]))
            break;
    return (ptrdiff_t)path.length;
}
