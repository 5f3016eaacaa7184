package dev.quire.kvm.abi;

/**
 * Request codes of KVM: direction, size of the structure in bytes, type 0xae and number, as {@code
 * _IOC} packs them (Linux v6.18 include/uapi/linux/kvm.h). Names are the kernel's without {@code
 * KVM_}. Where a structure differs between architectures the plain name is x86's and {@code ARM64_}
 * precedes arm64's.
 */
public final class Ioctls {
  /** Lowest bit of the size in a code. */
  public static final int SIZE_SHIFT = 16;

  /** Bits of the size in a code. */
  public static final int SIZE_MASK = 0x3fff;

  private static final int NONE = 0xae00;
  private static final int WRITE = 0x4000_ae00;
  private static final int READ = 0x8000_ae00;
  private static final int READ_WRITE = 0xc000_ae00;

  // Both architectures, or of no use to one of them but of equal size.
  public static final int GET_API_VERSION = NONE | 0x00;
  public static final int CREATE_VM = NONE | 0x01;
  public static final int CHECK_EXTENSION = NONE | 0x03;
  public static final int GET_VCPU_MMAP_SIZE = NONE | 0x04;
  public static final int CREATE_VCPU = NONE | 0x41;
  public static final int GET_DIRTY_LOG = WRITE | 16 << SIZE_SHIFT | 0x42;
  public static final int SET_NR_MMU_PAGES = NONE | 0x44;
  public static final int GET_NR_MMU_PAGES = NONE | 0x45;
  public static final int SET_USER_MEMORY_REGION = WRITE | 32 << SIZE_SHIFT | 0x46;
  public static final int SET_TSS_ADDR = NONE | 0x47;
  public static final int SET_IDENTITY_MAP_ADDR = WRITE | 8 << SIZE_SHIFT | 0x48;
  public static final int SET_USER_MEMORY_REGION2 = WRITE | 160 << SIZE_SHIFT | 0x49;
  public static final int CREATE_IRQCHIP = NONE | 0x60;
  public static final int IRQ_LINE = WRITE | 8 << SIZE_SHIFT | 0x61;
  public static final int GET_IRQCHIP = READ_WRITE | 520 << SIZE_SHIFT | 0x62;
  public static final int SET_IRQCHIP = READ | 520 << SIZE_SHIFT | 0x63;
  public static final int CREATE_PIT = NONE | 0x64;
  public static final int REGISTER_COALESCED_MMIO = WRITE | 16 << SIZE_SHIFT | 0x67;
  public static final int IRQ_LINE_STATUS = READ_WRITE | 8 << SIZE_SHIFT | 0x67;
  public static final int UNREGISTER_COALESCED_MMIO = WRITE | 16 << SIZE_SHIFT | 0x68;
  public static final int SET_GSI_ROUTING = WRITE | 8 << SIZE_SHIFT | 0x6a;
  public static final int REINJECT_CONTROL = NONE | 0x71;
  public static final int IRQFD = WRITE | 32 << SIZE_SHIFT | 0x76;
  public static final int CREATE_PIT2 = WRITE | 64 << SIZE_SHIFT | 0x77;
  public static final int SET_BOOT_CPU_ID = NONE | 0x78;
  public static final int IOEVENTFD = WRITE | 64 << SIZE_SHIFT | 0x79;
  public static final int SET_CLOCK = WRITE | 48 << SIZE_SHIFT | 0x7b;
  public static final int GET_CLOCK = READ | 48 << SIZE_SHIFT | 0x7c;
  public static final int RUN = NONE | 0x80;
  public static final int TRANSLATE = READ_WRITE | 24 << SIZE_SHIFT | 0x85;
  public static final int INTERRUPT = WRITE | 4 << SIZE_SHIFT | 0x86;
  public static final int SET_SIGNAL_MASK = WRITE | 4 << SIZE_SHIFT | 0x8b;
  public static final int TPR_ACCESS_REPORTING = READ_WRITE | 40 << SIZE_SHIFT | 0x92;
  public static final int SET_VAPIC_ADDR = WRITE | 8 << SIZE_SHIFT | 0x93;
  public static final int GET_MP_STATE = READ | 4 << SIZE_SHIFT | 0x98;
  public static final int SET_MP_STATE = WRITE | 4 << SIZE_SHIFT | 0x99;
  public static final int NMI = NONE | 0x9a;
  public static final int X86_SETUP_MCE = WRITE | 8 << SIZE_SHIFT | 0x9c;
  public static final int X86_GET_MCE_CAP_SUPPORTED = READ | 8 << SIZE_SHIFT | 0x9d;
  public static final int GET_VCPU_EVENTS = READ | 64 << SIZE_SHIFT | 0x9f;
  public static final int SET_VCPU_EVENTS = WRITE | 64 << SIZE_SHIFT | 0xa0;
  public static final int SET_TSC_KHZ = NONE | 0xa2;
  public static final int GET_TSC_KHZ = NONE | 0xa3;
  public static final int ENABLE_CAP = WRITE | 104 << SIZE_SHIFT | 0xa3;
  public static final int SIGNAL_MSI = WRITE | 32 << SIZE_SHIFT | 0xa5;
  public static final int DIRTY_TLB = WRITE | 16 << SIZE_SHIFT | 0xaa;
  public static final int ARM_SET_DEVICE_ADDR = WRITE | 16 << SIZE_SHIFT | 0xab;
  public static final int GET_ONE_REG = WRITE | 16 << SIZE_SHIFT | 0xab;
  public static final int SET_ONE_REG = WRITE | 16 << SIZE_SHIFT | 0xac;
  public static final int KVMCLOCK_CTRL = NONE | 0xad;
  public static final int GET_REG_LIST = READ_WRITE | 8 << SIZE_SHIFT | 0xb0;
  public static final int SMI = NONE | 0xb7;
  public static final int MEMORY_ENCRYPT_OP = READ_WRITE | 8 << SIZE_SHIFT | 0xba;
  public static final int MEMORY_ENCRYPT_REG_REGION = READ | 16 << SIZE_SHIFT | 0xbb;
  public static final int MEMORY_ENCRYPT_UNREG_REGION = READ | 16 << SIZE_SHIFT | 0xbc;
  public static final int CLEAR_DIRTY_LOG = READ_WRITE | 24 << SIZE_SHIFT | 0xc0;
  public static final int ARM_VCPU_FINALIZE = WRITE | 4 << SIZE_SHIFT | 0xc2;
  public static final int RESET_DIRTY_RINGS = NONE | 0xc7;
  public static final int GET_STATS_FD = NONE | 0xce;
  public static final int XEN_HVM_EVTCHN_SEND = WRITE | 12 << SIZE_SHIFT | 0xd0;
  public static final int SET_MEMORY_ATTRIBUTES = WRITE | 32 << SIZE_SHIFT | 0xd2;
  public static final int CREATE_GUEST_MEMFD = READ_WRITE | 64 << SIZE_SHIFT | 0xd4;
  public static final int PRE_FAULT_MEMORY = READ_WRITE | 64 << SIZE_SHIFT | 0xd5;
  public static final int CREATE_DEVICE = READ_WRITE | 12 << SIZE_SHIFT | 0xe0;
  public static final int SET_DEVICE_ATTR = WRITE | 24 << SIZE_SHIFT | 0xe1;
  public static final int GET_DEVICE_ATTR = WRITE | 24 << SIZE_SHIFT | 0xe2;
  public static final int HAS_DEVICE_ATTR = WRITE | 24 << SIZE_SHIFT | 0xe3;

