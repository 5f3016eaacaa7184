package dev.quire.kernel.mm;

import dev.quire.kernel.page.FolioMapping;
import java.util.ArrayList;
import java.util.List;

/**
 * What anonymous folios belong to: knows every VMA in which one of its folios may be mapped. A
 * process gets one for each VMA it faults in, and a child's VMAs hang on those of its ancestors
 * too, since it may map their folios (Linux v6.18 mm/rmap.c, struct anon_vma).
 *
 * <p>Used on the kernel's thread.
 */
final class AnonVma implements FolioMapping {
  private final List<Vma> vmas = new ArrayList<>(1);
  private final AnonVma parent;

  /** Anon_vmas whose parent this is, itself included if it is a root. */
  private int children;

  /** VMAs whose own anon_vma this is. */
  private int activeVmas;

  private AnonVma(AnonVma parent) {
    this.parent = parent == null ? this : parent;
    this.parent.children++;
  }

  @Override
  public boolean isAnon() {
    return true;
  }

  /** VMAs that may map folios of this anon_vma. */
  List<Vma> vmas() {
    return vmas;
  }

  /** Gives a VMA the anon_vma its new folios go to, a neighbour's if that allows merging later. */
  static void prepare(Vma vma, AnonVma mergeable) {
    if (vma.anonVma() != null) {
      return;
    }
    AnonVma chosen = mergeable != null ? mergeable : new AnonVma(null);
    vma.setAnonVma(chosen);
    attach(vma, chosen);
    chosen.activeVmas++;
  }

  private static void attach(Vma vma, AnonVma anonVma) {
    vma.anonChain().add(anonVma);
    anonVma.vmas.add(vma);
  }

  /** A part of a VMA, or its copy elsewhere, belongs to the same anon_vmas (anon_vma_clone). */
  static void copy(Vma to, Vma from) {
    if (from.anonVma() == null) {
      return;
    }
    to.setAnonVma(from.anonVma());
    for (AnonVma linked : from.anonChain()) {
      attach(to, linked);
    }
    to.anonVma().activeVmas++;
  }

  /** The child's VMA: on all of the parent's anon_vmas, and on one of its own (anon_vma_fork). */
  static void fork(Vma child, Vma parent) {
    if (parent.anonVma() == null) {
      return;
    }
    for (AnonVma linked : parent.anonChain()) {
      attach(child, linked);
    }
    for (int i = child.anonChain().size() - 1; i >= 0 && child.anonVma() == null; i--) {
      AnonVma linked = child.anonChain().get(i);
      // Nobody's own any more and with at most one child: may serve again.
      if (linked.children < 2 && linked.activeVmas == 0) {
        child.setAnonVma(linked);
        linked.activeVmas++;
      }
    }
    if (child.anonVma() == null) {
      AnonVma own = new AnonVma(parent.anonVma());
      child.setAnonVma(own);
      attach(child, own);
      own.activeVmas++;
    }
  }

  /** The VMA goes: it leaves all its anon_vmas (unlink_anon_vmas). */
  static void unlink(Vma vma) {
    if (vma.anonVma() == null) {
      return;
    }
    for (AnonVma linked : vma.anonChain()) {
      linked.remove(vma);
    }
    vma.anonChain().clear();
    vma.anonVma().activeVmas--;
    vma.setAnonVma(null);
  }

  private void remove(Vma vma) {
    for (int i = vmas.size() - 1; i >= 0; i--) {
      if (vmas.get(i) == vma) {
        vmas.set(i, vmas.getLast());
        vmas.removeLast();
        break;
      }
    }
    if (vmas.isEmpty()) {
      parent.children--;
    }
  }
}
