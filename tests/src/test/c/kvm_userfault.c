/*
 * Guest memory whose pages a userfaultfd handler of the client brings in, written against linux/kvm.h and
 * linux/userfaultfd.h alone: two hosts that keep the interface print the same. Ends with 77 where the host gives no
 * userfaultfd that sees accesses of the kernel.
 *
 * "walks" adds what needs a processor that executes real mode itself: where KVM emulates it, and walks no guest tables,
 * it spins at such faults or makes MMIO of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"

enum { PAGE = 4096, PAGES = 16, BYTES = PAGES * PAGE, RUN_BYTES = 3 * PAGE, SKIP = 77 };
enum { CODE = 1, TABLE = 10 };

struct region {
  uint8_t *memory;
  uint8_t *other; /* another view of the same file, or null */
  const char *name;
};

static struct region regions[3];
static int vm, cpu, uffd;
static struct kvm_run *run;
static _Atomic int generation;
static int held = -1; /* page of the first region that waits for `release` */
static int release;

/* Reads or writes a byte at bx and tells what it read: mov (%bx), %al; out %al, $0x80; hlt */
static const uint8_t load[] = {0x8a, 0x07, 0xe6, 0x80, 0xf4};
/* movb $0x77, (%bx); hlt */
static const uint8_t store[] = {0xc6, 0x07, 0x77, 0xf4};
enum { STORE_AT = 64 };

static void fill(uint8_t *page, int index, const char *name) {
  memset(page, index + 16 * atomic_load(&generation) + (name[0] == 's' ? 8 : 0), PAGE);
  if (index == CODE && name[0] == 'a') {
    memcpy(page, load, sizeof load);
    memcpy(page + STORE_AT, store, sizeof store);
  }
  if (index == TABLE) {
    memset(page, 0, PAGE);
    uint32_t entry = 0x8000 | 3; /* a page directory of 32-bit paging whose first table is the next page but one */
    memcpy(page, &entry, sizeof entry);
  }
}

static void answer(const struct region *region, uint64_t address, uint64_t flags) {
  static uint8_t page[PAGE] __attribute__((aligned(PAGE)));
  int index = (int)((address - (uintptr_t)region->memory) / PAGE);
  printf("  %s page %d%s%s%s\n", region->name, index, (flags & UFFD_PAGEFAULT_FLAG_WRITE) != 0 ? " write" : "",
         (flags & UFFD_PAGEFAULT_FLAG_MINOR) != 0 ? " minor" : "",
         (flags & UFFD_PAGEFAULT_FLAG_WP) != 0 ? " protected" : "");
  if (region == &regions[0] && index == held) {
    eventfd_t ignored;
    held = -1;
    eventfd_read(release, &ignored);
  }
  uint64_t start = address & ~(uint64_t)(PAGE - 1);
  if ((flags & UFFD_PAGEFAULT_FLAG_WP) != 0) {
    struct uffdio_writeprotect unprotect = {.range = {start, PAGE}};
    check(ioctl(uffd, UFFDIO_WRITEPROTECT, &unprotect), "UFFDIO_WRITEPROTECT");
  } else if ((flags & UFFD_PAGEFAULT_FLAG_MINOR) != 0) {
    fill(region->other + (size_t)index * PAGE, index, region->name);
    struct uffdio_continue resume = {.range = {start, PAGE}};
    check(ioctl(uffd, UFFDIO_CONTINUE, &resume), "UFFDIO_CONTINUE");
  } else {
    fill(page, index, region->name);
    struct uffdio_copy copy = {.dst = start, .src = (uintptr_t)page, .len = PAGE};
    check(ioctl(uffd, UFFDIO_COPY, &copy), "UFFDIO_COPY");
  }
}

