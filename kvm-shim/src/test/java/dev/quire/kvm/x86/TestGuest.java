package dev.quire.kvm.x86;

import dev.quire.emulator.exec.X86Core;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostGranule;
import dev.quire.kernel.mm.KernelConfig;
import dev.quire.kernel.mm.Mman;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UserSignal;
import dev.quire.kernel.uffd.UffdCode;
import dev.quire.kernel.uffd.Userfaultfd;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.Descriptors;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.fd.UserMemory;
import dev.quire.kvm.host.HostMachine;
import dev.quire.kvm.host.ModelledHost;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.KvmBus;
import dev.quire.kvm.vm.RunCall;
import dev.quire.kvm.vm.VmContext;
import dev.quire.kvm.vm.VmHost;
import dev.quire.mmu.Translation;
import dev.quire.mmu.x86.Ia32ePte;
import dev.quire.mmu.x86.LinuxX86Pte;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HexFormat;

/** A VM of one vCPU with memory from guest-physical 0 on, as a client of KVM would set it up. */
final class TestGuest implements VmContext, AutoCloseable {
  static final long HVA = 0x7e00_0000_0000L;
  static final int RAM_PAGES = 64;
  private static final int PAGE_BYTES = 4096;
  private static final int FLAT_CODE_64 = 0x00af_9b00;
  private static final int FLAT_CODE_32 = 0x00cf_9b00;
  private static final int FLAT_DATA = 0x00cf_9300;
  private static final long SLICE = 1000;
  private static final int MOST_SLICES = 1000;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final HostMachine machine =
      new HostMachine(
          KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, 1 << 16),
          new LinuxX86Pte(Ia32ePte.FOUR_LEVEL));
  final Process process = machine.kernel().spawn();
  private final ModelledHost host = machine.host(process);
  private final Stage2Mmu stage2 =
      new Stage2Mmu(
          new MemSlots(32764, new X86Architecture().physicalBits(0)),
          host.space(),
          host.memory(),
          host.tableFrames(),
          new X86Architecture().stage2Format(0));
  final X86Vm vm;
  final X86Vcpu vcpu;
  final X86Core core;
  final MemorySegment run;

  TestGuest() {
    int flags = Mman.MAP_FIXED | Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
    process.mmap(HVA, (long) RAM_PAGES * PAGE_BYTES, 3, flags, null, 0);
    stage2.setRegion(0, 0, 0, (long) RAM_PAGES * PAGE_BYTES, HVA);
    vm = new X86Vm(this);
    SharedPages pages = host.allocate(2);
    vcpu = (X86Vcpu) vm.createVcpu(0, pages);
    core = vcpu.state().core();
    run = pages.segment();
  }

  /** CPUID shows all that is supported. */
  TestGuest supportedCpuid() {
    byte[] cpuid = new byte[PAGE_BYTES];
    cpuid[0] = 80;
    Caller caller = callerWith(cpuid);
    if (X86System.ioctl(caller, Ioctls.GET_SUPPORTED_CPUID, 0) != 0
        || vcpu.ioctl(caller, Ioctls.SET_CPUID2, 0) != 0) {
      throw new IllegalStateException("CPUID is refused");
    }
    return this;
  }

  /** A process that has these bytes at address 0. */
  private static Caller callerWith(byte[] memory) {
    UserMemory bytes =
        new UserMemory() {
          @Override
          public boolean read(long address, byte[] target, int offset, int count) {
            System.arraycopy(memory, (int) address, target, offset, count);
            return true;
          }

          @Override
          public boolean write(long address, byte[] source, int offset, int count) {
            System.arraycopy(source, offset, memory, (int) address, count);
            return true;
          }
        };
    return new Caller() {
      @Override
      public UserMemory memory() {
        return bytes;
      }

      @Override
      public Descriptors descriptors() {
        throw new UnsupportedOperationException();
      }

      @Override
      public Object addressSpace() {
        return this;
      }
    };
  }

  // Memory, as the client reaches it.

  private MemorySegment page(long gpa) {
    long hva = HVA + gpa;
    if (process.touch(hva, true) != UserSignal.NONE) {
      throw new IllegalStateException("no memory at 0x%x".formatted(gpa));
    }
    long pfn = Translation.pfn(host.space().lookup(hva));
    host.wrote(pfn);
    return host.memory().bytesOf(pfn);
  }

  TestGuest store(long gpa, String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
    for (int i = 0; i < bytes.length; i++) {
      page(gpa + i).set(ValueLayout.JAVA_BYTE, gpa + i & PAGE_BYTES - 1, bytes[i]);
    }
    return this;
  }

  TestGuest store64(long gpa, long... values) {
    for (int i = 0; i < values.length; i++) {
      page(gpa + 8L * i).set(LONG, gpa + 8L * i & PAGE_BYTES - 1, values[i]);
    }
    return this;
  }

  TestGuest store32(long gpa, int... values) {
    for (int i = 0; i < values.length; i++) {
      page(gpa + 4L * i).set(INT, gpa + 4L * i & PAGE_BYTES - 1, values[i]);
    }
    return this;
  }

  long load64(long gpa) {
    return page(gpa).get(LONG, gpa & PAGE_BYTES - 1);
  }

  String bytes(long gpa, int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = page(gpa + i).get(ValueLayout.JAVA_BYTE, gpa + i & PAGE_BYTES - 1);
    }
    return HexFormat.of().formatHex(bytes);
  }

  /** Nothing is at this page until user space answers, which nobody does. */
  void armUserfault(long gpa) {
    Userfaultfd uffd = Userfaultfd.open(process, UffdCode.O_NONBLOCK);
    uffd.api(UffdCode.API, 0);
    uffd.register(HVA + gpa, PAGE_BYTES, UffdCode.REGISTER_MISSING);
  }

  // Modes.

  /** 16-bit real mode, all segments at 0. */
  TestGuest realMode() {
    core.loadCodeSegment(0, 0, 0xffff, 0x9b00, 0);
    for (int segment : new int[] {X86Core.ES, X86Core.SS, X86Core.DS}) {
      core.loadSegment(segment, 0, 0, 0xffff, 0x9300);
    }
    return start(0x1000, 0x8000);
  }

  /** Flat 32-bit protected mode, without paging if {@code cr3} is 0. */
  TestGuest protectedMode(long cr3, long cr4) {
    load(cr3 == 0 ? 0x11 : 0x8001_0011L, cr3, cr4, 0);
    flat(FLAT_CODE_32);
    return start(0x1000, 0x8000);
  }

  /** 64-bit mode on tables at {@code cr3}. */
  TestGuest longMode(long cr3) {
    load(0x8005_0033L, cr3, 0x20, 0x500);
    flat(FLAT_CODE_64);
    return start(0x1000, 0x8000);
  }

  private void load(long cr0, long cr3, long cr4, long efer) {
    vcpu.state().mmu().control().load(cr0, cr3, cr4, efer);
    core.loadControlRegisters(vcpu.state().mmu().registers());
  }

  private void flat(int codeAttributes) {
    for (int segment : new int[] {X86Core.ES, X86Core.SS, X86Core.DS, X86Core.FS, X86Core.GS}) {
      core.loadSegment(segment, 0x10, 0, -1, FLAT_DATA);
    }
    core.loadCodeSegment(8, 0, -1, codeAttributes, 0);
  }

  TestGuest start(long rip, long rsp) {
    core.setRip(rip);
    core.setGpr(X86Core.RSP, rsp);
    core.setGpr(X86Core.RDX, 0);
    core.setRflags(2);
    return this;
  }

  /** Four-level tables that map the first 2 MiB one to one: at 0x2000 to 0x5fff. */
  TestGuest identityTables(long flags) {
    store64(0x2000, 0x3000 | flags).store64(0x3000, 0x4000 | flags).store64(0x4000, 0x5000 | flags);
    for (int i = 0; i < RAM_PAGES; i++) {
      store64(0x5000 + 8L * i, (long) i << 12 | flags);
    }
    return this;
  }

  // KVM_RUN.

  /** Runs to the next exit: its reason; the call must succeed. */
  int run() {
    RunCall call = vcpu.run();
    int state = step(call);
    if (state != RunCall.DONE || call.result() != 0) {
      throw new IllegalStateException(
          "state %d, result %d, rip 0x%x".formatted(state, call.result(), core.rip()));
    }
    return exitReason();
  }

  /** Steps to the end, or until it waits. */
  int step(RunCall call) {
    int state = call.step(SLICE);
    for (int i = 0; i < MOST_SLICES && state == RunCall.MORE; i++) {
      state = call.step(SLICE);
    }
    return state;
  }

  int exitReason() {
    return run.get(INT, 8);
  }

  int runInt(int offset) {
    return run.get(INT, offset);
  }

  long runLong(int offset) {
    return run.get(LONG, offset);
  }

  int runByte(int offset) {
    return run.get(ValueLayout.JAVA_BYTE, offset) & 0xff;
  }

  void setRunByte(int offset, int value) {
    run.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
  }

  void setRunLong(int offset, long value) {
    run.set(LONG, offset, value);
  }

  /** An IO exit: direction, size, port, count and the data page's first bytes. */
  String io() {
    if (exitReason() != KvmRun.EXIT_IO) {
      return "exit " + exitReason();
    }
    boolean in = runByte(32) == 0;
    int bytes = runByte(33) * runInt(36);
    StringBuilder data = new StringBuilder();
    for (int i = 0; i < bytes && !in; i++) {
      data.append("%02x".formatted(runByte(4096 + i)));
    }
    return "%s%d %x x%d%s"
        .formatted(
            in ? "in" : "out", runByte(33), runInt(34) & 0xffff, runInt(36), in ? "" : " " + data);
  }

  /** An MMIO exit: direction, address, size, and what is written. */
  String mmio() {
    if (exitReason() != KvmRun.EXIT_MMIO) {
      return "exit " + exitReason();
    }
    boolean write = runByte(52) != 0;
    StringBuilder data = new StringBuilder();
    for (int i = 0; i < runInt(48) && write; i++) {
      data.append("%02x".formatted(runByte(40 + i)));
    }
    return "%s %x %d%s"
        .formatted(write ? "w" : "r", runLong(32), runInt(48), write ? " " + data : "");
  }

  /** Answers an IN or INS. */
  void ioData(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    MemorySegment.copy(bytes, 0, run, ValueLayout.JAVA_BYTE, 4096, bytes.length);
  }

  /** Answers an MMIO read. */
  void mmioData(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    MemorySegment.copy(bytes, 0, run, ValueLayout.JAVA_BYTE, 40, bytes.length);
  }

  long gpr(int index) {
    return core.gpr(index);
  }

  // The generic part, with an empty bus.

  @Override
  public VmHost host() {
    return host;
  }

  @Override
  public Stage2Mmu stage2() {
    return stage2;
  }

  @Override
  public KvmBus bus() {
    return new KvmBus() {
      @Override
      public boolean write(boolean port, long address, int bytes, long data) {
        return false;
      }

      @Override
      public boolean read(boolean port, long address, int bytes) {
        return false;
      }

      @Override
      public long data() {
        return 0;
      }

      @Override
      public void add(Device device) {
        throw new UnsupportedOperationException();
      }

      @Override
      public void remove(Device device) {
        throw new UnsupportedOperationException();
      }
    };
  }

  @Override
  public boolean isEnabled(int capability) {
    return false;
  }

  @Override
  public ArchVcpu vcpu(int id) {
    return id == 0 ? vcpu : null;
  }

  @Override
  public boolean isDirtyRingFull(int id) {
    return false;
  }

  @Override
  public void acknowledged(int gsi) {}

  @Override
  public void wake() {}

  @Override
  public void close() {
    vcpu.close();
    machine.close();
  }
}
