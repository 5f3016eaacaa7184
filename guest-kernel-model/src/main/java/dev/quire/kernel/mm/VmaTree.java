package dev.quire.kernel.mm;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.Arrays;

/**
 * The VMAs of a process, by address: a sorted array, which for the few hundred mappings a process
 * has is found through faster than a tree. Used on the kernel's thread.
 */
final class VmaTree {
  private final KernelCounters counters;
  private Vma[] vmas = new Vma[16];
  private int size;

  /** Where the last lookup ended. */
  private int last;

  VmaTree(KernelCounters counters) {
    this.counters = counters;
  }

  int size() {
    return size;
  }

  Vma get(int index) {
    return vmas[index];
  }

  /** The index of the first VMA that ends after an address, or {@link #size}. */
  int indexAfter(long address) {
    int low = 0;
    int high = size;
    while (low < high) {
      int middle = low + high >>> 1;
      if (vmas[middle].end() > address) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** The VMA that holds an address, or null. */
  Vma find(long address) {
    counters.count(Primitive.VMA_LOOKUP);
    if (last < size) {
      Vma cached = vmas[last];
      if (address >= cached.start() && address < cached.end()) {
        return cached;
      }
    }
    int index = indexAfter(address);
    if (index == size || vmas[index].start() > address) {
      return null;
    }
    last = index;
    return vmas[index];
  }

  /** The first VMA that ends after an address, or null (find_vma). */
  Vma findAfter(long address) {
    int index = indexAfter(address);
    return index == size ? null : vmas[index];
  }

  /** The VMA before {@code vma}, or null. */
  Vma previous(Vma vma) {
    int index = indexAfter(vma.start());
    return index == 0 ? null : vmas[index - 1];
  }

  /** The VMA after {@code vma}, or null. */
  Vma next(Vma vma) {
    int index = indexAfter(vma.end());
    return index == size ? null : vmas[index];
  }

  /** Adds a VMA, which overlaps none, and puts it on its file's list. */
  void insert(Vma vma) {
    int index = indexAfter(vma.start());
    if (size == vmas.length) {
      vmas = Arrays.copyOf(vmas, size * 2);
    }
    System.arraycopy(vmas, index, vmas, index + 1, size - index);
    vmas[index] = vma;
    size++;
    if (vma.file() != null) {
      vma.file().get();
      vma.file().mappings().add(vma);
    }
  }

  /** Takes a VMA out, and off its file's list. */
  void remove(Vma vma) {
    int index = indexAfter(vma.start());
    if (index == size || vmas[index] != vma) {
      throw new IllegalStateException("VMA is not in the tree");
    }
    System.arraycopy(vmas, index + 1, vmas, index, size - index - 1);
    vmas[--size] = null;
    AnonVma.unlink(vma);
    if (vma.file() != null) {
      vma.file().mappings().remove(vma);
      vma.file().put();
    }
  }

  /** Whether no VMA overlaps a range. */
  boolean isFree(long start, long end) {
    int index = indexAfter(start);
    return index == size || vmas[index].start() >= end;
  }

  /** The end of the VMA before an address, or 0. */
  long endBefore(long address) {
    int index = indexAfter(address - 1);
    if (index < size && vmas[index].start() < address) {
      return vmas[index].end();
    }
    return index == 0 ? 0 : vmas[index - 1].end();
  }

  /** The start of the first VMA at or after an address, or {@code limit}. */
  long startAfter(long address, long limit) {
    int index = indexAfter(address);
    return index == size ? limit : Math.max(address, vmas[index].start());
  }
}
