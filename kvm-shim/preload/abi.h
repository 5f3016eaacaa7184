/* What this library has to know of linux/kvm.h and linux/userfaultfd.h itself (Linux v6.18): the requests whose memory
   is more than their size bits say, or that name descriptors and memory. Installed headers may be older. */
#ifndef QUIRE_ABI_H
#define QUIRE_ABI_H

#include <linux/ioctl.h>
#include <stdint.h>

enum { KVM_IO_TYPE = 0xAE, KVM_IO_PAGE = 4096 };

#define KVM_IO(number) _IO(KVM_IO_TYPE, number)
#define KVM_IO_R(number, bytes) _IOC(_IOC_READ, KVM_IO_TYPE, number, bytes)
#define KVM_IO_W(number, bytes) _IOC(_IOC_WRITE, KVM_IO_TYPE, number, bytes)
#define KVM_IO_RW(number, bytes) _IOC(_IOC_READ | _IOC_WRITE, KVM_IO_TYPE, number, bytes)

#define IO_CREATE_VM KVM_IO(0x01)
#define IO_CREATE_VCPU KVM_IO(0x41)
#define IO_SET_USER_MEMORY_REGION KVM_IO_W(0x46, 32)
#define IO_SET_USER_MEMORY_REGION2 KVM_IO_W(0x49, 160)
#define IO_SET_IRQCHIP KVM_IO_R(0x63, 520)
#define IO_SET_PIT KVM_IO_R(0x66, 72)
#define IO_SET_GSI_ROUTING KVM_IO_W(0x6a, 8)
#define IO_IRQFD KVM_IO_W(0x76, 32)
#define IO_IOEVENTFD KVM_IO_W(0x79, 64)
#define IO_RUN KVM_IO(0x80)
#define IO_GET_MSRS KVM_IO_RW(0x88, 8)
#define IO_SET_MSRS KVM_IO_W(0x89, 8)
#define IO_SET_CPUID KVM_IO_W(0x8a, 8)
#define IO_SET_SIGNAL_MASK KVM_IO_W(0x8b, 4)
#define IO_SET_CPUID2 KVM_IO_W(0x90, 8)
#define IO_SET_ONE_REG KVM_IO_W(0xac, 16)
#define IO_SET_PMU_EVENT_FILTER KVM_IO_W(0xb2, 32)
#define IO_ARM_GET_REG_WRITABLE_MASKS KVM_IO_R(0xb6, 64)
#define IO_CLEAR_DIRTY_LOG KVM_IO_RW(0xc0, 24)
#define IO_X86_SET_MSR_FILTER KVM_IO_W(0xc6, 392)
#define IO_GET_STATS_FD KVM_IO(0xce)
#define IO_CREATE_GUEST_MEMFD KVM_IO_RW(0xd4, 64)
#define IO_CREATE_DEVICE KVM_IO_RW(0xe0, 12)
#define IO_SET_DEVICE_ATTR KVM_IO_W(0xe1, 24)
#define IO_GET_DEVICE_ATTR KVM_IO_W(0xe2, 24)
#define IO_HAS_DEVICE_ATTR KVM_IO_W(0xe3, 24)

/* Both memory region calls; the shorter ends before guest_memfd_offset. */
struct io_memory_region {
  uint32_t slot;
  uint32_t flags;
  uint64_t guest_address;
  uint64_t bytes;
  uint64_t host_address;
  uint64_t guest_memfd_offset;
  uint32_t guest_memfd;
};
enum { IO_MEMORY_REGION_BYTES = 32, IO_MEMORY_REGION2_BYTES = 160, IO_MEM_GUEST_MEMFD = 1 << 2 };

struct io_irqfd {
  uint32_t fd;
  uint32_t gsi;
  uint32_t flags;
  uint32_t resamplefd;
};
enum { IO_IRQFD_RESAMPLE = 1 << 1 };

struct io_ioeventfd {
  uint64_t datamatch;
  uint64_t address;
  uint32_t bytes;
  int32_t fd;
};

struct io_create_device {
  uint32_t type;
  uint32_t fd;
  uint32_t flags;
};
enum { IO_CREATE_DEVICE_TEST = 1 };

struct io_one_reg {
  uint64_t id;
  uint64_t address;
};

struct io_device_attr {
  uint32_t flags;
  uint32_t group;
  uint64_t attribute;
  uint64_t address;
};

struct io_clear_dirty_log {
  uint32_t slot;
  uint32_t pages;
  uint64_t first_page;
  uint64_t bitmap;
};

struct io_msr_filter {
  uint32_t flags;
  uint32_t pad;
  struct {
    uint32_t flags;
    uint32_t count;
    uint32_t base;
    uint32_t pad;
    uint64_t bitmap;
  } ranges[16];
};

#define IO_UFFD_REGISTER _IOC(_IOC_READ | _IOC_WRITE, 0xAA, 0x00, 32)
#define IO_UFFD_UNREGISTER _IOC(_IOC_READ, 0xAA, 0x01, 16)
#define IO_UFFD_WRITEPROTECT _IOC(_IOC_READ | _IOC_WRITE, 0xAA, 0x06, 24)

/* Of UFFDIO_WRITEPROTECT too, without ioctls. */
struct io_uffd_register {
  uint64_t start;
  uint64_t bytes;
  uint64_t mode;
  uint64_t ioctls;
};
enum { IO_UFFD_PROTECT = 1 };

#endif
