package dev.quire.lab.contention;

/** How vCPUs get their pages, in the words of KVM's demand_paging_test. */
public enum PagingMode {
  /** All memory at one userfaultfd, with as many readers as vCPUs. */
  ONE_UFFD,
  /** Each vCPU's memory at a userfaultfd of its own, with one reader each. */
  UFFD_EACH,
  /** vCPUs leave KVM with KVM_EXIT_MEMORY_FAULT and ask for the page at the one userfaultfd. */
  EXITS,
  /** The same, each at a userfaultfd of its own. */
  EXITS_EACH;

  boolean exits() {
    return this == EXITS || this == EXITS_EACH;
  }

  boolean shared() {
    return this == ONE_UFFD || this == EXITS;
  }
}
