/* cgroup: the files of the process's control groups, from its own group up to the root of the hierarchy.
 *
 * /proc/self/cgroup names the process's group in each hierarchy, one line "id:controllers:path". The line of
 * version 2 has the id 0 and no controllers; a line of version 1 lists the controllers of its hierarchy. Each
 * directory from that path up to the hierarchy's root may hold a limit, and all of them apply. Inside a
 * container the path is often one that only the host can see; then the walk finds nothing until it reaches
 * the mount's root, which is the container's own group. The hierarchies are expected at their usual mount
 * points: version 2 at /sys/fs/cgroup, version 1 at the folder in it that has the controller's name.
 *
 * Allocates nothing. One caller at a time.
 */
#ifndef WEIR_PROCESS_CGROUP_H
#define WEIR_PROCESS_CGROUP_H

typedef struct cgroup_files {
    const char *controller;          /* "memory" */
    const char *version2, *version1; /* "/memory.max": names in a group's directory */
} cgroup_files_t;

typedef void cgroup_visitor_t(const char *path);

/* Visit the path of the file in each of the groups, whether it exists or not. `root` stands before /proc and
 * /sys: "" for the real ones. */
void cgroup_visit(const char *root, const cgroup_files_t *files, cgroup_visitor_t *visit);

#endif
