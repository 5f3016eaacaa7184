package dev.quire.emulator.restore;

import java.util.Locale;

/** Who put contents into a page of guest memory. */
public enum Populator {
  /** The restore, before the guest ran. */
  EAGER,
  /** The kernel, in the fault of a vCPU. */
  VCPU_FAULT,
  /** A handler, for the page that a vCPU waited for. */
  HANDLER,
  /** A handler, for pages that nobody waited for. */
  PREFETCH;

  /** As JSON and reports name it. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
