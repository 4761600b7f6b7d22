// faults.c: makes one file operation of a program fail, or all from one on. Loaded before the C library (LD_PRELOAD).
//
//   CTX_FAULT_FOLDER  operations on files below this folder are counted (absolute path)
//   CTX_FAULT_PATH    only those on paths that contain this text; empty or absent: all. Files without a name are <folder>/nameless
//   CTX_FAULT_OPS     which: comma list of open-read, open-write, read, write, truncate, sync, close, rename, link, mkdir, remove
//   CTX_FAULT_AT      number of the operation that fails, from 1; 0: none, they are only listed
//   CTX_FAULT_ERROR   errno that it fails with (ENOSPC, EIO, EROFS, EDQUOT, EACCES, EMFILE), or SHORT: a write takes half of its bytes,
//                     once, which is no error; or KILL: the process is killed there; or INT: it gets SIGINT there, as from Ctrl-C;
//                     or STOP: it stands still there until it gets SIGCONT
//   CTX_FAULT_STICKY  1: every later operation of these kinds fails too, as on a disk that stays full
//   CTX_FAULT_LOG     file outside the folder that gets one line for each failed (or listed) operation: number, kind, path
//   CTX_FAULT_THREADS text in the path of a library whose attempts to start a thread are counted (libstdc++: those of C++ code);
//                     CTX_FAULT_AT, _STICKY and _LOG are then about them, as operations of the kind "thread"
//
// An fd that fails to close is closed all the same, as Linux does.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 4096, LONGEST = 1024 };

static struct {
  char path[LONGEST];
  int writes;
} files[FILES]; // by descriptor; an empty path: not below the folder
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long count;

#define REAL(result, name, ...)                                             \
  static result (*real)(__VA_ARGS__);                                       \
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

