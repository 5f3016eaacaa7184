package dev.quire.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * One Unicorn instance: a CPU core. All addresses are guest addresses unless said otherwise; sizes
 * are bytes.
 *
 * <p><b>Thread rule.</b> The thread that opened it owns it; any other gets an
 * IllegalStateException, except in {@link #emuStop}. Hooks run on the owner, inside {@link
 * #emuStart}.
 *
 * <p><b>Errors.</b> A refused call throws {@link UcException}; {@link #emuStart} returns its code.
 * A hook's Throwable is parked, the run stopped, and {@link UpcallException} thrown when it has
 * returned. Closing twice is harmless; use after close is an IllegalStateException.
 */
public final class Uc implements AutoCloseable {
  private static final int CTL_WRITE = 1;
  private static final int CTL_READ = 2;
  private static final int CTL_PAGE_SIZE = 1;
  private static final int CTL_USE_EXITS = 4;
  private static final int CTL_CPU_MODEL = 7;
  private static final int CTL_REQUEST_CACHE = 8;
  private static final int CTL_REMOVE_CACHE = 9;
  private static final int CTL_TB_FLUSH = 10;
  private static final int CTL_TLB_FLUSH = 11;
  private static final int CTL_TLB_TYPE = 12;
  private static final int CTL_TCG_BUFFER_SIZE = 13;

  private static final int TLB_CPU = 0;
  private static final int TLB_VIRTUAL = 1;

  /** Bytes of scratch for register structs and out parameters. */
  private static final int SCRATCH_BYTES = 256;

  private final Thread owner = Thread.currentThread();
  private final Arena arena = Arena.ofConfined();
  private final Object lifetime = new Object();
  private final int arch;
  private final List<Lent> lent = new ArrayList<>();
  private final List<Runnable> afterClose = new ArrayList<>();
  private Runnable beforeStop = () -> {};
  private final UcHooks hooks;
  private final UcRegisters registers;
  private final long scratch;
  private final long handle;
  private boolean running;
  private boolean closed;

  /** Host memory mapped as guest memory. */
  private record Lent(long pa, long bytes, MemorySegment memory) {}

  private Uc(int arch, int mode) {
    this.arch = arch;
    scratch = arena.allocate(SCRATCH_BYTES, 16).address();
    int code = UcApi.open(arch, mode, scratch);
    if (code != UcError.OK) {
      arena.close();
      throw new UcException("uc_open", code);
    }
    handle = RawMemory.getLong(scratch);
    hooks = new UcHooks(this, arena);
    registers = new UcRegisters(this, handle, scratch);
  }

  /**
   * Opens an instance owned by the calling thread.
   *
   * @param arch {@link UcConst#ARCH_X86} or {@link UcConst#ARCH_ARM64}
   * @param mode {@link UcConst#MODE_64} for x86, {@link UcConst#MODE_ARM} for arm64
   * @throws NativeLibraryException without a usable library
   */
  public static Uc open(int arch, int mode) {
    NativeLibraries.unicorn();
    return new Uc(arch, mode);
  }

  /** Frees the instance, its hooks and scratch; not while it runs. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    if (Thread.currentThread() != owner) {
      throw wrongThread();
    }
    if (running) {
      throw new IllegalStateException("a hook tried to close the engine that runs it");
    }
    synchronized (lifetime) {
      closed = true;
    }
    // NATIVE: last use of the handle; the stubs of the arena die after it.
    UcApi.close(handle);
    arena.close();
    for (Runnable action : afterClose) {
      action.run();
    }
  }

  /** Whether {@link #close} has run. */
  public boolean isClosed() {
    return closed;
  }

  /**
   * Runs something, on the owner's thread, when the engine no longer reaches native resources: at
   * once if it is closed.
   */
  void afterClose(Runnable action) {
    if (closed) {
      action.run();
      return;
    }
    check();
    afterClose.add(action);
  }

  /** Runs an action on the owner's thread whenever a hook asks for a stop. */
  void beforeStop(Runnable action) {
    check();
    beforeStop = action;
  }

  /** The {@code UC_ARCH} value given at opening. */
  public int arch() {
    return arch;
  }

  /** The {@code uc_engine *}, for native stubs; valid until closed. */
  public long handle() {
    check();
    return handle;
  }

  /** The address of the C function {@code uc_emu_stop}, for native stubs. */
  public static long emuStopAddress() {
    return UcApi.stopAddress();
  }

  // ---- control -------------------------------------------------------------------------------

  /** Chooses the CPU model; must be the first call after opening (arm64: after the page size). */
  public void cpuModel(int model) {
    ctlWrite(CTL_CPU_MODEL, model);
  }

  /** Fills are answered by {@link TlbFillHook}. */
  public void tlbTypeVirtual() {
    ctlWrite(CTL_TLB_TYPE, TLB_VIRTUAL);
  }

  /** Fills are answered by the engine's own page-table walker. */
  public void tlbTypeCpu() {
    ctlWrite(CTL_TLB_TYPE, TLB_CPU);
  }

  /** With true, {@code until} is ignored and a run ends only by a stop. */
  public void useExits(boolean enabled) {
    ctlWrite(CTL_USE_EXITS, enabled ? 1 : 0);
  }

  /** Sets the target page size in bytes (arm64 only); before any other call. */
  public void pageSize(int bytes) {
    ctlWrite(CTL_PAGE_SIZE, bytes);
  }

  /** Drops all soft-TLB entries. Translated blocks stay. */
  public void tlbFlush() {
    ctlNone(CTL_TLB_FLUSH);
  }

  /** Drops all translated blocks. */
  public void tbFlush() {
    ctlNone(CTL_TB_FLUSH);
  }

  /** Drops the translated blocks of a virtual range; {@code endVa} is exclusive. */
  public void removeCache(long startVa, long endVa) {
    check();
    ctl(control(CTL_REMOVE_CACHE, 2, CTL_WRITE), startVa, endVa);
  }

  /** Translates the block at {@code va} if need be, and tells its size. May call the fill hook. */
  public TranslatedBlock requestCache(long va) {
    check();
    ctl(control(CTL_REQUEST_CACHE, 2, CTL_READ | CTL_WRITE), va, scratch);
    return new TranslatedBlock(
        RawMemory.getLong(scratch),
        RawMemory.getShort(scratch + 8),
        RawMemory.getShort(scratch + 10));
  }

  /** Sets the size of the buffer for translated code; before any other call but the models. */
  public void setTcgBufferSize(int bytes) {
    ctlWrite(CTL_TCG_BUFFER_SIZE, bytes);
  }

  /** The size of the buffer for translated code. */
  public int getTcgBufferSize() {
    check();
    ctl(control(CTL_TCG_BUFFER_SIZE, 1, CTL_READ), scratch, 0);
    return RawMemory.getInt(scratch);
  }

  private static int control(int type, int arguments, int direction) {
    return type | arguments << 26 | direction << 30;
  }

  private void ctlNone(int type) {
    check();
    ctl(control(type, 0, CTL_WRITE), 0, 0);
  }

  private void ctlWrite(int type, int value) {
    check();
    ctl(control(type, 1, CTL_WRITE), value, 0);
  }

  private void ctl(int control, long first, long second) {
    require("uc_ctl", UcApi.ctl(handle, control, first, second));
  }

  // ---- memory --------------------------------------------------------------------------------

  /**
   * Lends host memory as guest physical memory, without a copy.
   *
   * @param pa page-aligned guest physical address
   * @param bytes page-aligned length, within the segment
   * @param perms {@link UcConst} PERM bits
   * @param memory page-aligned native memory, which must outlive the mapping: a run is refused once
   *     its arena is closed
   */
  public void memMapPtr(long pa, long bytes, int perms, MemorySegment memory) {
    check();
    if (!memory.isNative() || memory.byteSize() < bytes || bytes <= 0) {
      throw new IllegalArgumentException(
          "need " + bytes + " bytes of native memory, got " + memory.byteSize());
    }
    require("uc_mem_map_ptr", UcApi.memMapPtr(handle, pa, bytes, perms, memory.address()));
    lent.add(new Lent(pa, bytes, memory));
  }

  /** Takes a range of guest physical memory away. */
  public void memUnmap(long pa, long bytes) {
    check();
    require("uc_mem_unmap", UcApi.memUnmap(handle, pa, bytes));
    lent.removeIf(l -> l.pa >= pa && l.pa + l.bytes <= pa + bytes);
  }

  /**
   * Asks the engine's own MMU for a translation (it goes through the soft TLB; flush first).
   *
   * @param prot the {@link UcConst} PERM bit of the access
   * @return the physical address, or {@code -code} of the {@link UcError}
   */
  public long vmemTranslate(long va, int prot) {
    check();
    int code = UcApi.vmemTranslate(handle, va, prot, scratch);
    return code == UcError.OK ? RawMemory.getLong(scratch) : -code;
  }

  // ---- running -------------------------------------------------------------------------------

  /**
   * Runs from {@code begin}.
   *
   * @param begin program counter
   * @param until where to end; ignored after {@link #useExits}
   * @param timeoutMicros leave 0: a timeout stops inexactly and costs a thread
   * @param count instructions to run, 0 for no bound
   * @return the {@link UcError} code
   * @throws UpcallException when a hook threw
   */
  public int emuStart(long begin, long until, long timeoutMicros, long count) {
    check();
    if (running) {
      throw new IllegalStateException("a hook tried to run the engine that runs it");
    }
    for (int i = 0; i < lent.size(); i++) {
      if (!lent.get(i).memory.scope().isAlive()) {
        throw new IllegalStateException("memory lent to the guest was released: " + lent.get(i));
      }
    }
    running = true;
    int code;
    try {
      code = UcApi.start(handle, begin, until, timeoutMicros, count);
    } finally {
      running = false;
    }
    hooks.rethrow();
    return code;
  }

  /**
   * Asks the run to stop, from a hook on the owner's thread or from any other. It is exact only in
   * an interrupt, block or code hook; elsewhere the engine leaves after the next load or store with
   * the program counter still at it, and a request that comes before the run has begun is lost. A
   * real guest is stopped through {@link BlockCounter#requestStop} and {@link BlockCounter#kick}.
   * Without effect once closed.
   */
  public void emuStop() {
    if (Thread.currentThread() == owner) {
      if (!closed) {
        beforeStop.run();
        UcApi.stop(handle);
      }
      return;
    }
    synchronized (lifetime) {
      if (!closed) {
        UcApi.stop(handle);
      }
    }
  }

  // ---- state ---------------------------------------------------------------------------------

  /** The registers of this instance. */
  public UcRegisters registers() {
    return registers;
  }

  /** A fresh context to save this instance's CPU state in. */
  public UcContext contextAlloc() {
    check();
    return new UcContext(this, scratch);
  }

  // ---- hooks ---------------------------------------------------------------------------------

  /** The hooks of this instance. */
  public UcHooks hooks() {
    check();
    return hooks;
  }

  // ---- for this package ----------------------------------------------------------------------

  /** The cheap half of {@link #check}, for accesses of about a nanosecond. */
  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("this engine is closed");
    }
  }

  void check() {
    requireOpen();
    if (Thread.currentThread() != owner) {
      throw wrongThread();
    }
  }

  private IllegalStateException wrongThread() {
    return new IllegalStateException(
        "this engine belongs to " + owner + ", not to " + Thread.currentThread());
  }

  static void require(String call, int code) {
    if (code != UcError.OK) {
      throw new UcException(call, code);
    }
  }
}