  // x86.
  public static final int GET_MSR_INDEX_LIST = READ_WRITE | 4 << SIZE_SHIFT | 0x02;
  public static final int GET_SUPPORTED_CPUID = READ_WRITE | 8 << SIZE_SHIFT | 0x05;
  public static final int GET_EMULATED_CPUID = READ_WRITE | 8 << SIZE_SHIFT | 0x09;
  public static final int GET_MSR_FEATURE_INDEX_LIST = READ_WRITE | 4 << SIZE_SHIFT | 0x0a;
  public static final int GET_PIT = READ_WRITE | 72 << SIZE_SHIFT | 0x65;
  public static final int SET_PIT = READ | 72 << SIZE_SHIFT | 0x66;
  public static final int XEN_HVM_CONFIG = WRITE | 56 << SIZE_SHIFT | 0x7a;
  public static final int GET_REGS = READ | 144 << SIZE_SHIFT | 0x81;
  public static final int SET_REGS = WRITE | 144 << SIZE_SHIFT | 0x82;
  public static final int GET_SREGS = READ | 312 << SIZE_SHIFT | 0x83;
  public static final int SET_SREGS = WRITE | 312 << SIZE_SHIFT | 0x84;
  public static final int GET_MSRS = READ_WRITE | 8 << SIZE_SHIFT | 0x88;
  public static final int SET_MSRS = WRITE | 8 << SIZE_SHIFT | 0x89;
  public static final int SET_CPUID = WRITE | 8 << SIZE_SHIFT | 0x8a;
  public static final int GET_FPU = READ | 416 << SIZE_SHIFT | 0x8c;
  public static final int SET_FPU = WRITE | 416 << SIZE_SHIFT | 0x8d;
  public static final int GET_LAPIC = READ | 1024 << SIZE_SHIFT | 0x8e;
  public static final int SET_LAPIC = WRITE | 1024 << SIZE_SHIFT | 0x8f;
  public static final int SET_CPUID2 = WRITE | 8 << SIZE_SHIFT | 0x90;
  public static final int GET_CPUID2 = READ_WRITE | 8 << SIZE_SHIFT | 0x91;
  public static final int SET_GUEST_DEBUG = WRITE | 72 << SIZE_SHIFT | 0x9b;
  public static final int X86_SET_MCE = WRITE | 64 << SIZE_SHIFT | 0x9e;
  public static final int GET_PIT2 = READ | 112 << SIZE_SHIFT | 0x9f;
  public static final int SET_PIT2 = WRITE | 112 << SIZE_SHIFT | 0xa0;
  public static final int GET_DEBUGREGS = READ | 128 << SIZE_SHIFT | 0xa1;
  public static final int SET_DEBUGREGS = WRITE | 128 << SIZE_SHIFT | 0xa2;
  public static final int GET_XSAVE = READ | 4096 << SIZE_SHIFT | 0xa4;
  public static final int SET_XSAVE = WRITE | 4096 << SIZE_SHIFT | 0xa5;
  public static final int GET_XCRS = READ | 392 << SIZE_SHIFT | 0xa6;
  public static final int SET_XCRS = WRITE | 392 << SIZE_SHIFT | 0xa7;
  public static final int SET_PMU_EVENT_FILTER = WRITE | 32 << SIZE_SHIFT | 0xb2;
  public static final int HYPERV_EVENTFD = WRITE | 24 << SIZE_SHIFT | 0xbd;
  public static final int GET_NESTED_STATE = READ_WRITE | 128 << SIZE_SHIFT | 0xbe;
  public static final int SET_NESTED_STATE = WRITE | 128 << SIZE_SHIFT | 0xbf;
  public static final int GET_SUPPORTED_HV_CPUID = READ_WRITE | 8 << SIZE_SHIFT | 0xc1;
  public static final int X86_SET_MSR_FILTER = WRITE | 392 << SIZE_SHIFT | 0xc6;
  public static final int XEN_HVM_GET_ATTR = READ_WRITE | 72 << SIZE_SHIFT | 0xc8;
  public static final int XEN_HVM_SET_ATTR = WRITE | 72 << SIZE_SHIFT | 0xc9;
  public static final int XEN_VCPU_GET_ATTR = READ_WRITE | 72 << SIZE_SHIFT | 0xca;
  public static final int XEN_VCPU_SET_ATTR = WRITE | 72 << SIZE_SHIFT | 0xcb;
  public static final int GET_SREGS2 = READ | 320 << SIZE_SHIFT | 0xcc;
  public static final int SET_SREGS2 = WRITE | 320 << SIZE_SHIFT | 0xcd;
  public static final int GET_XSAVE2 = READ | 4096 << SIZE_SHIFT | 0xcf;

