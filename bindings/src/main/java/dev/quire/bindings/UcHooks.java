package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.invoke.MethodHandles;

/**
 * The hooks of one {@link Uc}. Each typed hook gets an upcall that catches every Throwable, parks
 * the first, asks the engine to stop and returns a neutral value; {@link Uc#emuStart} throws it
 * later. Each method returns an id for {@link #delete}. Blocks translated before a block, code or
 * memory hook was added do not call it, and blocks translated before its deletion still do, until
 * {@link Uc#tbFlush}.
 */
public final class UcHooks {
  private static final MethodHandles.Lookup LOOKUP = MethodHandles.lookup();

  private final Uc uc;
  private final Arena arena;
  private Throwable parked;
  private NativeBlock nativeBlock;

  UcHooks(Uc uc, Arena arena) {
    this.uc = uc;
    this.arena = arena;
  }

  /** Answers soft-TLB misses; one per engine. */
  public long tlbFill(TlbFillHook hook) {
    return add(UcConst.HOOK_TLB_FILL, new Upcalls.FillUpcall(this, hook), 0);
  }

  /** Exceptions and software interrupts. */
  public long interrupt(InterruptHook hook) {
    return add(UcConst.HOOK_INTR, new Upcalls.InterruptUpcall(this, hook), 0);
  }

  /** Undecodable instructions. */
  public long invalidInsn(InvalidInsnHook hook) {
    return add(UcConst.HOOK_INSN_INVALID, new Upcalls.InvalidInsnUpcall(this, hook), 0);
  }

  /** x86 IN. */
  public long portIn(PortInHook hook) {
    return add(UcConst.HOOK_INSN, new Upcalls.PortInUpcall(this, hook), UcConst.X86_INS_IN);
  }

  /** x86 OUT. */
  public long portOut(PortOutHook hook) {
    return add(UcConst.HOOK_INSN, new Upcalls.PortOutUpcall(this, hook), UcConst.X86_INS_OUT);
  }

  /** x86 SYSCALL. */
  public long syscall(SyscallHook hook) {
    return add(UcConst.HOOK_INSN, new Upcalls.SyscallUpcall(this, hook), UcConst.X86_INS_SYSCALL);
  }

  /** x86 SYSENTER. */
  public long sysenter(SyscallHook hook) {
    return add(UcConst.HOOK_INSN, new Upcalls.SyscallUpcall(this, hook), UcConst.X86_INS_SYSENTER);
  }

  /** x86 CPUID. */
  public long cpuid(SkippableInsnHook hook) {
    return skippable(hook, UcConst.X86_INS_CPUID);
  }

  /** x86 RDTSC. */
  public long rdtsc(SkippableInsnHook hook) {
    return skippable(hook, UcConst.X86_INS_RDTSC);
  }

  /** x86 RDTSCP. */
  public long rdtscp(SkippableInsnHook hook) {
    return skippable(hook, UcConst.X86_INS_RDTSCP);
  }

  /** arm64 MRS (op0 2 and 3). */
  public long mrs(SysRegHook hook) {
    return add(UcConst.HOOK_INSN, new Upcalls.SysRegUpcall(this, hook), 1);
  }

  /** arm64 MSR register (op0 2 and 3). */
  public long msr(SysRegHook hook) {
    return add(UcConst.HOOK_INSN, new Upcalls.SysRegUpcall(this, hook), 2);
  }

  /** arm64 SYS: IC, DC, AT, TLBI. */
  public long sys(SysRegHook hook) {
    return add(UcConst.HOOK_INSN, new Upcalls.SysRegUpcall(this, hook), 3);
  }

  /** arm64 SYSL. */
  public long sysl(SysRegHook hook) {
    return add(UcConst.HOOK_INSN, new Upcalls.SysRegUpcall(this, hook), 4);
  }

  /** Accesses to unmapped physical addresses. */
  public long memUnmapped(MemoryFaultHook hook) {
    return add(UcConst.HOOK_MEM_UNMAPPED, new Upcalls.MemoryFaultUpcall(this, hook), 0);
  }

  /** Accesses that the mapping of their physical address does not allow. */
  public long memProtected(MemoryFaultHook hook) {
    return add(UcConst.HOOK_MEM_PROT, new Upcalls.MemoryFaultUpcall(this, hook), 0);
  }

  /** Block starts, in Java: for tests; a real run uses {@link BlockCounter}. */
  public long block(BlockHook hook) {
    return add(UcConst.HOOK_BLOCK, new Upcalls.BlockUpcall(this, hook), 0);
  }

