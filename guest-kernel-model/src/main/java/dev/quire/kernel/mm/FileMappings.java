package dev.quire.kernel.mm;

import java.util.ArrayList;
import java.util.List;

/**
 * The VMAs that map a file (Linux's address_space.i_mmap). Kept by {@link VmaTree}; read by the
 * reverse lookup and by truncation. Used on the kernel's thread.
 */
public final class FileMappings {
  private final List<Vma> vmas = new ArrayList<>();

  void add(Vma vma) {
    vmas.add(vma);
  }

  void remove(Vma vma) {
    for (int i = vmas.size() - 1; i >= 0; i--) {
      if (vmas.get(i) == vma) {
        vmas.set(i, vmas.getLast());
        vmas.removeLast();
        return;
      }
    }
    throw new IllegalStateException("VMA is not in the file's list");
  }

  public boolean isEmpty() {
    return vmas.isEmpty();
  }

  public int size() {
    return vmas.size();
  }

  public Vma get(int index) {
    return vmas.get(index);
  }
}