  // arm64.
  public static final int ARM64_GET_REGS = READ | 864 << SIZE_SHIFT | 0x81;
  public static final int ARM64_SET_REGS = WRITE | 864 << SIZE_SHIFT | 0x82;
  public static final int ARM64_GET_SREGS = READ | 0x83;
  public static final int ARM64_SET_SREGS = WRITE | 0x84;
  public static final int ARM64_GET_FPU = READ | 0x8c;
  public static final int ARM64_SET_FPU = WRITE | 0x8d;
  public static final int ARM64_SET_GUEST_DEBUG = WRITE | 520 << SIZE_SHIFT | 0x9b;
  public static final int ARM_VCPU_INIT = WRITE | 32 << SIZE_SHIFT | 0xae;
  public static final int ARM_PREFERRED_TARGET = READ | 32 << SIZE_SHIFT | 0xaf;
  public static final int ARM64_SET_PMU_EVENT_FILTER = WRITE | 8 << SIZE_SHIFT | 0xb2;
  public static final int ARM_MTE_COPY_TAGS = READ | 48 << SIZE_SHIFT | 0xb4;
  public static final int ARM_SET_COUNTER_OFFSET = WRITE | 16 << SIZE_SHIFT | 0xb5;
  public static final int ARM_GET_REG_WRITABLE_MASKS = READ | 64 << SIZE_SHIFT | 0xb6;

  private Ioctls() {}

  /** Bytes of the structure a code names; 0 for a code without one. */
  public static int size(int request) {
    return request >>> SIZE_SHIFT & SIZE_MASK;
  }

  /** Whether the kernel reads the structure. */
  public static boolean isRead(int request) {
    return (request & WRITE & ~NONE) != 0;
  }

  /** Whether the kernel writes the structure back. */
  public static boolean isWritten(int request) {
    return (request & READ & ~NONE) != 0;
  }
}
