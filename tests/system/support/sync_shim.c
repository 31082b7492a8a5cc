/* SPDX-License-Identifier: Apache-2.0
 * LD_PRELOAD: the file that ROOST_SHIM names says what fsync and its kin do. Missing or empty: the
 * real thing. "skip": success without a system call. "fail": EIO. "delay N": N ms later. "hang":
 * not before it says something else. For tests of tests, and of a disk that says no or nothing; the
 * product knows nothing of it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The first letter; what stands behind the word goes to `number`. */
static char mode(int* number) {
  char said[32] = "";
  const char* path = getenv("ROOST_SHIM");
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    if (read(file, said, sizeof(said) - 1) < 0) said[0] = 0;
    close(file);
  }
  *number = said[0] == 'd' ? atoi(said + sizeof("delay")) : 0;
  return said[0];
}

static char told(void) {
  int delay_ms = 0;
  char word = mode(&delay_ms);
  if (delay_ms > 0) usleep((useconds_t)delay_ms * 1000);
  while (word == 'h') {
    usleep(10000);
    word = mode(&delay_ms);
  }
  return word;
}

#define SHIM(name, parameters, arguments)                                  \
  int name parameters {                                                    \
    const char word = told();                                              \
    if (word == 's') return 0;                                             \
    if (word == 'f') return errno = EIO, -1;                               \
    int(*real) parameters = (int(*) parameters)dlsym(RTLD_NEXT, #name);    \
    return real arguments;                                                 \
  }

SHIM(fsync, (int file), (file))
SHIM(fdatasync, (int file), (file))
SHIM(sync_file_range, (int file, off64_t from, off64_t size, unsigned flags),
     (file, from, size, flags))
SHIM(msync, (void* from, size_t size, int flags), (from, size, flags))
