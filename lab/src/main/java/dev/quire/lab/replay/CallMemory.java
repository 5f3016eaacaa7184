package dev.quire.lab.replay;

import dev.quire.kvm.fd.UserMemory;
import java.util.ArrayList;
import java.util.List;

/** What a system call hands to the kernel by address. Nothing else is there: EFAULT. */
final class CallMemory implements UserMemory {
  private static final long FIRST = 0x7ffc_0000_0000L;
  private static final long STEP = 1L << 28;

  private final List<byte[]> structures = new ArrayList<>();

  /** Gives a structure its address; the kernel reads and writes these bytes. */
  long add(byte[] structure) {
    structures.add(structure);
    return FIRST + (structures.size() - 1) * STEP;
  }

  @Override
  public boolean read(long address, byte[] target, int offset, int bytes) {
    byte[] structure = at(address, bytes);
    if (structure != null) {
      System.arraycopy(structure, (int) ((address - FIRST) % STEP), target, offset, bytes);
    }
    return structure != null;
  }

  @Override
  public boolean write(long address, byte[] source, int offset, int bytes) {
    byte[] structure = at(address, bytes);
    if (structure != null) {
      System.arraycopy(source, offset, structure, (int) ((address - FIRST) % STEP), bytes);
    }
    return structure != null;
  }

  private byte[] at(long address, int bytes) {
    long index = Math.floorDiv(address - FIRST, STEP);
    if (address < FIRST || index >= structures.size()) {
      return null;
    }
    byte[] structure = structures.get((int) index);
    return (address - FIRST) % STEP + bytes <= structure.length ? structure : null;
  }
}
