/**
 * Numbers and layouts of the kernel's interface, byte for byte (Linux v6.18
 * include/uapi/linux/kvm.h, arch/x86 and arch/arm64 include/uapi/asm/kvm.h). A class of a struct
 * has the kernel's names of its fields as offsets in bytes, and its size; all fields are
 * little-endian. But for {@link dev.quire.kvm.abi.KvmRun} they are constants and functions of their
 * arguments, for any thread.
 */
package dev.quire.kvm.abi;
