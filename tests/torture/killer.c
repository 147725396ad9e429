/* Stops a process before its n-th write, sync, connect or send, from outside its code. What makes, names or removes a
   file counts as a write. `seen.py` compares with strace: none of the process' calls passes by unseen.

   Loaded with LD_PRELOAD. A page of shared memory, named by PERSONASYNC_TORTURE, says which process is meant, at which
   call it shall end, and how: killed, or refused with an error from that call on (a full or a broken disk). */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
    _Atomic int64_t process; /* whose calls count; 0 nobody's */
    _Atomic int64_t at;      /* the call that does not happen any more; 0 none */
    _Atomic int64_t error;   /* 0: SIGKILL; else the errno of every call on a file from that one on */
    _Atomic int64_t calls;   /* how many there were */
};

static struct control *control;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("PERSONASYNC_TORTURE");
    int file = path ? open(path, O_RDWR) : -1;
    if (file >= 0) {
        void *page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        control = page == MAP_FAILED ? NULL : page;
        close(file);
    }
}

static int is_file(int descriptor) {
    struct stat about;
    return fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
}

/* 1 where the call shall fail. */
static int counted(int on_file) {
    if (!control || control->process != getpid()) return 0;
    int64_t number = atomic_fetch_add(&control->calls, 1) + 1;
    if (!control->at || number < control->at) return 0;
    if (control->error == 0) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    if (!on_file) return 0;
    errno = (int)control->error;
    return 1;
}

#define REAL(result, name, ...) static result (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

ssize_t write(int d, const void *b, size_t n) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return counted(is_file(d)) ? -1 : real(d, b, n);
}
ssize_t pwrite(int d, const void *b, size_t n, off_t o) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return counted(is_file(d)) ? -1 : real(d, b, n, o);
}
ssize_t pwrite64(int d, const void *b, size_t n, off64_t o) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return counted(is_file(d)) ? -1 : real(d, b, n, o);
}
ssize_t writev(int d, const struct iovec *v, int n) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    return counted(is_file(d)) ? -1 : real(d, v, n);
}
int fsync(int d) {
    REAL(int, "fsync", int);
    return counted(1) ? -1 : real(d);
}
int fdatasync(int d) {
    REAL(int, "fdatasync", int);
    return counted(1) ? -1 : real(d);
}
int ftruncate(int d, off_t n) {
    REAL(int, "ftruncate", int, off_t);
    return counted(1) ? -1 : real(d, n);
}
int ftruncate64(int d, off64_t n) {
    REAL(int, "ftruncate64", int, off64_t);
    return counted(1) ? -1 : real(d, n);
}
int rename(const char *a, const char *b) {
    REAL(int, "rename", const char *, const char *);
    return counted(1) ? -1 : real(a, b);
}
int unlink(const char *a) {
    REAL(int, "unlink", const char *);
    return counted(1) ? -1 : real(a);
}
int renameat(int d, const char *a, int e, const char *b) {
    REAL(int, "renameat", int, const char *, int, const char *);
    return counted(1) ? -1 : real(d, a, e, b);
}
int unlinkat(int d, const char *a, int f) {
    REAL(int, "unlinkat", int, const char *, int);
    return counted(1) ? -1 : real(d, a, f);
}
int remove(const char *a) { /* the library's own calls unlink from inside, where nobody stands between */
    REAL(int, "remove", const char *);
    return counted(1) ? -1 : real(a);
}
int rmdir(const char *a) {
    REAL(int, "rmdir", const char *);
    return counted(1) ? -1 : real(a);
}
int mkdir(const char *a, mode_t m) {
    REAL(int, "mkdir", const char *, mode_t);
    return counted(1) ? -1 : real(a, m);
}
int mkdirat(int d, const char *a, mode_t m) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    return counted(1) ? -1 : real(d, a, m);
}
int posix_fallocate(int d, off_t o, off_t n) {
    REAL(int, "posix_fallocate", int, off_t, off_t);
    return counted(1) ? errno : real(d, o, n);
}

/* An open that makes a file or empties one. */
#define OPENING(name, first, ...) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    } \
    static int (*real)(first, int, ...); \
    if (!real) real = dlsym(RTLD_NEXT, name); \
    return (flags & (O_CREAT | O_TRUNC)) && counted(1) ? -1 : real(__VA_ARGS__, flags, mode)
#define AT int, const char *

int open(const char *path, int flags, ...) { OPENING("open", const char *, path); }
int open64(const char *path, int flags, ...) { OPENING("open64", const char *, path); }
int openat(int d, const char *path, int flags, ...) { OPENING("openat", AT, d, path); }
int openat64(int d, const char *path, int flags, ...) { OPENING("openat64", AT, d, path); }

int connect(int d, const struct sockaddr *a, socklen_t n) {
    REAL(int, "connect", int, const struct sockaddr *, socklen_t);
    return counted(0) ? -1 : real(d, a, n);
}
ssize_t send(int d, const void *b, size_t n, int f) {
    REAL(ssize_t, "send", int, const void *, size_t, int);
    return counted(0) ? -1 : real(d, b, n, f);
}
ssize_t sendto(int d, const void *b, size_t n, int f, const struct sockaddr *a, socklen_t l) {
    REAL(ssize_t, "sendto", int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    return counted(0) ? -1 : real(d, b, n, f, a, l);
}
ssize_t sendmsg(int d, const struct msghdr *m, int f) {
    REAL(ssize_t, "sendmsg", int, const struct msghdr *, int);
    return counted(0) ? -1 : real(d, m, f);
}
