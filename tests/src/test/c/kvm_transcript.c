/*
 * A client of /dev/kvm on x86-64, written against linux/kvm.h alone. It drives guests in real mode and in long mode
 * through port and memory-mapped I/O, a dirty log, a signal and guest_memfd, and prints what it saw: two hosts that keep
 * the interface print the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "guest_memfd.h"

enum {
  PAGE = 4096,
  MEMORY = 2 << 20,
  CODE = 0x1000,
  TABLES = 0x10000,
  DATA = 0x20000,
  MMIO = 0x10000000,
  GMEM_GPA = 0x200000,
  PORT = 0x3f8
};

#define GUEST(name, code)                                                                                     \
  extern const uint8_t guest_##name[], guest_##name##_end[];                                                  \
  __asm__(".pushsection .rodata\n.globl guest_" #name "\nguest_" #name ":\n" code "\n.globl guest_" #name    \
          "_end\nguest_" #name "_end:\n.code64\n.popsection\n");

/* Writes a text to a port byte by byte, reads a port, stores and loads outside memory, halts. */
GUEST(real,
      ".code16\n"
      "  mov $0x3f8, %dx\n"
      "  mov $'r', %al\n  out %al, %dx\n"
      "  mov $'m', %al\n  out %al, %dx\n"
      "  in %dx, %ax\n"
      "  add $1, %ax\n"
      "  out %ax, %dx\n"
      "  mov $0xd000, %bx\n  mov %bx, %ds\n"
      "  movw $0xbeef, 0x10\n"
      "  mov 0x14, %cl\n"
      "  mov %cl, %al\n  out %al, $0x42\n"
      "  mov $0x200, %bx\n  mov %bx, %ds\n"
      "  mov %ax, 0\n"
      "  mov 0, %si\n"
      "  hlt\n")

/* Sums what it loads from outside memory, dirties pages, writes a string to a port, halts. */
GUEST(long,
      ".code64\n"
      "  mov $0x10000000, %rbx\n"
      "  movabs $0x1122334455667788, %rax\n"
      "  mov %rax, 0x8(%rbx)\n"
      "  mov 0x10(%rbx), %ecx\n"
      "  movzwl 0x20(%rbx), %edx\n"
      "  add %rdx, %rcx\n"
      "  mov $0x20000, %rdi\n"
      "  mov %rcx, (%rdi)\n"
      "  mov %rcx, 0x3000(%rdi)\n"
      "  mov %rcx, 0x9000(%rdi)\n"
      "  lea text(%rip), %rsi\n"
      "  mov $4, %ecx\n"
      "  mov $0x3f8, %edx\n"
      "  rep outsb\n"
      "  hlt\n"
      "text: .ascii \"long\"\n")

/* Loads from guest_memfd, adds one, stores it on the next page. */
GUEST(gmem,
      ".code64\n"
      "  mov $0x200000, %rdi\n"
      "  mov (%rdi), %rax\n"
      "  add $1, %rax\n"
      "  mov %rax, 0x1000(%rdi)\n"
      "  hlt\n")

GUEST(spin, ".code64\n  1: jmp 1b\n")

static int kvm, vm, cpu;
static struct kvm_run *run;
static uint8_t *memory;

static void fail(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

static int check(int result, const char *what) {
  if (result < 0) {
    fail(what);
  }
  return result;
}

static void *anonymous(size_t bytes) {
  void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    fail("mmap");
  }
  return mapped;
}

