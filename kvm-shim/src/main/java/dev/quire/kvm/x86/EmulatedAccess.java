package dev.quire.kvm.x86;

import dev.quire.emulator.decode.CodeMode;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.HostFaults;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.LinearMemory;
import dev.quire.emulator.vcpu.x86.UnitStatus;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.KvmBus;
import dev.quire.kvm.vm.KvmFaults;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Mmu;

/**
 * A data access that KVM's emulator makes in the core's stead, of memory and of devices: those in
 * the kernel answer at once, and from the first piece that none of them takes a page's part is owed
 * to user space, 8 bytes at a time (Linux v6.18 arch/x86/kvm/x86.c, emulator_read_write and
 * complete_emulated_mmio). VM thread only.
 */
final class EmulatedAccess {
  /** Most bytes of an access: the emulator's read-ahead buffer. */
  static final int MOST_BYTES = 1024;

  /** Beside a {@link UnitStatus}: a table of the guest's is where no memory is. */
  static final int TABLE_OUTSIDE_MEMORY = -3;

  private static final int PIECE_BYTES = 8;
  private static final int PAGE_BYTES = KvmRun.PAGE_BYTES;
  private static final long LOW_32 = 0xffff_ffffL;

  /** An access of {@link #MOST_BYTES} reaches into two pages. */
  private static final int MOST_FRAGMENTS = 2;

  /** Each retry maps one more page, of the access or of the guest's tables. */
  private static final int MOST_RETRIES = 256;

  private final X86Core core;
  private final LinearMemory memory;
  private final Mmu mmu;
  private final KvmFaults host;
  private final KvmBus bus;
  private final byte[] data = new byte[MOST_BYTES];
  private final long[] fragmentGpas = new long[MOST_FRAGMENTS];
  private final int[] fragmentStarts = new int[MOST_FRAGMENTS];
  private final int[] fragmentEnds = new int[MOST_FRAGMENTS];
  private boolean write;
  private long linear;
  private int start;
  private int end;
  private int done;
  private int privilege;
  private VcpuExit blocked;
  private int fragments;
  private int current;

  EmulatedAccess(X86Core core, LinearMemory memory, Mmu mmu, KvmFaults host, KvmBus bus) {
    this.core = core;
    this.memory = memory;
    this.mmu = mmu;
    this.host = host;
    this.bus = bus;
  }

  /**
   * Names the access that {@link #reach} makes.
   *
   * @param linear address of its first byte
   * @param start where the first byte is in the data
   * @param bytes 1 to {@link #MOST_BYTES}
   * @param privilege {@link Access#USER} or 0
   */
  void begin(boolean write, long linear, int start, int bytes, int privilege) {
    this.write = write;
    this.linear = linear;
    this.start = start;
    this.end = start + bytes;
    this.done = start;
    this.privilege = privilege;
    fragments = 0;
    current = 0;
  }

