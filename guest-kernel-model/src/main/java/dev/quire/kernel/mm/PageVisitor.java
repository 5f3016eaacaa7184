package dev.quire.kernel.mm;

/** Receives the entries of a range that are not none, in order of address. */
@FunctionalInterface
public interface PageVisitor {
  void page(long address, PageReport page);
}
