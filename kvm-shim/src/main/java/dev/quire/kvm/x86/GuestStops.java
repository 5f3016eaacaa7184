package dev.quire.kvm.x86;

import dev.quire.emulator.decode.AccessKind;
import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.X86Flags;
import dev.quire.emulator.vcpu.x86.X86HostInstructions;
import dev.quire.emulator.vcpu.x86.X86Vector;

/**
 * KVM_SET_GUEST_DEBUG at work: single steps, breakpoints by INT3 and by debug registers, each an
 * exit to user space that the guest does not notice (Linux v6.18 arch/x86/kvm/vmx/vmx.c,
 * handle_exception_nmi). VM thread only.
 *
 * <p>While any of these is asked for, the core executes one instruction at a time.
 */
final class GuestStops {
  /** DR6 without a cause: its bits that read as one. */
  private static final long DR6_ACTIVE_LOW = 0xffff_0ff0L;

  private static final long DR6_SINGLE_STEP = 1 << 14;
  private static final int BREAKPOINTS = 4;
  private static final long NEVER = -1;
  private static final int TYPE_EXECUTE = 0;
  private static final int TYPE_WRITE = 1;
  private static final int TYPE_ACCESS = 3;

  private final X86Engine engine;
  private final X86Core core;
  private final X86HostInstructions instructions;
  private final GuestDebug debug;
  private final RunExit exits;

  /** Of the instruction ahead: DR6 bits of the data breakpoints it will meet. */
  private long dataHits;

  private long retiredBefore;
  private boolean stepping;

  /** Retired instructions when RFLAGS.RF was taken from the one ahead, and where that is. */
  private long resumed = NEVER;

  private long resumedPc;

  GuestStops(X86Engine engine, X86HostInstructions instructions, GuestDebug debug, RunExit exits) {
    this.engine = engine;
    this.core = engine.core();
    this.instructions = instructions;
    this.debug = debug;
    this.exits = exits;
  }

  /** The instruction at the program counter, or null. */
  X86Instruction current() {
    return engine.code().current();
  }

  private boolean singleSteps() {
    return (debug.control() & GuestDebug.SINGLESTEP) != 0;
  }

  private boolean breaks() {
    return (debug.control() & GuestDebug.USE_HW_BP) != 0 && (debug.dr7() & 0xff) != 0;
  }

  /** How far the core may run: one instruction where something is watched. */
  long deadline(long sliceEnd) {
    stepping = singleSteps() || breaks();
    retiredBefore = engine.retired();
    return stepping ? Math.min(sliceEnd, retiredBefore + 1) : sliceEnd;
  }

  /** A KVM_RUN begins. */
  void begin() {
    resumed = NEVER;
  }

  /** Before the core runs on: a breakpoint at the program counter, unless RFLAGS.RF is set. */
  VcpuExit beforeRun() {
    VcpuExit stop = breakpoint();
    if (stop == null) {
      takeResumeFlag();
    }
    return stop;
  }

  /** RFLAGS.RF holds for the instruction that the core executes next; a fault pushes it set. */
  void takeResumeFlag() {
    if ((core.controlFlags() & X86Flags.RFLAGS_RF) != 0) {
      core.setResumeFlag(false);
      resumed = engine.retired();
      resumedPc = core.linearPc();
    }
  }

  /** Gives the instruction its RFLAGS.RF back, which user space sees until it is over. */
  void showResumeFlag() {
    if (resumed == engine.retired() && resumedPc == core.linearPc()) {
      core.setResumeFlag(true);
    }
  }

  private VcpuExit breakpoint() {
    dataHits = 0;
    if (!breaks()) {
      return null;
    }
    if ((core.controlFlags() & X86Flags.RFLAGS_RF) == 0) {
      long hits = executeHits(core.linearPc());
      if (hits != 0) {
        return exits.debug(X86Vector.DEBUG, core, DR6_ACTIVE_LOW | hits, debug.dr7());
      }
    }
    X86Instruction ahead = engine.code().current();
    dataHits = ahead == null ? 0 : accessHits(ahead);
    return null;
  }