static void *handle(void *unused) {
  struct uffd_msg message;
  while (read(uffd, &message, sizeof message) == sizeof message) {
    uint64_t address = message.arg.pagefault.address;
    for (int i = 0; i < 3 && message.event == UFFD_EVENT_PAGEFAULT; i++) {
      uint64_t offset = address - (uintptr_t)regions[i].memory;
      if (regions[i].memory != NULL && offset < BYTES) {
        answer(&regions[i], address, message.arg.pagefault.flags);
      }
    }
  }
  return unused;
}

static int open_uffd(int flags, uint64_t features) {
  int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | flags);
  struct uffdio_api api = {.api = UFFD_API, .features = features};
  if (fd < 0 || ioctl(fd, UFFDIO_API, &api) != 0) {
    exit(SKIP);
  }
  return fd;
}

static void watch(int fd, const struct region *region, uint64_t mode) {
  struct uffdio_register request = {.range = {(uintptr_t)region->memory, BYTES}, .mode = mode};
  check(ioctl(fd, UFFDIO_REGISTER, &request), "UFFDIO_REGISTER");
}

static void set_slot(uint32_t slot, const struct region *region) {
  struct kvm_userspace_memory_region request = {.slot = slot,
                                                .guest_phys_addr = (uint64_t)slot * BYTES,
                                                .memory_size = BYTES,
                                                .userspace_addr = (uintptr_t)region->memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &request), "KVM_SET_USER_MEMORY_REGION");
}

/* Executes code of the first region with bx at a page of the region of a slot. */
static int execute(int slot, int page, int offset) {
  struct kvm_sregs sregs;
  check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  sregs.cs.base = sregs.cs.selector = 0;
  sregs.ds.base = (uint64_t)slot * BYTES;
  sregs.ds.selector = (uint16_t)(slot * BYTES >> 4);
  check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  struct kvm_regs regs = {.rip = CODE * PAGE + offset, .rflags = 2, .rbx = (uint64_t)page * PAGE + 100};
  check(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
  return ioctl(cpu, KVM_RUN, 0);
}

static void load_from(int slot, int page) {
  int result = execute(slot, page, 0);
  if (result == 0 && run->exit_reason == KVM_EXIT_IO) {
    printf("%s page %d holds %d\n", regions[slot].name, page, *((uint8_t *)run + run->io.data_offset));
    result = ioctl(cpu, KVM_RUN, 0);
  }
  if (result != 0 || run->exit_reason != KVM_EXIT_HLT) {
    printf("run %d %s exit %u\n", result, strerror(errno), run->exit_reason);
  }
}

static void store_to(int slot, int page) {
  int result = execute(slot, page, STORE_AT);
  printf("store to %s page %d: %d exit %u\n", regions[slot].name, page, result, run->exit_reason);
}

static void missing(void) {
  load_from(0, 4);
  load_from(0, 4);
  store_to(0, 5);
  printf("client sees %d %d\n", regions[0].memory[5 * PAGE + 100], regions[0].memory[5 * PAGE + 101]);
  printf("client touches %d\n", regions[0].memory[6 * PAGE]);
  load_from(0, 6);
  atomic_fetch_add(&generation, 1);
  check(madvise(regions[0].memory + 4 * PAGE, PAGE, MADV_DONTNEED), "MADV_DONTNEED");
  load_from(0, 4);
  load_from(0, 5);
}

static void minor(int file) {
  load_from(1, 2);
  load_from(1, 2);
  store_to(1, 3);
  printf("other view %d\n", regions[1].other[3 * PAGE + 100]);
  atomic_fetch_add(&generation, 1);
  check(madvise(regions[1].memory + 2 * PAGE, PAGE, MADV_DONTNEED), "MADV_DONTNEED");
  load_from(1, 2);
  check(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE, PAGE), "fallocate");
  regions[1].other[3 * PAGE] = 0;
  load_from(1, 3);
}

static void protect(int page) {
  struct uffdio_writeprotect request = {.range = {(uintptr_t)regions[2].memory + (uint64_t)page * PAGE, PAGE},
                                        .mode = UFFDIO_WRITEPROTECT_MODE_WP};
  check(ioctl(uffd, UFFDIO_WRITEPROTECT, &request), "UFFDIO_WRITEPROTECT");
}

