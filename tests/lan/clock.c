/* Another time of day for a program that is started with this library (LD_PRELOAD): off by as many nanoseconds as the
   file named by LAN_CLOCK holds, eight bytes, read anew at every call. Time that only passes (monotonic) stays true, and
   so do sleeps. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *off;

__attribute__((constructor)) static void look(void) {
  const char *name = getenv("LAN_CLOCK");
  int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  void *seen = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *off, PROT_READ, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  if (seen != MAP_FAILED) off = seen;
}

int clock_gettime(clockid_t id, struct timespec *now) {
  long failed = syscall(SYS_clock_gettime, id, now);
  if (!failed && off && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
    int64_t wrong = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + *off;
    now->tv_sec = wrong / 1000000000;
    now->tv_nsec = wrong % 1000000000;
  }
  return (int)failed;
}

time_t time(time_t *told) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (told) *told = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec exact;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}
