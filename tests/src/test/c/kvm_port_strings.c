/*
 * INS and OUTS between ports and memory that no slot has, on x86-64, against linux/kvm.h alone: in which order KVM gives
 * out the accesses, in what pieces, and what of the registers has changed at each. One instruction a VM, in real mode and
 * in long mode, then a HLT.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"

enum { PAGE = 4096, MEMORY = 64 * PAGE, CODE = 0x1000, ELSEWHERE = 0x1800, PORT = 0x60, MOST_EXITS = 64 };

/* Physical and, in long mode, virtual. */
enum { RAM = 0x8000, DEVICE = 0x40000 };

/* Long mode's pages: memory, a device, memory, nothing. */
enum { RAM_THEN_DEVICE = 0x60000, DEVICE_THEN_RAM = 0x61000, RAM_THEN_NOTHING = 0x62000 };

enum { DF = 0x400, RF = 0x10000 };

/* What the client does beside answering. */
enum { PLAIN, IMMEDIATE, STEPS, JUMPS, COALESCES, READ_ONLY };

struct string {
  const char *name, *code;
  uint64_t count, from, to, flags;
  int client;
};

static int kvm, vm, cpu, long_mode;
static size_t run_bytes;
static struct kvm_run *run;
static uint8_t *memory, next_byte;