static void protected(void) {
  regions[2].memory[PAGE + 100] = 1;
  regions[2].memory[2 * PAGE + 100] = 2;
  protect(1);
  load_from(2, 1);
  store_to(2, 1);
  store_to(2, 1);
  store_to(2, 2);
  protect(1);
  load_from(2, 1);
  store_to(2, 1);
}

static void on_signal(int number) { (void)number; }

static void *interrupt(void *thread) {
  usleep(300000);
  pthread_kill(*(pthread_t *)thread, SIGUSR1);
  return NULL;
}

/* A handler that takes its time: a signal ends the call, and the next one goes on. */
static void signalled(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  pthread_t self = pthread_self();
  pthread_t other;
  held = 7;
  pthread_create(&other, NULL, interrupt, &self);
  int result = execute(0, 7, 0);
  printf("signalled: %d %s\n", result, result < 0 ? strerror(errno) : "");
  pthread_join(other, NULL);
  eventfd_write(release, 1);
  load_from(0, 7);
}

/* The walk of KVM_TRANSLATE reads a table that is not there yet. */
static void translate(void) {
  struct kvm_sregs sregs;
  check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  struct kvm_sregs before = sregs;
  sregs.cr0 |= 0x80000001;
  sregs.cr3 = TABLE * PAGE;
  check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  struct kvm_translation translation = {.linear_address = 0x12345};
  int result = ioctl(cpu, KVM_TRANSLATE, &translation);
  printf("translate %d: valid %d\n", result, translation.valid);
  check(ioctl(cpu, KVM_SET_SREGS, &before), "KVM_SET_SREGS");
}

/* A userfaultfd for accesses of user mode alone: KVM's are refused. */
static void user_mode_only(void) {
  struct region region = {.name = "user",
                          .memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
  int fd = open_uffd(UFFD_USER_MODE_ONLY, 0);
  watch(fd, &region, UFFDIO_REGISTER_MODE_MISSING);
  set_slot(3, &region);
  int result = execute(3, 4, 0);
  printf("user mode only: %d %s\n", result, result < 0 ? strerror(errno) : "");
}

static void make_vm(void) {
  int kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  cpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  run = mmap(NULL, RUN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  check(run == MAP_FAILED ? -1 : 0, "mmap kvm_run");
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  uffd = open_uffd(0, UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_PAGEFAULT_FLAG_WP |
                          UFFD_FEATURE_WP_HUGETLBFS_SHMEM);
  release = eventfd(0, 0);
  int file = memfd_create("pages", MFD_CLOEXEC);
  check(ftruncate(file, BYTES), "ftruncate");
  int prot = PROT_READ | PROT_WRITE;
  regions[0] = (struct region){.name = "anonymous",
                               .memory = mmap(NULL, BYTES, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
  regions[1] = (struct region){.name = "shared",
                               .memory = mmap(NULL, BYTES, prot, MAP_SHARED, file, 0),
                               .other = mmap(NULL, BYTES, prot, MAP_SHARED, file, 0)};
  regions[2] = (struct region){.name = "protected",
                               .memory = mmap(NULL, BYTES, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
  memset(regions[1].other, 99, BYTES);
  make_vm();
  watch(uffd, &regions[0], UFFDIO_REGISTER_MODE_MISSING);
  set_slot(0, &regions[0]);
  set_slot(1, &regions[1]);
  watch(uffd, &regions[1], UFFDIO_REGISTER_MODE_MINOR);
  set_slot(2, &regions[2]);
  watch(uffd, &regions[2], UFFDIO_REGISTER_MODE_WP);
  pthread_t handler;
  check(-pthread_create(&handler, NULL, handle, NULL), "pthread_create");
  missing();
  minor(file);
  protected();
  if (count > 1 && strcmp(arguments[1], "walks") == 0) {
    translate();
    signalled();
    user_mode_only();
  }
  printf("done\n");
  return 0;
}
