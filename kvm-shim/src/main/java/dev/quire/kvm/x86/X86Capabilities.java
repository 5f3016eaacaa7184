package dev.quire.kvm.x86;

import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.vm.ArchVcpu;
import java.util.BitSet;

/**
 * KVM_CHECK_EXTENSION of an x86 host (Linux v6.18 arch/x86/kvm/x86.c,
 * kvm_vm_ioctl_check_extension), built without Hyper-V, Xen, SMM and a virtual PMU, with VMX, EPT,
 * unrestricted guests and TSC scaling, and not nested.
 */
final class X86Capabilities {
  /** KVM_MAX_VCPU_IDS. */
  static final int MAX_VCPU_IDS = 4096;

  /** KVM_X2APIC_API_VALID_FLAGS. */
  static final long X2APIC_FLAGS = 0xf;

  /** KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST. */
  static final long X2APIC_SUPPRESS_EOI_BROADCAST = 4;

  /** kvm_caps.supported_quirks. */
  static final long QUIRKS = 0x5ff;

  /** KVM_EXIT_HYPERCALL_VALID_MASK: KVM_HC_MAP_GPA_RANGE. */
  static final long EXITING_HYPERCALLS = 1 << 12;

  /** KVM_X86_DISABLE_EXITS_: HLT, PAUSE and CSTATE. */
  static final long DISABLED_EXITS = 2 | 4 | 8;

  private static final int MAX_VCPUS = 1024;
  private static final int RECOMMENDED_VCPUS = 64;
  private static final int SYNC_REGS_FIELDS = 7;
  private static final int CLOCK_FLAGS = 14;
  private static final int XSAVE_BYTES = 4096;

  /** KVM_GUESTDBG_VALID_MASK. */
  private static final int GUEST_DEBUG_FLAGS = 0x1f_0003;

  /** What is answered by 1. */
  private static final BitSet PRESENT =
      setOf(
          Capabilities.IRQCHIP,
          Capabilities.HLT,
          Capabilities.MMU_SHADOW_CACHE_CONTROL,
          Capabilities.SET_TSS_ADDR,
          Capabilities.EXT_CPUID,
          Capabilities.EXT_EMUL_CPUID,
          Capabilities.CLOCKSOURCE,
          Capabilities.PIT,
          Capabilities.PIT2,
          Capabilities.PIT_STATE2,
          Capabilities.REINJECT_CONTROL,
          Capabilities.NOP_IO_DELAY,
          Capabilities.MP_STATE,
          Capabilities.USER_NMI,
          Capabilities.IRQ_INJECT_STATUS,
          Capabilities.IOEVENTFD,
          Capabilities.IOEVENTFD_NO_LENGTH,
          Capabilities.SET_IDENTITY_MAP_ADDR,
          Capabilities.VCPU_EVENTS,
          Capabilities.PCI_SEGMENT,
          Capabilities.DEBUGREGS,
          Capabilities.X86_ROBUST_SINGLESTEP,
          Capabilities.XSAVE,
          Capabilities.XCRS,
          Capabilities.ASYNC_PF,
          Capabilities.ASYNC_PF_INT,
          Capabilities.GET_TSC_KHZ,
          Capabilities.KVMCLOCK_CTRL,
          Capabilities.IOAPIC_POLARITY_IGNORED,
          Capabilities.TSC_DEADLINE_TIMER,
          Capabilities.DISABLE_QUIRKS,
          Capabilities.SET_BOOT_CPU_ID,
          Capabilities.SPLIT_IRQCHIP,
          Capabilities.IMMEDIATE_EXIT,
          Capabilities.PMU_EVENT_FILTER,
          Capabilities.PMU_EVENT_MASKED_EVENTS,
          Capabilities.GET_MSR_FEATURES,
          Capabilities.MSR_PLATFORM_INFO,
          Capabilities.EXCEPTION_PAYLOAD,
          Capabilities.X86_TRIPLE_FAULT_EVENT,
          Capabilities.SET_GUEST_DEBUG,
          Capabilities.LAST_CPU,
          Capabilities.X86_USER_SPACE_MSR,
          Capabilities.X86_MSR_FILTER,
          Capabilities.ENFORCE_PV_FEATURE_CPUID,
          Capabilities.VM_COPY_ENC_CONTEXT_FROM,
          Capabilities.VM_MOVE_ENC_CONTEXT_FROM,
          Capabilities.SREGS2,
          Capabilities.EXIT_ON_EMULATION_FAILURE,
          Capabilities.VCPU_ATTRIBUTES,
          Capabilities.SYS_ATTRIBUTES,
          Capabilities.VAPIC,
          Capabilities.ENABLE_CAP,
          Capabilities.VM_DISABLE_NX_HUGE_PAGES,
          Capabilities.IRQFD_RESAMPLE,
          Capabilities.MEMORY_FAULT_INFO,
          Capabilities.X86_GUEST_MODE,
          Capabilities.ONE_REG,
          Capabilities.PRE_FAULT_MEMORY,
          Capabilities.X86_APIC_BUS_CYCLES_NS,
          Capabilities.TSC_CONTROL,
          Capabilities.VM_TSC_CONTROL,
          Capabilities.READONLY_MEM,
          Capabilities.VM_TYPES);

  private X86Capabilities() {}

  private static BitSet setOf(int... capabilities) {
    BitSet set = new BitSet();
    for (int capability : capabilities) {
      set.set(capability);
    }
    return set;
  }

  /** The answer, or {@link ArchVcpu#UNKNOWN} for what is not x86's. */
  static long check(long capability) {
    if (capability != (int) capability) {
      return 0;
    }
    if (capability >= 0 && PRESENT.get((int) capability)) {
      return 1;
    }
    return switch ((int) capability) {
      case Capabilities.EXIT_HYPERCALL -> EXITING_HYPERCALLS;
      case Capabilities.SET_GUEST_DEBUG2 -> GUEST_DEBUG_FLAGS;
      case Capabilities.SYNC_REGS -> SYNC_REGS_FIELDS;
      case Capabilities.ADJUST_CLOCK -> CLOCK_FLAGS;
      case Capabilities.X86_DISABLE_EXITS -> DISABLED_EXITS;
      case Capabilities.NR_VCPUS -> RECOMMENDED_VCPUS;
      case Capabilities.MAX_VCPUS -> MAX_VCPUS;
      case Capabilities.MAX_VCPU_ID -> MAX_VCPU_IDS;
      case Capabilities.MCE -> MachineCheck.MAX_BANKS;
      case Capabilities.X2APIC_API -> X2APIC_FLAGS;
      case Capabilities.XSAVE2 -> XSAVE_BYTES;
      case Capabilities.DISABLE_QUIRKS2 -> QUIRKS;
      default -> ArchVcpu.UNKNOWN;
    };
  }
}