  /** Up to 8 bytes of the data, zero-extended. */
  long get(int offset, int bytes) {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (data[offset + i] & 0xffL) << Byte.SIZE * i;
    }
    return value;
  }

  /** Sets up to 8 bytes of the data. */
  void put(int offset, int bytes, long value) {
    for (int i = 0; i < bytes; i++) {
      data[offset + i] = (byte) (value >>> Byte.SIZE * i);
    }
  }

  /**
   * Goes through the bytes as far as they can be had; again after {@link UnitStatus#NEEDS_HOST},
   * where it left off.
   *
   * @return {@link UnitStatus#OK} when only what is {@link #isOwed} is left; a vector; {@link
   *     #TABLE_OUTSIDE_MEMORY}; {@link UnitStatus#NEEDS_HOST} with why in {@link #blocked}
   */
  int reach() {
    int retries = 0;
    while (done < end) {
      long at = address(done - start);
      int bytes = Math.min(Math.min(PIECE_BYTES, end - done), toPageEnd(at));
      int status = UnitStatus.of(access(at, bytes));
      if (status == UnitStatus.OK) {
        done += bytes;
        continue;
      }
      if (status != UnitStatus.NEEDS_HOST) {
        return status;
      }
      FaultRecord fault = mmu.fault();
      switch (host.resolve(fault)) {
        case HostFaults.MAPPED -> {
          if (++retries > MOST_RETRIES) {
            return blockedBy(
                new VcpuExit.InternalError("memory at 0x%x is lost again and again".formatted(at)));
          }
        }
        case HostFaults.FAILED -> {
          return blockedBy(new VcpuExit.InternalError(host.problem()));
        }
        case HostFaults.HANDLER_DEAD -> {
          return blockedBy(new VcpuExit.HandlerDead(host.problem()));
        }
        default -> {
          if (Access.isTableWalk(fault.access())) {
            return TABLE_OUTSIDE_MEMORY;
          }
          host.discountDevice();
          device(
              fault.gpa() & -PAGE_BYTES | at & PAGE_BYTES - 1, Math.min(end - done, toPageEnd(at)));
        }
      }
    }
    return UnitStatus.OK;
  }

  /** The fault behind {@link #TABLE_OUTSIDE_MEMORY}. */
  FaultRecord fault() {
    return mmu.fault();
  }

  private int blockedBy(VcpuExit exit) {
    blocked = exit;
    return UnitStatus.NEEDS_HOST;
  }

  /** Why the last {@link #reach} did not get on. */
  VcpuExit blocked() {
    return blocked;
  }

  private long address(int offset) {
    long at = linear + offset;
    return core.codeMode() == CodeMode.BITS_64 ? at : at & LOW_32;
  }

  private static int toPageEnd(long at) {
    return PAGE_BYTES - (int) (at & PAGE_BYTES - 1);
  }

  private int access(long at, int bytes) {
    if (write) {
      return memory.write(at, bytes, get(done, bytes), privilege);
    }
    int status = memory.read(at, bytes, privilege);
    if (status == LinearMemory.OK) {
      put(done, bytes, memory.value());
    }
    return status;
  }

  /** A page's part at no memory: the kernel's devices first (vcpu_mmio_write, vcpu_mmio_read). */
  private void device(long gpa, int bytes) {
    int stop = done + bytes;
    long at = gpa;
    while (done < stop) {
      int piece = Math.min(PIECE_BYTES, stop - done);
      if (!offer(at, piece)) {
        fragmentGpas[fragments] = at;
        fragmentStarts[fragments] = done;
        fragmentEnds[fragments] = stop;
        fragments++;
        done = stop;
        return;
      }
      done += piece;
      at += piece;
    }
  }

  private boolean offer(long gpa, int bytes) {
    if (write) {
      return bus.write(false, gpa, bytes, get(done, bytes));
    }
    boolean answered = bus.read(false, gpa, bytes);
    if (answered) {
      put(done, bytes, bus.data());
    }
    return answered;
  }

  /** Whether user space has a part to perform still. */
  boolean isOwed() {
    return current < fragments;
  }

  /** Writes the exit for the next piece; a write is done with it, a read awaits {@link #take}. */
  void exit(KvmRun run) {
    int bytes = pieceBytes();
    run.exitMmio(fragmentGpas[current], bytes, write, get(fragmentStarts[current], bytes));
    if (write) {
      next(bytes);
    }
  }

  /** Takes what user space has read. */
  void take(KvmRun run) {
    int bytes = pieceBytes();
    put(fragmentStarts[current], bytes, run.mmioData(bytes));
    next(bytes);
  }

  private int pieceBytes() {
    return Math.min(PIECE_BYTES, fragmentEnds[current] - fragmentStarts[current]);
  }

  private void next(int bytes) {
    fragmentGpas[current] += bytes;
    fragmentStarts[current] += bytes;
    if (fragmentStarts[current] == fragmentEnds[current]) {
      current++;
    }
  }
}
