package dev.quire.emulator.restore;

/** Work of a restore that the modelled kernel does not count. */
public enum HostWork {
  /** 4 KiB copied by a process itself, into memory it has mapped. */
  USER_PAGE_COPY("user-page-copy"),
  /** A vCPU's way out to the host for a second-stage fault, and back. */
  VM_EXIT("vm-exit"),
  /** A second-stage leaf installed. */
  STAGE2_LEAF("stage2-leaf");

  private final String priceName;

  HostWork(String priceName) {
    this.priceName = priceName;
  }

  /** The name of its price. */
  public String priceName() {
    return priceName;
  }
}