static const char *setting(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

static int below_folder(const char *path, char *full) {
  const char *folder = setting("CTX_FAULT_FOLDER");
  if (!*folder || !path) return 0;
  const size_t length = strlen(folder), named = strlen(path);
  size_t from = 0;
  if (*path != '/') {
    if (!getcwd(full, LONGEST - 1)) return 0;
    from = strlen(full);
    full[from++] = '/';
  }
  if (from + named >= LONGEST) return 0;
  memcpy(full + from, path, named + 1);
  return strncmp(full, folder, length) == 0 && (full[length] == 0 || full[length] == '/');
}

static int listed(const char *kind) {
  const char *list = setting("CTX_FAULT_OPS");
  const size_t length = strlen(kind);
  for (const char *at = list; (at = strstr(at, kind)); at += length)
    if ((at == list || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return 1;
  return 0;
}

static int number_of(const char *error) {
  static const struct { const char *name; int number; } known[] = {
      {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EROFS", EROFS}, {"EDQUOT", EDQUOT}, {"EACCES", EACCES}, {"EMFILE", EMFILE}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(error, known[i].name) == 0) return known[i].number;
  return EIO;
}

static void say(long number, const char *kind, const char *path) {
  static int (*real_open)(const char *, int, ...);
  static ssize_t (*real_write)(int, const void *, size_t);
  static int (*real_close)(int);
  if (!real_open) *(void **)&real_open = dlsym(RTLD_NEXT, "open");
  if (!real_write) *(void **)&real_write = dlsym(RTLD_NEXT, "write");
  if (!real_close) *(void **)&real_close = dlsym(RTLD_NEXT, "close");
  const int log = real_open(setting("CTX_FAULT_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (log < 0) return;
  char line[LONGEST + 64];
  const int length = snprintf(line, sizeof line, "%ld %s %s\n", number, kind, path);
  if (real_write(log, line, (size_t)length) < 0) abort();
  real_close(log);
}

static volatile int heard; // that a key was pressed

static void listen_to(int file, const char *text, size_t bytes) {
  if (file == STDERR_FILENO && memmem(text, bytes, "stopping", 8)) heard = 1;
}

// 0: go on. -1: fail, errno is set. 1: a short write.
static int fault(const char *kind, const char *path) {
  if (!*path || !listed(kind) || !strstr(path, setting("CTX_FAULT_PATH"))) return 0;
  const long at = atol(setting("CTX_FAULT_AT"));
  pthread_mutex_lock(&mutex);
  const long number = ++count;
  pthread_mutex_unlock(&mutex);
  if (at == 0) say(number, kind, path);
  if (at == 0 || number < at || (number > at && *setting("CTX_FAULT_STICKY") != '1')) return 0;
  say(number, kind, path);
  const char *error = setting("CTX_FAULT_ERROR");
  if (strcmp(error, "KILL") == 0) kill(getpid(), SIGKILL);
  if (strcmp(error, "STOP") == 0) {
    kill(getpid(), SIGSTOP);
    return 0;
  }
  if (strcmp(error, "INT") == 0) {
    kill(getpid(), SIGINT);
    // So that on another thread than the event loop's the operation is under way when the key is heard, which the command tells. The event
    // loop itself hears nothing as long as it is its own operation.
    usleep(200000);
    for (int times = 0; times < 1000 && !heard && gettid() != getpid(); times++) usleep(10000);
    return 0;
  }
  if (strcmp(error, "SHORT") == 0) return strcmp(kind, "write") == 0;
  errno = number_of(error);
  return -1;
}

static int fault_path(const char *kind, const char *path) {
  char full[LONGEST];
  return below_folder(path, full) ? fault(kind, full) : 0;
}

static int fault_file(const char *kind, int file) {
  return file >= 0 && file < FILES && files[file].path[0] ? fault(kind, files[file].path) : 0;
}

// ---- opening and closing ----

#define NAMELESS "/nameless" // of a file that was made without a name

static int opened(int file, const char *path, int flags) {
  char full[LONGEST];
  if (file < 0 || file >= FILES) return file;
  files[file].path[0] = 0; // of an earlier file, closed by a system call that does not come through here
  if (!below_folder(path, full)) return file;
  strcpy(files[file].path, full);
  if ((flags & O_TMPFILE) == O_TMPFILE && strlen(full) + sizeof NAMELESS < LONGEST) strcat(files[file].path, NAMELESS);
  files[file].writes = (flags & O_ACCMODE) != O_RDONLY;
  return file;
}

static const char *opening(int flags) { return (flags & O_ACCMODE) == O_RDONLY ? "open-read" : "open-write"; }

#define MODE(flags)                                    \
  mode_t mode = 0;                                     \
  if ((flags) & (O_CREAT | O_TMPFILE)) {               \
    va_list arguments;                                 \
    va_start(arguments, flags);                        \
    mode = va_arg(arguments, mode_t);                  \
    va_end(arguments);                                 \
  }

#define OPEN(name)                                               \
  int name(const char *path, int flags, ...) {                   \
    MODE(flags)                                                  \
    REAL(int, #name, const char *, int, ...);                    \
    if (fault_path(opening(flags), path) < 0) return -1;         \
    return opened(real(path, flags, mode), path, flags);         \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                             \
  int name(int folder, const char *path, int flags, ...) {       \
    MODE(flags)                                                  \
    REAL(int, #name, int, const char *, int, ...);               \
    const int plain = folder == AT_FDCWD || *path == '/';        \
    if (plain && fault_path(opening(flags), path) < 0) return -1; \
    const int file = real(folder, path, flags, mode);            \
    return plain ? opened(file, path, flags) : file;             \
  }
OPENAT(openat)
OPENAT(openat64)

int close(int file) {
  REAL(int, "close", int);
  const int failed = file >= 0 && file < FILES && files[file].writes ? fault_file("close", file) : 0;
  const int error = errno;
  if (file >= 0 && file < FILES) {
    files[file].path[0] = 0;
    files[file].writes = 0;
  }
  const int result = real(file);
  if (failed < 0) errno = error;
  return failed < 0 ? -1 : result;
}

// ---- bytes ----

#define READ(name, parameters, arguments)                        \
  ssize_t name parameters {                                      \
    static ssize_t (*real) parameters;                           \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);        \
    return fault_file("read", file) < 0 ? -1 : real arguments;   \
  }
READ(read, (int file, void *to, size_t bytes), (file, to, bytes))
READ(pread, (int file, void *to, size_t bytes, off_t at), (file, to, bytes, at))
READ(pread64, (int file, void *to, size_t bytes, off64_t at), (file, to, bytes, at))
READ(readv, (int file, const struct iovec *to, int pieces), (file, to, pieces))
READ(preadv, (int file, const struct iovec *to, int pieces, off_t at), (file, to, pieces, at))
READ(preadv64, (int file, const struct iovec *to, int pieces, off64_t at), (file, to, pieces, at))

#define WRITE(name, parameters, arguments)                       \
  ssize_t name parameters {                                      \
    static ssize_t (*real) parameters;                           \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);        \
    listen_to(file, from, bytes);                                \
    const int failed = fault_file("write", file);                \
    if (failed < 0) return -1;                                   \
    if (failed && bytes > 1) bytes /= 2;                         \
    return real arguments;                                       \
  }
WRITE(write, (int file, const void *from, size_t bytes), (file, from, bytes))
WRITE(pwrite, (int file, const void *from, size_t bytes, off_t at), (file, from, bytes, at))
WRITE(pwrite64, (int file, const void *from, size_t bytes, off64_t at), (file, from, bytes, at))

// A short write of several pieces takes the first half of them, or of the only one.
#define WRITEV(name, parameters, whole, half)                    \
  ssize_t name parameters {                                      \
    static ssize_t (*real) parameters;                           \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);        \
    for (int i = 0; i < pieces; i++) listen_to(file, from[i].iov_base, from[i].iov_len); \
    const int failed = fault_file("write", file);                \
    if (failed < 0) return -1;                                   \
    if (!failed) return real whole;                              \
    struct iovec one = from[0];                                  \
    one.iov_len = (one.iov_len + 1) / 2;                         \
    return real half;                                            \
  }
WRITEV(writev, (int file, const struct iovec *from, int pieces), (file, from, pieces), (file, &one, 1))
WRITEV(pwritev, (int file, const struct iovec *from, int pieces, off_t at), (file, from, pieces, at), (file, &one, 1, at))
WRITEV(pwritev64, (int file, const struct iovec *from, int pieces, off64_t at), (file, from, pieces, at), (file, &one, 1, at))

#define ON_FILE(name, kind, parameters, arguments)               \
  int name parameters {                                          \
    static int (*real) parameters;                               \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);        \
    return fault_file(kind, file) < 0 ? -1 : real arguments;     \
  }
ON_FILE(ftruncate, "truncate", (int file, off_t bytes), (file, bytes))
ON_FILE(ftruncate64, "truncate", (int file, off64_t bytes), (file, bytes))
ON_FILE(fallocate, "truncate", (int file, int mode, off_t at, off_t bytes), (file, mode, at, bytes))
ON_FILE(fallocate64, "truncate", (int file, int mode, off64_t at, off64_t bytes), (file, mode, at, bytes))
ON_FILE(fsync, "sync", (int file), (file))
ON_FILE(fdatasync, "sync", (int file), (file))
ON_FILE(sync_file_range, "sync", (int file, off64_t at, off64_t bytes, unsigned flags), (file, at, bytes, flags))

// The kernel copies between descriptors: one write.
ssize_t sendfile64(int file, int in, off64_t *at, size_t bytes) {
  REAL(ssize_t, "sendfile64", int, int, off64_t *, size_t);
  return fault_file("write", file) < 0 ? -1 : real(file, in, at, bytes);
}

ssize_t copy_file_range(int in, off64_t *in_at, int file, off64_t *at, size_t bytes, unsigned flags) {
  REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
  return fault_file("write", file) < 0 ? -1 : real(in, in_at, file, at, bytes, flags);
}

// ---- names ----

#define ON_PATH(name, kind, parameters, arguments)               \
  int name parameters {                                          \
    static int (*real) parameters;                               \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);        \
    return fault_path(kind, path) < 0 ? -1 : real arguments;     \
  }
ON_PATH(rename, "rename", (const char *from, const char *path), (from, path))
ON_PATH(link, "link", (const char *from, const char *path), (from, path))
ON_PATH(mkdir, "mkdir", (const char *path, mode_t mode), (path, mode))
ON_PATH(unlink, "remove", (const char *path), (path))
ON_PATH(rmdir, "remove", (const char *path), (path))

// ---- threads ----

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  REAL(int, "pthread_create", pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  const char *library = setting("CTX_FAULT_THREADS");
  Dl_info caller;
  if (*library && dladdr(__builtin_return_address(0), &caller) && caller.dli_fname && strstr(caller.dli_fname, library)) {
    const long at = atol(setting("CTX_FAULT_AT"));
    pthread_mutex_lock(&mutex);
    const long number = ++count;
    pthread_mutex_unlock(&mutex);
    const int fails = at > 0 && (number == at || (number > at && *setting("CTX_FAULT_STICKY") == '1'));
    if (at == 0 || fails) say(number, "thread", caller.dli_fname);
    if (fails) return EAGAIN; // what a limit on processes gives (ulimit -u)
  }
  return real(thread, attributes, start, argument);
}
