/* What is younger than many an installed header (Linux v6.18 include/uapi/linux/kvm.h). */
#ifndef QUIRE_TESTS_GUEST_MEMFD_H
#define QUIRE_TESTS_GUEST_MEMFD_H

#include <linux/kvm.h>

#ifndef KVM_SET_USER_MEMORY_REGION2
#define KVM_MEM_GUEST_MEMFD (1UL << 2)
struct kvm_userspace_memory_region2 {
  __u32 slot;
  __u32 flags;
  __u64 guest_phys_addr;
  __u64 memory_size;
  __u64 userspace_addr;
  __u64 guest_memfd_offset;
  __u32 guest_memfd;
  __u32 pad1;
  __u64 pad2[14];
};
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif
#ifndef KVM_CREATE_GUEST_MEMFD
struct kvm_create_guest_memfd {
  __u64 size;
  __u64 flags;
  __u64 reserved[6];
};
#define KVM_CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, struct kvm_create_guest_memfd)
#endif
enum { GMEM_MMAP = 1, GMEM_INIT_SHARED = 2, CAP_GUEST_MEMFD = 234, CAP_GUEST_MEMFD_FLAGS = 244 };

#endif
