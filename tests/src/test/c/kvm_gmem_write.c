/*
 * Populates a guest_memfd by write(2), which the series of mail 20250303130838.28812-1-kalyazin@amazon.com adds to
 * Linux, written against linux/kvm.h alone; without the series each write fails.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest_memfd.h"
#include "real_mode.h"

/* Enough for several frames of the service, and a last one of a page. LOADED comes with a later one. */
enum { PAGE = 4096, PAGES = 2561, BYTES = PAGES * PAGE, CODE = 2, LOADED = 2500 };

static int vm;
static uint8_t *data;

static int make(void) {
  struct kvm_create_guest_memfd make = {.size = BYTES, .flags = GMEM_MMAP | GMEM_INIT_SHARED};
  return check(ioctl(vm, KVM_CREATE_GUEST_MEMFD, &make), "KVM_CREATE_GUEST_MEMFD");
}

static uint8_t *map(int file) {
  uint8_t *mapped = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  check(mapped == MAP_FAILED ? -1 : 0, "mmap");
  return mapped;
}

static void arguments(int file) {
  void *volatile nowhere = NULL;
  tell("a byte too few", pwrite(file, data, PAGE - 1, 0));
  tell("a byte too far", pwrite(file, data, PAGE, 1));
  tell("behind the end", pwrite(file, data, PAGE, BYTES));
  tell("across the end", pwrite(file, data, BYTES, PAGE));
  tell("negative", pwrite(file, data, PAGE, -PAGE));
  tell("from nowhere", pwrite(file, nowhere, PAGE, 0));
  tell("from the kernel", pwrite(file, (void *)0xffff800000000000, PAGE, 0));
  tell("nothing", pwrite(file, data, 0, 0));
  tell("read", read(file, data, PAGE));
  tell("pread", pread(file, data, PAGE, 0));
}

static void positions(int file) {
  tell("at first", lseek(file, 0, SEEK_CUR));
  tell("from the end", lseek(file, -PAGE, SEEK_END));
  tell("write there", write(file, data, PAGE));
  tell("after it", lseek(file, 0, SEEK_CUR));
  tell("write behind the end", write(file, data, PAGE));
  int copy = dup(file);
  tell("set", lseek(copy, 3 * PAGE, SEEK_SET));
  close(copy);
  struct iovec pieces[] = {{data, PAGE}, {data + PAGE, 2 * PAGE}};
  tell("pieces", writev(file, pieces, 2));
  tell("after them", lseek(file, 0, SEEK_CUR));
  tell("pieces elsewhere", pwritev(file, pieces, 2, 50 * PAGE));
  tell("pieces that meet", pwritev(file, pieces, 2, 49 * PAGE));
  tell("pieces nowhere", pwritev(file, pieces, 2, -1));
  tell("no pieces", pwritev(file, pieces, 0, 0));
  tell("read pieces", preadv(file, pieces, 2, 0));
  tell("as before", lseek(file, 0, SEEK_CUR));
  tell("before the start", lseek(file, -1, SEEK_SET));
  tell("hole", lseek(file, 0, SEEK_HOLE));
  tell("data behind the end", lseek(file, BYTES, SEEK_DATA));
}

static void repeats(int file) {
  uint8_t *mapped = map(file);
  tell("again", pwrite(file, data, PAGE, 3 * PAGE));
  tell("up to what is there", pwrite(file, data, 8 * PAGE, 0));
  tell("punch", fallocate(file, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 3 * PAGE, PAGE));
  tell("after the hole", pwrite(file, data + PAGE, PAGE, 3 * PAGE));
  printf("holds %d\n", mapped[3 * PAGE]);
  tell("allocate", fallocate(file, FALLOC_FL_KEEP_SIZE, 10 * PAGE, PAGE));
  tell("allocated", pwrite(file, data, PAGE, 10 * PAGE));
  mapped[20 * PAGE] = 1;
  tell("touched", pwrite(file, data, PAGE, 20 * PAGE));
  tell("beside it", pwrite(file, data, PAGE, 21 * PAGE));
  printf("still %d\n", mapped[20 * PAGE]);
  munmap(mapped, BYTES);
}

/* Two readable pages, then nothing. */
static void unreadable(int file) {
  uint8_t *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(pages == MAP_FAILED ? -1 : 0, "mmap");
  munmap(pages + 2 * PAGE, PAGE);
  tell("three pages of two", pwrite(file, pages, 3 * PAGE, 30 * PAGE));
  tell("half a page", pwrite(file, pages + 3 * PAGE / 2, PAGE, 40 * PAGE));
  tell("and then all of it", pwrite(file, pages, PAGE, 40 * PAGE));
}

/* Both a client's mapping and a guest see all that a long write brought. */
static void long_write(int file) {
  tell("all at once", pwrite(file, data, BYTES, 0));
  uint8_t *mapped = map(file);
  printf("same %d\n", memcmp(mapped, data, BYTES) == 0);
  struct kvm_userspace_memory_region2 region = {.flags = KVM_MEM_GUEST_MEMFD,
                                                .memory_size = BYTES,
                                                .userspace_addr = (uintptr_t)mapped,
                                                .guest_memfd = (uint32_t)file};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &region), "KVM_SET_USER_MEMORY_REGION2");
  struct kvm_run *run;
  int cpu = real_mode_vcpu(vm, &run);
  struct kvm_sregs sregs;
  check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  sregs.ds.base = LOADED * PAGE;
  check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  struct kvm_regs regs = {.rip = CODE * PAGE, .rflags = 2, .rbx = 5};
  check(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
  check(ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
  printf("the guest loads %d, should %d\n", *((uint8_t *)run + run->io.data_offset), data[LOADED * PAGE + 5]);
}

int main(void) {
  int kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  data = aligned_alloc(PAGE, BYTES);
  for (long i = 0; i < BYTES; i++) {
    data[i] = (uint8_t)(1 + i / PAGE + i * 7);
  }
  /* mov (%bx), %al; out %al, $0x80; hlt */
  static const uint8_t load[] = {0x8a, 0x07, 0xe6, 0x80, 0xf4};
  memcpy(data + CODE * PAGE, load, sizeof load);
  int file = make();
  arguments(file);
  positions(file);
  int other = make();
  if (pwrite(other, data, PAGE, 0) == PAGE) {
    repeats(file);
    unreadable(file);
    long_write(make());
  }
  return 0;
}
