package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.exec.CodeCoherence;
import dev.quire.emulator.measure.HostAccesses;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Translation;

/** The processor's own data accesses through the vCPU's MMU. Machine thread only. */
public final class MmuLinearMemory implements LinearMemory {
  private static final int PAGE_BYTES = 1 << Order.BASE_PAGE_SHIFT;

  private final Mmu mmu;
  private final PhysicalMemory memory;
  private final CodeCoherence coherence;
  private final HostAccesses accesses;
  private long value;
  private int errorCode;
  private long cr2;

  public MmuLinearMemory(Mmu mmu, PhysicalMemory memory, CodeCoherence coherence) {
    this(mmu, memory, coherence, HostAccesses.IGNORED);
  }

  /** As above; each access is also told to {@code accesses}, once for each page. */
  public MmuLinearMemory(
      Mmu mmu, PhysicalMemory memory, CodeCoherence coherence, HostAccesses accesses) {
    this.accesses = accesses;
    this.mmu = mmu;
    this.memory = memory;
    this.coherence = coherence;
  }

  @Override
  public int read(long linear, int bytes, int access) {
    long read = 0;
    int done = 0;
    while (done < bytes) {
      long at = linear + done;
      long translation = mmu.translate(at, access | Access.READ);
      if (Translation.failed(translation)) {
        return failure(at);
      }
      accesses.accessed(at, Access.READ);
      int piece = Math.min(bytes - done, bytesToPageEnd(at));
      read |= readPiece(physical(translation, at), piece) << (8 * done);
      done += piece;
    }
    value = read;
    return OK;
  }

  @Override
  public int probeWrite(long linear, int bytes, int access) {
    for (int done = 0; done < bytes; ) {
      long at = linear + done;
      if (Translation.failed(mmu.translate(at, access | Access.WRITE))) {
        return failure(at);
      }
      done += Math.min(bytes - done, bytesToPageEnd(at));
    }
    return OK;
  }

  @Override
  public int write(long linear, int bytes, long newValue, int access) {
    int probe = probeWrite(linear, bytes, access);
    if (probe != OK) {
      return probe;
    }
    int done = 0;
    while (done < bytes) {
      long at = linear + done;
      long translation = mmu.translate(at, access | Access.WRITE);
      accesses.accessed(at, Access.WRITE);
      int piece = Math.min(bytes - done, bytesToPageEnd(at));
      coherence.hostWrote(Translation.pfn(translation));
      writePiece(physical(translation, at), piece, newValue >>> (8 * done));
      done += piece;
    }
    return OK;
  }

  @Override
  public long value() {
    return value;
  }

  @Override
  public int pageFaultErrorCode() {
    return errorCode;
  }

  @Override
  public long cr2() {
    return cr2;
  }

  private int failure(long linear) {
    FaultRecord fault = mmu.fault();
    fault.setVa(linear);
    switch (fault.kind()) {
      case FaultRecord.GUEST -> {
        errorCode = (int) fault.syndrome();
        cr2 = linear;
        mmu.faultTaken();
        return PAGE_FAULT;
      }
      case FaultRecord.NON_CANONICAL -> {
        return NON_CANONICAL;
      }
      default -> {
        return NEEDS_HOST;
      }
    }
  }

  private static long physical(long translation, long linear) {
    return Translation.pa(translation) | linear & PAGE_BYTES - 1;
  }

  private static int bytesToPageEnd(long linear) {
    return PAGE_BYTES - (int) (linear & PAGE_BYTES - 1);
  }

  private long readPiece(long pa, int bytes) {
    long word = memory.readLong(pa & -Long.BYTES);
    int shift = (int) (pa & 7) * 8;
    long low = word >>> shift;
    int have = Long.BYTES - (int) (pa & 7);
    if (have < bytes) {
      low |= memory.readLong((pa & -Long.BYTES) + Long.BYTES) << (8 * have);
    }
    return bytes == Long.BYTES ? low : low & (1L << (8 * bytes)) - 1;
  }

  private void writePiece(long pa, int bytes, long newValue) {
    for (int i = 0; i < bytes; i++) {
      long at = pa + i;
      long aligned = at & -Long.BYTES;
      int shift = (int) (at & 7) * 8;
      long word = memory.readLong(aligned);
      memory.writeLong(aligned, word & ~(0xffL << shift) | (newValue >>> (8 * i) & 0xff) << shift);
    }
  }
}
