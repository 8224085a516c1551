/* Keeps DEPTH requests in flight on a block device, past the guest's page cache: what `qemu-img bench` does on the host, in a guest.
 *
 *     queue DEVICE read|write BYTES DEPTH COUNT STEP LENGTH
 *
 * COUNT requests of BYTES each, STEP bytes apart, around within the first LENGTH bytes. Prints the nanoseconds it took; with what is
 * written, until it is on the disk. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 128 };

static void refuse(const char *what) {
    perror(what);
    exit(1);
}

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    int writes = !strcmp(argv[2], "write"), device = open(argv[1], O_RDWR | O_DIRECT);
    long long bytes = atoll(argv[3]), count = atoll(argv[5]), step = atoll(argv[6]), length = atoll(argv[7]);
    int depth = atoi(argv[4]), ready = 0;
    static struct iocb control[MOST], *queued[MOST];
    struct io_event events[MOST];
    aio_context_t context = 0;
    if (device < 0) refuse(argv[1]);
    if (depth < 1 || depth > MOST || syscall(SYS_io_setup, depth, &context)) refuse("io_setup");
    for (; ready < depth; ready++) {
        void *buffer;
        if (posix_memalign(&buffer, 4096, bytes)) refuse("memory");
        memset(buffer, 0x5a, bytes);
        control[ready].aio_buf = (unsigned long)buffer;
        queued[ready] = &control[ready];
    }
    long long started = now(), sent = 0, done = 0, offset = 0;
    while (done < count) {
        int batch = 0;
        for (; batch < ready && sent < count; batch++, sent++) {
            struct iocb *one = queued[batch];
            one->aio_fildes = device;
            one->aio_lio_opcode = writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
            one->aio_nbytes = bytes;
            one->aio_offset = offset;
            offset = (offset + step) % length;
            if (offset + bytes > length) offset = 0;
        }
        for (int at = 0; at < batch;) {
            long taken = syscall(SYS_io_submit, context, batch - at, queued + at);
            if (taken < 1) refuse("io_submit");
            at += taken;
        }
        long got = syscall(SYS_io_getevents, context, 1, depth, events, NULL);
        if (got < 1) refuse("io_getevents");
        for (ready = 0; ready < got; ready++) {
            if (events[ready].res != bytes) refuse("a request came back short");
            queued[ready] = (struct iocb *)events[ready].obj;
        }
        done += got;
    }
    if (writes && fsync(device)) refuse("fsync");
    printf("%lld\n", now() - started);
    return 0;
}