static void make_vm(void) {
  vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  check(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000), "KVM_SET_TSS_ADDR");
  memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct kvm_userspace_memory_region slot = {.memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
  check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
  cpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  struct kvm_cpuid2 *cpuid = calloc(1, sizeof *cpuid + 256 * sizeof cpuid->entries[0]);
  cpuid->nent = 256;
  check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
  check(ioctl(cpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
  free(cpuid);
}

static void free_vm(void) {
  munmap(run, run_bytes);
  munmap(memory, MEMORY);
  close(cpu);
  close(vm);
}

static uint64_t *table(unsigned at) { return (uint64_t *)(memory + at); }

static void set_mode(void) {
  struct kvm_sregs s;
  check(ioctl(cpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
  if (!long_mode) {
    s.cs.base = s.cs.selector = 0;
    s.ds.base = s.es.base = DEVICE;
    s.ds.selector = s.es.selector = DEVICE >> 4;
  } else {
    table(0x2000)[0] = 0x3003;
    table(0x3000)[0] = 0x4003;
    table(0x4000)[0] = 0x5003;
    for (uint64_t i = 0; i < 64; i++) table(0x5000)[i] = i * PAGE | 3;
    for (uint64_t i = 0; i < 2; i++) table(0x5000)[DEVICE / PAGE + i] = (DEVICE + i * PAGE) | 3;
    table(0x5000)[RAM_THEN_DEVICE / PAGE] = RAM | 3;
    table(0x5000)[DEVICE_THEN_RAM / PAGE] = DEVICE | 3;
    table(0x5000)[RAM_THEN_NOTHING / PAGE] = (RAM + PAGE) | 3;
    s.cr3 = 0x2000;
    s.cr4 = 0x20;
    s.cr0 = 0x80050033;
    s.efer = 0x500;
    struct kvm_segment code = {.limit = -1, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
    struct kvm_segment data = {.limit = -1, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
    s.cs = code;
    s.ds = s.es = s.ss = s.fs = s.gs = data;
  }
  check(ioctl(cpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
}

static void set_code(const char *hex) {
  memset(memory + CODE, 0xf4, PAGE);
  for (unsigned i = 0, byte; sscanf(hex + 2 * i, "%2x", &byte) == 1; i++) memory[CODE + i] = byte;
}

static void set_client(const struct string *s) {
  if (s->client == STEPS) {
    struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP};
    check(ioctl(cpu, KVM_SET_GUEST_DEBUG, &debug), "KVM_SET_GUEST_DEBUG");
  } else if (s->client == COALESCES) {
    struct kvm_coalesced_mmio_zone zone = {.addr = DEVICE + 0x10, .size = 8};
    check(ioctl(vm, KVM_REGISTER_COALESCED_MMIO, &zone), "KVM_REGISTER_COALESCED_MMIO");
  } else if (s->client == READ_ONLY) {
    struct kvm_userspace_memory_region slot = {1, KVM_MEM_READONLY, DEVICE, PAGE, (uintptr_t)memory + RAM};
    check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
  }
}

static void print_registers(void) {
  struct kvm_regs r;
  check(ioctl(cpu, KVM_GET_REGS, &r), "KVM_GET_REGS");
  printf(" at %llx rcx %llx rsi %llx rdi %llx flags %llx\n", r.rip, r.rcx, r.rsi, r.rdi, r.rflags);
}

/* The instruction goes on where it was, with the new registers. */
static void jump(void) {
  struct kvm_regs r;
  check(ioctl(cpu, KVM_GET_REGS, &r), "KVM_GET_REGS");
  r.rip = ELSEWHERE;
  r.rsi += 0x100;
  r.rdi += 0x100;
  check(ioctl(cpu, KVM_SET_REGS, &r), "KVM_SET_REGS");
}

/* Prints and answers an exit; whether the guest is to go on. */
static int handle(void) {
  uint8_t *data = (uint8_t *)run + run->io.data_offset;
  switch (run->exit_reason) {
  case KVM_EXIT_IO:
    printf("  %s %dx%d", run->io.direction ? "out" : "in", run->io.count, run->io.size);
    for (unsigned i = 0; i < run->io.count * run->io.size; i++) {
      if (run->io.direction) printf(" %02x", data[i]);
      else data[i] = next_byte++;
    }
    return 1;
  case KVM_EXIT_MMIO:
    printf("  %s %llx %d", run->mmio.is_write ? "store" : "load", run->mmio.phys_addr, run->mmio.len);
    for (unsigned i = 0; i < run->mmio.len; i++) {
      if (run->mmio.is_write) printf(" %02x", run->mmio.data[i]);
      else run->mmio.data[i] = next_byte++;
    }
    return 1;
  case KVM_EXIT_DEBUG:
    printf("  step");
    return 1;
  case KVM_EXIT_HLT:
    printf("  halted");
    return 0;
  default:
    printf("  exit %d\n", run->exit_reason);
    return -1;
  }
}

static void print_ring(void) {
  struct kvm_coalesced_mmio_ring *ring = (void *)((uint8_t *)run + 2 * PAGE);
  for (unsigned i = ring->first; i != ring->last; i++) {
    printf("  ring %llx", ring->coalesced_mmio[i].phys_addr);
    for (unsigned j = 0; j < ring->coalesced_mmio[i].len; j++) printf(" %02x", ring->coalesced_mmio[i].data[j]);
    printf("\n");
  }
}

static uint8_t initial(unsigned at) { return (at < RAM + PAGE ? 0xa0 : 0xd0) + at % 16; }

static void print_memory(unsigned at) {
  int changed = 0;
  for (unsigned i = 0; i < 16; i++) changed |= memory[at + i] != initial(at + i);
  if (!changed) return;
  printf("  memory %x", at);
  for (unsigned i = 0; i < 16; i++) printf(" %02x", memory[at + i]);
  printf("\n");
}

static void perform(const struct string *s) {
  printf("%s %s, %d elements\n", long_mode ? "long" : "real", s->name, (int)s->count);
  make_vm();
  set_mode();
  set_code(s->code);
  set_client(s);
  for (unsigned i = RAM; i < RAM + 3 * PAGE; i++) memory[i] = initial(i);
  struct kvm_regs r = {.rip = CODE, .rsp = 0x7000, .rdx = PORT, .rcx = s->count, .rsi = s->from, .rdi = s->to,
                       .rflags = 2 | s->flags};
  check(ioctl(cpu, KVM_SET_REGS, &r), "KVM_SET_REGS");
  next_byte = 0x10;
  int goes_on = 1;
  for (int i = 0; i < MOST_EXITS && goes_on > 0; i++) {
    if (ioctl(cpu, KVM_RUN, 0) < 0) {
      printf("  %s", strerror(errno));
      run->immediate_exit = 0;
    } else {
      goes_on = handle();
      run->immediate_exit = s->client == IMMEDIATE;
      /* What a step over HLT is, processors do not agree on. */
      goes_on = run->exit_reason == KVM_EXIT_DEBUG && memory[run->debug.arch.pc] == 0xf4 ? 0 : goes_on;
    }
    if (goes_on >= 0) print_registers();
    if (i == 0 && s->client == JUMPS) jump();
  }
  print_ring();
  print_memory(RAM);
  print_memory(RAM + PAGE - 8);
  print_memory(RAM + 2 * PAGE - 8);
  free_vm();
}

static void perform_all(void) {
  uint64_t at = long_mode ? DEVICE : 0;
  const char *insd = long_mode ? "6d" : "666d", *rep_insd = long_mode ? "f36d" : "66f36d";
  const char *rep_insw = long_mode ? "66f36d" : "f36d", *rep_outsd = long_mode ? "f36f" : "66f36f";
  struct string strings[] = {
      {"outsb", "6e", 5, at + 0x10, 0, 0, PLAIN},
      {"rep outsb", "f36e", 3, at + 0x10, 0, 0, PLAIN},
      {"rep outsb", "f36e", 2, at + 0x10, 0, DF, IMMEDIATE},
      {"rep outsb", "f36e", 0, at + 0x10, 0, RF, PLAIN},
      {"rep outsd across pages", rep_outsd, 3, at + 0xffa, 0, 0, PLAIN},
      {"insb", "6c", 5, 0, at + 0x10, 0, PLAIN},
      {"insd across pages", insd, 5, 0, at + 0xffe, 0, IMMEDIATE},
      {"rep insb", "f36c", 20, 0, at + 0x10, 0, PLAIN},
      {"rep insw downwards", rep_insw, 3, 0, at + 0x20, DF, IMMEDIATE},
      {"rep insd across pages", rep_insd, 5, 0, at + 0xff6, 0, PLAIN},
      {"outsb, stepping", "6e90", 1, at + 0x10, 0, 0, STEPS},
      {"rep insb, stepping", "f36c90", 9, 0, at + 0x10, 0, STEPS},
      {"outsb, jumping", "6e90", 1, at + 0x10, 0, 0, JUMPS},
      {"insb, jumping", "6c90", 1, 0, at + 0x10, 0, JUMPS},
      {"rep insb, coalesced", "f36c", 20, 0, at + 0x10, 0, COALESCES},
      {"rep insb downwards, coalesced", "f36c", 3, 0, at + 0x10, DF, COALESCES},
      {"rep insb to a read-only slot", "f36c", 9, 0, at + 0x10, 0, READ_ONLY},
      {"rep outsb from a read-only slot", "f36e", 2, at + 0x10, 0, 0, READ_ONLY},
  };
  for (unsigned i = 0; i < sizeof strings / sizeof *strings; i++) perform(&strings[i]);
}

static void perform_paged(void) {
  struct string strings[] = {
      {"insb to memory, with RF", "6c", 1, 0, RAM, RF, IMMEDIATE},
      {"rep insb to memory", "f36c", 1030, 0, RAM, 0, PLAIN},
      {"rep insb to memory, stepping", "f36c90", 1030, 0, RAM, 0, STEPS},
      {"rep insb to memory, jumping", "f36c90", 4, 0, RAM, 0, JUMPS},
      {"rep insd, memory and a device", "f36d", 4, 0, RAM_THEN_DEVICE + 0xffa, 0, IMMEDIATE},
      {"rep insd, a device and memory", "f36d", 4, 0, DEVICE_THEN_RAM + 0xffa, 0, PLAIN},
      {"outsd, memory and a device", "6f", 1, RAM_THEN_DEVICE + 0xffe, 0, 0, IMMEDIATE},
      {"outsd, a device and memory", "6f", 1, DEVICE_THEN_RAM + 0xffe, 0, 0, PLAIN},
      {"rep outsb, memory and a device", "f36e", 4, RAM_THEN_DEVICE + 0xffe, 0, 0, PLAIN},
      {"rep insd, memory and nothing", "f36d", 4, 0, RAM_THEN_NOTHING + 0xffa, 0, PLAIN},
      {"outsd, memory and nothing", "6f", 1, RAM_THEN_NOTHING + 0xffe, 0, 0, PLAIN},
      {"insb to no address", "6c", 1, 0, 1ULL << 60, 0, PLAIN},
  };
  for (unsigned i = 0; i < sizeof strings / sizeof *strings; i++) perform(&strings[i]);
}

int main(void) {
  kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  run_bytes = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
  perform_all();
  long_mode = 1;
  perform_all();
  perform_paged();
  return 0;
}
