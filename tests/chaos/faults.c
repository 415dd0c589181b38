/* Faults at the boundary of a process: counts the calls that change files below one folder, and
 * at a chosen one ends the process, tears the write, or fails as a full or broken disk does.
 *
 * Loaded with LD_PRELOAD and idle until chaos_arm() is called, so that a process can prepare in
 * peace and its children are armed one by one. Calls on files elsewhere are never touched.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL_BEFORE, KILL_HALF, KILL_AFTER, FULL_ONCE, FULL_FROM, BROKEN_ONCE };

static char root[PATH_MAX];
static long target = -1;
static int mode = COUNT;
static atomic_long calls;
static int armed;

void chaos_arm(const char *folder, long at, int how) {
    snprintf(root, sizeof root, "%s", folder);
    target = at;
    mode = how;
    atomic_store(&calls, 0);
    armed = 1;
}

long chaos_count(void) { return atomic_load(&calls); }

static int below(const char *path) {
    char whole[PATH_MAX];
    if (!armed || path == NULL) return 0;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (getcwd(here, sizeof here) == NULL) return 0;
        if (snprintf(whole, sizeof whole, "%s/%s", here, path) >= (int)sizeof whole) return 0;
        path = whole;
    }
    return strncmp(path, root, strlen(root)) == 0;
}

static int below_fd(int fd) {
    char name[64], path[PATH_MAX];
    if (!armed) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path);
}

/* What to do at this call: 0 go on, 1 fail with errno, 2 tear the write, 3 die when it is done.
 * A full disk still lets files be removed. */
static int decide(int needs_room) {
    long now = atomic_fetch_add(&calls, 1);
    if ((mode == FULL_FROM || mode == FULL_ONCE) && !needs_room) return 0;
    if (mode == FULL_FROM && now >= target) { errno = ENOSPC; return 1; }
    if (now != target) return 0;
    switch (mode) {
    case KILL_BEFORE: raise(SIGKILL); return 0;
    case KILL_HALF: return 2;
    case KILL_AFTER: return 3;
    case FULL_ONCE: errno = ENOSPC; return 1;
    case BROKEN_ONCE: errno = EIO; return 1;
    default: return 0;
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define PLAIN(call, touches, room)                                                                 \
    do {                                                                                           \
        int what = (touches) ? decide(room) : 0;                                                   \
        if (what == 1) return -1;                                                                  \
        if (what == 2) raise(SIGKILL);                                                             \
        __typeof__(call) result = (call);                                                          \
        if (what == 3) raise(SIGKILL);                                                             \
        return result;                                                                             \
    } while (0)

#define WRITE(call, half, touches)                                                                 \
    do {                                                                                           \
        int what = (touches) ? decide(1) : 0;                                                      \
        if (what == 1) return -1;                                                                  \
        if (what == 2) { (void)(half); raise(SIGKILL); }                                           \
        ssize_t result = (call);                                                                   \
        if (what == 3) raise(SIGKILL);                                                             \
        return result;                                                                             \
    } while (0)

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);

__attribute__((constructor)) static void find(void) {
    real_write = REAL(write);
    real_pwrite = REAL(pwrite);
    real_pwrite64 = REAL(pwrite64);
}

ssize_t write(int fd, const void *data, size_t size) {
    WRITE(real_write(fd, data, size), real_write(fd, data, size / 2), below_fd(fd));
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    WRITE(real_pwrite(fd, data, size, at), real_pwrite(fd, data, size / 2, at), below_fd(fd));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    WRITE(real_pwrite64(fd, data, size, at), real_pwrite64(fd, data, size / 2, at), below_fd(fd));
}
int fsync(int fd) { PLAIN(REAL(fsync)(fd), below_fd(fd), 1); }
int fdatasync(int fd) { PLAIN(REAL(fdatasync)(fd), below_fd(fd), 1); }
int ftruncate(int fd, off_t size) { PLAIN(REAL(ftruncate)(fd, size), below_fd(fd), 1); }
int ftruncate64(int fd, off64_t size) { PLAIN(REAL(ftruncate64)(fd, size), below_fd(fd), 1); }
int rename(const char *from, const char *to) {
    PLAIN(REAL(rename)(from, to), below(from) || below(to), 1);
}
int link(const char *from, const char *to) { PLAIN(REAL(link)(from, to), below(to), 1); }
int unlink(const char *path) { PLAIN(REAL(unlink)(path), below(path), 0); }
int unlinkat(int folder, const char *path, int flags) {
    PLAIN(REAL(unlinkat)(folder, path, flags), folder == AT_FDCWD ? below(path) : below_fd(folder),
          0);
}
int mkdir(const char *path, mode_t bits) { PLAIN(REAL(mkdir)(path, bits), below(path), 1); }
int rmdir(const char *path) { PLAIN(REAL(rmdir)(path), below(path), 0); }

static int opened(const char *name, int folder, const char *path, int flags, mode_t bits) {
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, name);
    int creates = (flags & O_CREAT) && (folder == AT_FDCWD ? below(path) : below_fd(folder));
    PLAIN(real(folder, path, flags, bits), creates, 1);
}
#define MODE_OF(flags, bits)                                                                       \
    mode_t bits = 0;                                                                               \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                       \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        bits = va_arg(rest, mode_t);                                                               \
        va_end(rest);                                                                              \
    }
int open(const char *path, int flags, ...) {
    MODE_OF(flags, bits);
    return opened("openat", AT_FDCWD, path, flags, bits);
}
int open64(const char *path, int flags, ...) {
    MODE_OF(flags, bits);
    return opened("openat64", AT_FDCWD, path, flags, bits);
}
