/*
 * Guest memory in a file that the client truncates, written against linux/kvm.h alone: what is gone is EFAULT, or to a
 * call that reads tables not there; what is left goes on, and so does all of it once the file is as long again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "real_mode.h"

enum { PAGE = 4096, PAGES = 16, BYTES = PAGES * PAGE, CODE = 1, TABLE = 10, LEFT = 4 };

static int vm, cpu, file;
static struct kvm_run *run;

/* mov (%bx), %al; out %al, $0x80; hlt */
static const uint8_t load[] = {0x8a, 0x07, 0xe6, 0x80, 0xf4};

static void load_from(int page) {
  struct kvm_regs regs = {.rip = CODE * PAGE, .rflags = 2, .rbx = (uint64_t)page * PAGE + 100};
  check(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
  int result = ioctl(cpu, KVM_RUN, 0);
  if (result < 0) {
    printf("page %d: %s\n", page, strerror(errno));
  } else if (run->exit_reason == KVM_EXIT_IO) {
    printf("page %d holds %d\n", page, *((uint8_t *)run + run->io.data_offset));
    check(ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
  } else {
    printf("page %d: exit %u\n", page, run->exit_reason);
  }
}

static void translate(void) {
  struct kvm_sregs sregs;
  check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  struct kvm_sregs before = sregs;
  sregs.cr0 |= 0x80000001;
  sregs.cr3 = TABLE * PAGE;
  check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  struct kvm_translation translation = {.linear_address = 0x2345};
  int result = ioctl(cpu, KVM_TRANSLATE, &translation);
  printf("translate %d: valid %d\n", result, translation.valid);
  check(ioctl(cpu, KVM_SET_SREGS, &before), "KVM_SET_SREGS");
}

static void resize(int pages) {
  printf("%d pages: %d\n", pages, ftruncate(file, pages * PAGE));
}

int main(void) {
  file = check(memfd_create("pages", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create");
  resize(PAGES);
  uint8_t *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  for (int page = 0; page < PAGES; page++) {
    memset(memory + page * PAGE, page, PAGE);
  }
  memcpy(memory + CODE * PAGE, load, sizeof load);
  int kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  cpu = real_mode_vcpu(vm, &run);
  struct kvm_userspace_memory_region region = {.memory_size = BYTES, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  load_from(8);
  resize(LEFT);
  load_from(8);
  load_from(9);
  load_from(2);
  translate();
  resize(PAGES);
  load_from(8);
  load_from(9);
  load_from(2);
  printf("done\n");
  return 0;
}
