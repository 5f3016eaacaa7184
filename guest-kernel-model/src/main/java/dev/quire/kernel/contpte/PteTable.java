package dev.quire.kernel.contpte;

/** A table of base pages, as {@link ContPte} needs to know it. */
public interface PteTable {
  /** The entries themselves, in the architecture's format. */
  long[] entries();

  /** The user address that the first entry maps. */
  long address();

  /** Id of the address space. */
  int mm();
}