static void make_vm(uint32_t flags) {
  vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  memory = anonymous(MEMORY);
  struct kvm_userspace_memory_region region = {.flags = flags, .memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  cpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  int bytes = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
  run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  if (run == MAP_FAILED) {
    fail("mmap kvm_run");
  }
}

static void end_vm(void) {
  munmap(run, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
  close(cpu);
  close(vm);
  munmap(memory, MEMORY);
}

static void load(const uint8_t *from, const uint8_t *end) { memcpy(memory + CODE, from, (size_t)(end - from)); }

static void start_at_code(void) {
  struct kvm_regs regs = {.rip = CODE, .rflags = 2, .rsp = 0xf000};
  check(ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void enter_real_mode(void) {
  struct kvm_sregs sregs;
  check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  sregs.cs.base = sregs.cs.selector = 0;
  check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  start_at_code();
}

/* Four levels of tables, the first GiB one to one in pages of 2 MiB. */
static void enter_long_mode(void) {
  uint64_t *pml4 = (uint64_t *)(memory + TABLES);
  uint64_t *pdpt = pml4 + 512;
  uint64_t *pd = pdpt + 512;
  pml4[0] = (TABLES + PAGE) | 3;
  pdpt[0] = (TABLES + 2 * PAGE) | 3;
  for (uint64_t i = 0; i < 512; i++) {
    pd[i] = i << 21 | 0x83;
  }
  struct kvm_sregs sregs;
  check(ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
  struct kvm_segment code = {.limit = ~0U, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
  struct kvm_segment data = {.limit = ~0U, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
  sregs.cs = code;
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
  sregs.cr0 = 0x80050033;
  sregs.cr3 = TABLES;
  sregs.cr4 = 0x20;
  sregs.efer = 0x500;
  check(ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
  start_at_code();
}

static void print_bytes(const uint8_t *bytes, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    printf("%02x", bytes[i]);
  }
}

/* Runs up to the halt; answers reads with bytes that count up. */
static void run_to_halt(void) {
  uint8_t next = 0x10;
  for (int exits = 0; exits < 100; exits++) {
    check(ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    switch (run->exit_reason) {
      case KVM_EXIT_IO:
        printf("  io %s port %x size %u count %u", run->io.direction == KVM_EXIT_IO_OUT ? "out" : "in", run->io.port,
               run->io.size, run->io.count);
        if (run->io.direction == KVM_EXIT_IO_OUT) {
          printf(" data ");
          print_bytes(data, run->io.size * run->io.count);
        } else {
          for (unsigned i = 0; i < run->io.size * run->io.count; i++) {
            data[i] = next++;
          }
        }
        printf("\n");
        break;
      case KVM_EXIT_MMIO:
        printf("  mmio %s %llx bytes %u", run->mmio.is_write ? "write" : "read", run->mmio.phys_addr, run->mmio.len);
        if (run->mmio.is_write) {
          printf(" data ");
          print_bytes(run->mmio.data, run->mmio.len);
        } else {
          for (unsigned i = 0; i < run->mmio.len; i++) {
            run->mmio.data[i] = next++;
          }
        }
        printf("\n");
        break;
      case KVM_EXIT_HLT:
        printf("  hlt\n");
        return;
      default:
        printf("  exit %u\n", run->exit_reason);
        return;
    }
  }
}

static void print_registers(void) {
  struct kvm_regs regs;
  check(ioctl(cpu, KVM_GET_REGS, &regs), "KVM_GET_REGS");
  printf("  rax %llx rbx %llx rcx %llx rdx %llx rsi %llx rdi %llx rip %llx\n", regs.rax, regs.rbx, regs.rcx, regs.rdx,
         regs.rsi, regs.rdi, regs.rip);
}

static void print_dirty(void) {
  uint64_t bitmap[MEMORY / PAGE / 64] = {0};
  struct kvm_dirty_log log = {.dirty_bitmap = bitmap};
  check(ioctl(vm, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
  printf("  dirty data pages");
  for (unsigned page = DATA / PAGE; page < MEMORY / PAGE; page++) {
    if (bitmap[page / 64] >> page % 64 & 1) {
      printf(" %x", page);
    }
  }
  printf("\n");
}

static void real_mode(void) {
  printf("real mode\n");
  make_vm(0);
  /* For this guest memory ends at 0xd0000, below what 16-bit addresses reach. */
  struct kvm_userspace_memory_region none = {0};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &none), "KVM_SET_USER_MEMORY_REGION delete");
  struct kvm_userspace_memory_region low = {.memory_size = 0xd0000, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &low), "KVM_SET_USER_MEMORY_REGION low");
  load(guest_real, guest_real_end);
  enter_real_mode();
  run_to_halt();
  print_registers();
  printf("  memory ");
  print_bytes(memory + 0x2000, 2);
  printf("\n");
  end_vm();
}

static void long_mode(void) {
  printf("long mode\n");
  make_vm(KVM_MEM_LOG_DIRTY_PAGES);
  load(guest_long, guest_long_end);
  enter_long_mode();
  run_to_halt();
  print_registers();
  printf("  memory ");
  print_bytes(memory + DATA, 8);
  printf("\n");
  print_dirty();
  print_dirty();
  start_at_code();
  run->immediate_exit = 1;
  int result = ioctl(cpu, KVM_RUN, 0);
  printf("  immediate exit %d %s\n", result, result < 0 && errno == EINTR ? "EINTR" : "");
  run->immediate_exit = 0;
  run_to_halt();
  print_dirty();
  end_vm();
}

static void on_alarm(int number) { (void)number; }

static void interrupted(void) {
  printf("signal\n");
  make_vm(0);
  load(guest_spin, guest_spin_end);
  enter_long_mode();
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  /* Again and again: the first one may come before the call. */
  struct itimerval timer = {.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000};
  setitimer(ITIMER_REAL, &timer, NULL);
  int result = ioctl(cpu, KVM_RUN, 0);
  int error = errno;
  struct itimerval off = {0};
  setitimer(ITIMER_REAL, &off, NULL);
  printf("  run %d %s exit %u\n", result, result < 0 && error == EINTR ? "EINTR" : "", run->exit_reason);
  end_vm();
}

static void guest_memfd(void) {
  printf("guest_memfd\n");
  make_vm(0);
  if (ioctl(vm, KVM_CHECK_EXTENSION, CAP_GUEST_MEMFD) <= 0 ||
      (ioctl(vm, KVM_CHECK_EXTENSION, CAP_GUEST_MEMFD_FLAGS) & (GMEM_MMAP | GMEM_INIT_SHARED)) == 0) {
    printf("  not here\n");
    end_vm();
    return;
  }
  struct kvm_create_guest_memfd make = {.size = 16 * PAGE, .flags = GMEM_MMAP | GMEM_INIT_SHARED};
  int file = check(ioctl(vm, KVM_CREATE_GUEST_MEMFD, &make), "KVM_CREATE_GUEST_MEMFD");
  uint8_t *pages = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (pages == MAP_FAILED) {
    fail("mmap guest_memfd");
  }
  *(uint64_t *)pages = 0x41;
  struct kvm_userspace_memory_region2 region = {.slot = 1,
                                                .flags = KVM_MEM_GUEST_MEMFD,
                                                .guest_phys_addr = GMEM_GPA,
                                                .memory_size = 16 * PAGE,
                                                .userspace_addr = (uintptr_t)pages,
                                                .guest_memfd = (uint32_t)file};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &region), "KVM_SET_USER_MEMORY_REGION2");
  load(guest_gmem, guest_gmem_end);
  enter_long_mode();
  run_to_halt();
  printf("  second page %llx\n", *(unsigned long long *)(pages + PAGE));
  char byte;
  printf("  read %zd", read(file, &byte, 1));
  printf(" %s\n", strerror(errno));
  printf("  pread %zd", pread(file, &byte, 1, 0));
  printf(" %s\n", strerror(errno));
  printf("  pwrite %zd", pwrite(file, &byte, 1, 0));
  printf(" %s\n", strerror(errno));
  printf("  pread of the VM %zd", pread(vm, &byte, 1, 0));
  printf(" %s\n", strerror(errno));
  printf("  punch %d\n", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE));
  printf("  second page %llx\n", *(unsigned long long *)(pages + PAGE));
  struct kvm_userspace_memory_region2 wrong = region;
  wrong.slot = 2;
  wrong.guest_phys_addr = 2 * GMEM_GPA;
  wrong.guest_memfd = (uint32_t)vm;
  int result = ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &wrong);
  printf("  another file %d %s\n", result, strerror(errno));
  wrong.guest_memfd = 999;
  result = ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &wrong);
  printf("  no file %d %s\n", result, strerror(errno));
  close(file);
  *(uint64_t *)pages = 0x51;
  enter_long_mode();
  run_to_halt();
  printf("  closed, mapped still: second page %llx\n", *(unsigned long long *)(pages + PAGE));
  munmap(pages, 16 * PAGE);
  end_vm();
}

/* Memory that the program itself can only read: a file open for reading alone, and a mapping protected later. */
static void read_only(void) {
  printf("read-only memory\n");
  make_vm(0);
  char path[] = "/tmp/kvm_transcript.XXXXXX";
  int file = check(mkstemp(path), path);
  uint64_t value = 0x61;
  check((int)pwrite(file, &value, sizeof value, 0), "pwrite");
  check(ftruncate(file, PAGE), "ftruncate");
  close(file);
  file = check(open(path, O_RDONLY), path);
  unlink(path);
  uint8_t *readable = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
  uint8_t *writable = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (readable == MAP_FAILED || writable == MAP_FAILED) {
    fail("mmap");
  }
  close(file);
  *(uint64_t *)writable = 0x71;
  mprotect(writable, PAGE, PROT_READ);
  struct kvm_userspace_memory_region source = {1, KVM_MEM_READONLY, GMEM_GPA, PAGE, (uintptr_t)readable};
  struct kvm_userspace_memory_region target = {2, 0, GMEM_GPA + PAGE, PAGE, (uintptr_t)(writable + PAGE)};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &source), "a slot of a file open for reading");
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &target), "a slot");
  load(guest_gmem, guest_gmem_end);
  enter_long_mode();
  run_to_halt();
  printf("  a file open for reading %llx\n", *(unsigned long long *)(writable + PAGE));
  struct kvm_userspace_memory_region none = {.slot = 1};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &none), "no slot");
  source.userspace_addr = (uintptr_t)writable;
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &source), "a slot of a protected mapping");
  enter_long_mode();
  run_to_halt();
  printf("  a protected mapping %llx\n", *(unsigned long long *)(writable + PAGE));
  munmap(readable, PAGE);
  munmap(writable, 2 * PAGE);
  end_vm();
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  printf("version %d\n", ioctl(kvm, KVM_GET_API_VERSION, 0));
  printf("user memory %d immediate exit %d\n", ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY),
         ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT));
  errno = 0;
  printf("no such call %d", ioctl(kvm, _IO(KVMIO, 0xff), 0));
  printf(" %s\n", strerror(errno));
  if (count > 1 && strcmp(arguments[1], "guest_memfd") == 0) {
    guest_memfd();
  } else if (count > 1 && strcmp(arguments[1], "read_only") == 0) {
    read_only();
  } else {
    real_mode();
    long_mode();
    interrupted();
  }
  close(kvm);
  printf("done\n");
  return 0;
}
