/* A wrong clock for the processes that preload this: the wall's is as many seconds off as the file in CLOCK_OFFSET_FILE says,
   read anew each second, and every other clock is right. Debian's libfaketime 0.9.10 breaks time.sleep of Python 3.11
   (its issue 426). No header is needed, so that a bare compiler will do. */

typedef struct { long sec, part; } moment; /* of timespec and timeval */
extern long syscall(long, ...);
extern char *getenv(const char *);
enum { READ = 0, OPEN = 2, CLOSE = 3, GETTIME = 228, REALTIME = 0, MONOTONIC = 1, COARSE = 5 };

static long offset(void) {
    static volatile long known, read_at = -1;
    moment up;
    syscall(GETTIME, MONOTONIC, &up);
    if (up.sec != read_at) {
        const char *path = getenv("CLOCK_OFFSET_FILE");
        char said[32] = {0};
        long file = path ? syscall(OPEN, path, 0, 0) : -1, sign = 1, seconds = 0, at = 0;
        if (file >= 0) {
            syscall(READ, file, said, sizeof said - 1);
            syscall(CLOSE, file);
            if (said[0] == '-' || said[0] == '+') sign = said[at++] == '-' ? -1 : 1;
            while (said[at] >= '0' && said[at] <= '9') seconds = 10 * seconds + said[at++] - '0';
            known = sign * seconds;
        }
        read_at = up.sec;
    }
    return known;
}

int clock_gettime(int clock, moment *now) {
    long failed = syscall(GETTIME, (long)clock, now);
    if (!failed && (clock == REALTIME || clock == COARSE)) now->sec += offset();
    return (int)failed;
}

int gettimeofday(moment *now, void *zone) {
    (void)zone;
    if (now && !clock_gettime(REALTIME, now)) now->part /= 1000;
    return 0;
}

long time(long *at) {
    moment now;
    clock_gettime(REALTIME, &now);
    if (at) *at = now.sec;
    return now.sec;
}