  /**
   * The core has reached its deadline: whether that was a step that user space wants to see.
   *
   * @return null if not
   */
  VcpuExit afterRun() {
    if (!stepping || engine.retired() == retiredBefore) {
      return null;
    }
    long hits = dataHits;
    dataHits = 0;
    if (singleSteps()) {
      hits |= DR6_SINGLE_STEP;
    }
    return hits == 0 ? null : exits.debug(X86Vector.DEBUG, core, DR6_ACTIVE_LOW | hits, dr7());
  }

  private long dr7() {
    return breaks() ? debug.dr7() : 0x400;
  }

  /** KVM has performed an instruction in the core's stead (kvm_vcpu_do_singlestep). */
  VcpuExit stepped() {
    if (singleSteps()) {
      return exits.debug(X86Vector.DEBUG, core, DR6_ACTIVE_LOW | DR6_SINGLE_STEP, dr7());
    }
    return instructions.trace();
  }

  /** A trap of the core that user space asked for; null for the guest's own. */
  VcpuExit trap(int number) {
    if (number != X86Vector.BREAKPOINT
        || (debug.control() & GuestDebug.USE_SW_BP) == 0
        || !core.raisedBySoftware()
        || engine.code().softwareInterruptBytes(number) != 1) {
      return null;
    }
    core.acknowledgeRaised();
    core.setRip(core.rip() - 1);
    engine.unretireOne();
    return exits.debug(X86Vector.BREAKPOINT, core, DR6_ACTIVE_LOW, dr7());
  }

  private long executeHits(long pc) {
    long hits = 0;
    for (int i = 0; i < BREAKPOINTS; i++) {
      if (isEnabled(i) && type(i) == TYPE_EXECUTE && debug.address(i) == pc) {
        hits |= 1L << i;
      }
    }
    return hits;
  }

  private long accessHits(X86Instruction ahead) {
    long hits = 0;
    for (int i = 0; i < BREAKPOINTS; i++) {
      if (isEnabled(i) && (type(i) == TYPE_WRITE || type(i) == TYPE_ACCESS) && meets(ahead, i)) {
        hits |= 1L << i;
      }
    }
    return hits;
  }

  private boolean meets(X86Instruction ahead, int index) {
    boolean writesOnly = type(index) == TYPE_WRITE;
    if (ahead.memoryKind() != AccessKind.NONE
        && counts(ahead.memoryKind(), writesOnly)
        && overlaps(index, ahead.effectiveAddress(core, core.rip()), ahead.memoryBytes())) {
      return true;
    }
    if (ahead.stringDestinationKind() != AccessKind.NONE
        && counts(ahead.stringDestinationKind(), writesOnly)
        && overlaps(index, ahead.stringDestinationAddress(core), ahead.elementBytes())) {
      return true;
    }
    if (ahead.readsStringSource()
        && !writesOnly
        && overlaps(index, ahead.stringSourceAddress(core), ahead.elementBytes())) {
      return true;
    }
    return ahead.stackKind() != AccessKind.NONE
        && counts(ahead.stackKind(), writesOnly)
        && overlaps(index, ahead.stackAddress(core), ahead.stackBytes());
  }

  private static boolean counts(AccessKind kind, boolean writesOnly) {
    return !writesOnly || kind.faultsAsWrite();
  }

  private boolean overlaps(int index, long linear, int bytes) {
    int length = watchedBytes(index);
    long start = debug.address(index) & -length;
    return linear - start < length && start - linear < bytes;
  }

  private boolean isEnabled(int index) {
    return (debug.dr7() >>> 2 * index & 3) != 0;
  }

  private int type(int index) {
    return (int) (debug.dr7() >>> 16 + 4 * index) & 3;
  }

  /** 1, 2, 8 or 4 bytes, in the order of the encoding (SDM vol. 3B, 17.2.4). */
  private int watchedBytes(int index) {
    return switch ((int) (debug.dr7() >>> 18 + 4 * index) & 3) {
      case 0 -> 1;
      case 1 -> 2;
      case 2 -> 8;
      default -> 4;
    };
  }
}