  /** Every instruction, in Java: for tests. */
  public long code(BlockHook hook) {
    return add(UcConst.HOOK_CODE, new Upcalls.BlockUpcall(this, hook), 0);
  }

  /** A callback for {@link #codeAt}; one serves any number of addresses. */
  public long codeCallback(BlockHook hook) {
    uc.check();
    // NATIVE: the stub lives in the engine's arena, which closes after the engine.
    return NativeCalls.upcall(LOOKUP, new Upcalls.BlockUpcall(this, hook), arena);
  }

  /** Calls {@link #codeCallback} before the instruction at {@code va}, in any address space. */
  public long codeAt(long callback, long va) {
    return add(UcConst.HOOK_CODE, callback, 0, va, va, 0);
  }

  /** Fresh translations. */
  public long translation(TranslationHook hook) {
    return add(UcConst.HOOK_EDGE_GENERATED, new Upcalls.TranslationUpcall(this, hook), 0);
  }

  /**
   * A hook answered by machine code.
   *
   * <p>NATIVE: the code must follow the callback type of unicorn.h and, with its user data, outlive
   * the engine or the hook's deletion plus a {@link Uc#tbFlush}.
   *
   * @param types {@link UcConst} HOOK bits with one callback type, such as BLOCK or MEM
   */
  public long nativeHook(int types, long stubAddress, long userData) {
    long id = add(types, stubAddress, userData, 0);
    if (types == UcConst.HOOK_BLOCK) {
      nativeBlock = new NativeBlock(id, stubAddress, userData);
    }
    return id;
  }

  private record NativeBlock(long id, long stubAddress, long userData) {}

  /** Where the native block hook and its user data are. */
  record CodeAndData(long stubAddress, long userData) {}

  /**
   * Puts machine code in the place of the native block hook, which the new code must call: Unicorn
   * calls a single block hook directly, several through a helper that costs more than both.
   *
   * <p>NATIVE: as for {@link #nativeHook}; {@link Uc#tbFlush} before the next run.
   */
  CodeAndData wrapNativeBlock(long stubAddress, long userData) {
    NativeBlock inner = nativeBlock;
    if (inner == null) {
      throw new IllegalStateException("there is no native block hook to wrap");
    }
    Uc.require("uc_hook_del", UcApi.hookDel(uc.handle(), inner.id));
    long id = add(UcConst.HOOK_BLOCK, stubAddress, userData, 0);
    nativeBlock = new NativeBlock(id, stubAddress, userData);
    return new CodeAndData(inner.stubAddress, inner.userData);
  }

  /**
   * Deletes the native block hook, or what was put in its place. The id of {@link #nativeHook} will
   * not do: once a hook is replaced, Unicorn may give its id to another.
   */
  void deleteNativeBlock() {
    delete(nativeBlock.id);
    nativeBlock = null;
  }

  /** Deletes a hook; see the class comment about translated blocks. */
  public void delete(long hookId) {
    uc.check();
    Uc.require("uc_hook_del", UcApi.hookDel(uc.handle(), hookId));
  }

  private long skippable(SkippableInsnHook hook, int insn) {
    return add(UcConst.HOOK_INSN, new Upcalls.SkippableUpcall(this, hook), insn);
  }

  private long add(int type, NativeCalls.Upcall target, int insn) {
    uc.check();
    // NATIVE: the stub lives in the engine's arena, which closes after the engine.
    return add(type, NativeCalls.upcall(LOOKUP, target, arena), 0L, insn);
  }

  private long add(int type, long callback, long userData, int insn) {
    // Begin above end means everywhere.
    return add(type, callback, userData, 1L, 0L, insn);
  }

  private long add(int type, long callback, long userData, long begin, long end, int insn) {
    uc.check();
    try (Arena out = Arena.ofConfined()) {
      long id = out.allocate(JAVA_LONG).address();
      Uc.require(
          "uc_hook_add",
          UcApi.hookAdd(uc.handle(), id, type, callback, userData, begin, end, insn));
      return RawMemory.getLong(id);
    }
  }

  /** Called by upcalls: keeps the first Throwable and stops the run. */
  void park(Throwable t) {
    if (parked == null) {
      parked = t;
    }
    try {
      uc.emuStop();
    } catch (Throwable again) {
      // NATIVE: nothing may leave an upcall; the parked one is reported when the run returns.
      if (parked != t) {
        return;
      }
    }
  }

  /** Whether a Throwable waits: hooks called while the run winds down do nothing more. */
  boolean failed() {
    return parked != null;
  }

  void rethrow() {
    Throwable t = parked;
    if (t != null) {
      parked = null;
      throw new UpcallException(t);
    }
  }
}
